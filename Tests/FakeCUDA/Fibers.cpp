// Runs a kernel on the processor: block after block in any order, the threads of a block in any order too, each on a stack
// of its own, so that it can stop at a barrier. A thread runs from a barrier to the next without a break: where a barrier
// is missing, it finds what others have not written yet, or have overwritten.

#include "Internal.h"
#include "KernelShim.h"

#include <cstring>
#include <sys/mman.h>

// The system's way to change stacks is slow: it asks the kernel each time.
#if !defined(__x86_64__) && !defined(__aarch64__)
#define FAKE_CUDA_UCONTEXT
#endif
#ifdef FAKE_CUDA_UCONTEXT
#include <ucontext.h>
#endif

HIDDEN Index3 threadIdx, blockIdx;
HIDDEN Index3 blockDim, gridDim;

namespace {

constexpr size_t stackBytes = 128 << 10, stackGuard = 64 << 10;

struct Fiber {
#ifdef FAKE_CUDA_UCONTEXT
    ucontext_t place;
#else
    void *stackPointer = nullptr;
#endif
    unsigned thread = 0;
    unsigned line = 0;          // of the barrier at which it waits
    const char *file = "";
};

/// The block that runs.
struct Block {
    const Kernel *kernel;
    void **arguments;
    unsigned size;
    std::vector<unsigned> order;
    unsigned next;              // in `order`: the thread that begins next
    unsigned ended;
};

Block block;
Fiber scheduler;
Fiber *running = nullptr;
auto &idle = *new std::vector<Fiber *>;
auto &waiting = *new std::vector<Fiber *>;
auto &resumed = *new std::vector<Fiber *>;

/// A fiber runs thread after thread, as long as none stops: threads without barriers cost no switch.
void runThreads();

}

#if defined(FAKE_CUDA_UCONTEXT)

namespace {

void prepare(Fiber &fiber, char *top) {
    getcontext(&fiber.place);
    fiber.place.uc_stack.ss_sp = top - stackBytes;
    fiber.place.uc_stack.ss_size = stackBytes;
    makecontext(&fiber.place, &runThreads, 0);
}

}

#elif defined(__x86_64__)

// Keeps what a call must keep, and goes on on the other stack.
extern "C" HIDDEN void fakeCUDASwitch(void **from, void *to);
asm(R"(
    .text
    .p2align 4
    .hidden fakeCUDASwitch
    .globl fakeCUDASwitch
    .type fakeCUDASwitch, @function
fakeCUDASwitch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size fakeCUDASwitch, . - fakeCUDASwitch
)");

namespace {

void prepare(Fiber &fiber, char *top) {
    void **stack = reinterpret_cast<void **>(top) - 3;
    stack[0] = nullptr;                                     // no caller: after a call, a stack is 8 bytes from an even place
    stack[-1] = reinterpret_cast<void *>(&runThreads);
    for (int i = 2; i <= 7; i++) stack[-i] = nullptr;
    fiber.stackPointer = stack - 7;
}

}

#elif defined(__aarch64__)

extern "C" HIDDEN void fakeCUDASwitch(void **from, void *to);
asm(R"(
    .text
    .p2align 4
    .hidden fakeCUDASwitch
    .globl fakeCUDASwitch
    .type fakeCUDASwitch, %function
fakeCUDASwitch:
    sub sp, sp, #160
    stp x19, x20, [sp]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size fakeCUDASwitch, . - fakeCUDASwitch
)");

namespace {

void prepare(Fiber &fiber, char *top) {
    void **stack = reinterpret_cast<void **>(top - 160);
    std::memset(stack, 0, 160);
    stack[11] = reinterpret_cast<void *>(&runThreads);      // x30, where `ret` goes
    fiber.stackPointer = stack;
}

}

#endif

namespace {

void change(Fiber &from, Fiber &to) {
#ifdef FAKE_CUDA_UCONTEXT
    swapcontext(&from.place, &to.place);
#else
    fakeCUDASwitch(&from.stackPointer, to.stackPointer);
#endif
}

void runThreads() {
    for (;;) {
        Fiber *self = running;
        while (block.next < block.size) {
            self->thread = block.order[block.next++];
            threadIdx.x = self->thread;
            block.kernel->call(block.arguments);
            block.ended++;
        }
        idle.push_back(self);
        change(*self, scheduler);
    }
}

Fiber *takeIdle() {
    if (!idle.empty()) {
        Fiber *fiber = idle.back();
        idle.pop_back();
        return fiber;
    }
    // What lies below a stack cannot be touched.
    void *memory = mmap(nullptr, stackGuard + stackBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail("no memory for the stack of a thread");
    char *stack = static_cast<char *>(memory) + stackGuard;
    if (mprotect(stack, stackBytes, PROT_READ | PROT_WRITE) != 0) fail("no memory for the stack of a thread");
    auto *fiber = new Fiber;
    prepare(*fiber, stack + stackBytes);
    return fiber;
}

void resume(Fiber *fiber) {
    running = fiber;
    change(scheduler, *fiber);
}

/// All threads of a block wait at the same barrier, or none waits.
void checkBarrier() {
    const Fiber &first = *waiting.front();
    if (waiting.size() != block.size)
        fail("kernel %s: %zu of the %u threads of block %u are at the barrier of %s:%u, and %u have ended",
             block.kernel->name, waiting.size(), block.size, blockIdx.x, first.file, first.line, block.ended);
    for (const Fiber *fiber : waiting)
        if (fiber->line != first.line || std::strcmp(fiber->file, first.file) != 0)
            fail("kernel %s: threads of block %u are at different barriers, of %s:%u and %s:%u",
                 block.kernel->name, blockIdx.x, first.file, first.line, fiber->file, fiber->line);
}

void runBlock() {
    shuffle(block.order, block.size);
    block.next = 0;
    block.ended = 0;
    while (block.next < block.size) resume(takeIdle());
    while (!waiting.empty()) {
        checkBarrier();
        std::swap(waiting, resumed);
        shuffle(resumed, block.size);
        for (Fiber *fiber : resumed) {
            threadIdx.x = fiber->thread;
            resume(fiber);
        }
        resumed.clear();
    }
}

}

HIDDEN void fakeCUDABarrier(const char *file, unsigned line) {
    Fiber *self = running;
    self->file = file;
    self->line = line;
    waiting.push_back(self);
    change(*self, scheduler);
}

// The linker's names for the ends of the section that all shared arrays are in.
extern "C" {
extern HIDDEN __attribute__((weak)) unsigned __start_fake_cuda_shared[];
extern HIDDEN __attribute__((weak)) unsigned __stop_fake_cuda_shared[];
}

namespace {

/// No block finds what another has left.
void poisonSharedArrays() {
    for (unsigned *word = __start_fake_cuda_shared; word + 1 <= __stop_fake_cuda_shared; word++) *word = 0x7fc05a5a;
}

}

void runGrid(const Kernel &kernel, unsigned gridSize, unsigned blockSize, void **arguments) {
    block.kernel = &kernel;
    block.arguments = arguments;
    block.size = blockSize < options().blockSize ? blockSize : options().blockSize;
    blockDim = {block.size, 1, 1};
    gridDim = {gridSize, 1, 1};
    threadIdx = blockIdx = {0, 0, 0};
    block.order.resize(block.size);
    for (unsigned i = 0; i < block.size; i++) block.order[i] = i;
    static auto &blocks = *new std::vector<unsigned>;
    blocks.resize(gridSize);
    for (unsigned i = 0; i < gridSize; i++) blocks[i] = i;
    shuffle(blocks, gridSize);
    for (unsigned i = 0; i < gridSize; i++) {
        // Before every block it would cost more than most blocks do.
        if (i == 0 || randomBelow(16) == 0) poisonSharedArrays();
        blockIdx.x = blocks[i];
        runBlock();
    }
}
