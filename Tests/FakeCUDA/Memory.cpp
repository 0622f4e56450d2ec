// Device memory, which the host cannot touch, and pinned memory, which both can.
//
// The addresses of device memory that the host gets are reserved and hold nothing, so that to touch them is an error. The
// memory itself is elsewhere, `offset` away; kernels get its addresses when they run. An allocation lies between guards.
// Guards and new memory hold a NaN of their own, so that what was never written shows.

#include "Internal.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr size_t alignment = 256;           // as much as the real driver promises
constexpr size_t guard = alignment;         // bytes before an allocation, and at least as many behind it
constexpr uint32_t fresh = 0x7fc0dead;      // a NaN: guards and memory that nobody has written
constexpr uint32_t freed = 0x7fc0f4ee;      // a NaN: memory that was freed

struct Allocation {
    Context *context;
    size_t bytes;
    size_t begin, end;      // offsets in the arena, guards included
};

char *arena = nullptr;                      // the memory
char *addresses = nullptr;                  // what the host gets for it
size_t arenaBytes = 0, used = 0;            // used: up to the end of the last allocation there ever was
bool mayBeDamaged = false;

// By the address that the host has. Holes are the parts of the arena below `used` that are free.
auto &allocations = *new std::map<uintptr_t, Allocation>;
auto &holes = *new std::map<size_t, size_t>;

struct Pinned {
    size_t bytes;
    char *base;
};
auto &pinnedRanges = *new std::map<uintptr_t, Pinned>;

size_t roundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t pageBytes() {
    static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}

/// The pattern goes by address, so that it may begin and end at any byte.
void fill(char *begin, char *end, uint32_t pattern) {
    unsigned char bytes[4];
    std::memcpy(bytes, &pattern, 4);
    while (begin < end && reinterpret_cast<uintptr_t>(begin) % 4 != 0)
        *begin = static_cast<char>(bytes[reinterpret_cast<uintptr_t>(begin) % 4]), begin++;
    uint32_t *word = reinterpret_cast<uint32_t *>(begin);
    for (; reinterpret_cast<char *>(word + 1) <= end; word++) *word = pattern;
    for (begin = reinterpret_cast<char *>(word); begin < end; begin++)
        *begin = static_cast<char>(bytes[reinterpret_cast<uintptr_t>(begin) % 4]);
}

/// The first byte that is no longer as `fill` left it; null where there is none.
const char *damaged(const char *begin, const char *end, uint32_t pattern) {
    unsigned char bytes[4];
    std::memcpy(bytes, &pattern, 4);
    const auto differs = [&](const char *at) {
        return static_cast<unsigned char>(*at) != bytes[reinterpret_cast<uintptr_t>(at) % 4];
    };
    for (; begin < end && reinterpret_cast<uintptr_t>(begin) % 4 != 0; begin++)
        if (differs(begin)) return begin;
    const uint32_t many[8] = {pattern, pattern, pattern, pattern, pattern, pattern, pattern, pattern};
    for (; begin + sizeof many <= end && std::memcmp(begin, many, sizeof many) == 0; begin += sizeof many) {}
    for (; begin < end; begin++)
        if (differs(begin)) return begin;
    return nullptr;
}

bool isIn(const char *range, const void *address) {
    return range && address >= range && address < range + arenaBytes;
}

struct sigaction otherHandler;

/// Says what happened before the process dies of it.
void handleFault(int, siginfo_t *info, void *) {
    static const char host[] = "FakeCUDA: the host touched device memory (or a kernel, by an address that it found in memory)\n";
    static const char kernel[] = "FakeCUDA: a kernel touched memory beyond all allocations\n";
    ssize_t written = 0;
    if (isIn(addresses, info->si_addr)) written = write(2, host, sizeof host - 1);
    else if (isIn(arena, info->si_addr)) written = write(2, kernel, sizeof kernel - 1);
    (void)written;
    sigaction(SIGSEGV, &otherHandler, nullptr);     // the access is tried again, and whoever was here before is asked
}

char *reserve(size_t bytes) {
    void *address = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return address == MAP_FAILED ? nullptr : static_cast<char *>(address);
}

bool reserveArena() {
    if (arena) return true;
    // More than may be allocated, for holes and guards; less where addresses are limited.
    const size_t total = static_cast<size_t>(options().memory) * static_cast<size_t>(options().devices);
    for (size_t bytes = roundUp(total + total / 4 + (64 << 20), 1 << 21); bytes >= 1 << 22; bytes = roundUp(bytes / 2, 1 << 21)) {
        char *memory = reserve(bytes);
        if (!memory) continue;
        addresses = options().protects ? reserve(bytes) : memory;
        if (!addresses) {
            munmap(memory, bytes);
            continue;
        }
        arena = memory;
        arenaBytes = bytes;
        struct sigaction action {};
        action.sa_sigaction = handleFault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigaction(SIGSEGV, &action, &otherHandler);
        return true;
    }
    return false;
}

/// An offset of that many bytes; SIZE_MAX where there are none.
size_t takeRange(size_t bytes) {
    for (auto hole = holes.begin(); hole != holes.end(); ++hole) {
        if (hole->second < bytes) continue;
        const size_t begin = hole->first, rest = hole->second - bytes;
        holes.erase(hole);
        if (rest > 0) holes[begin + bytes] = rest;
        return begin;
    }
    if (bytes > arenaBytes - used) return SIZE_MAX;
    // Beyond what is in use, nothing can be touched.
    const size_t begin = used, page = used / pageBytes() * pageBytes();
    if (mprotect(arena + page, roundUp(used + bytes, pageBytes()) - page, PROT_READ | PROT_WRITE) != 0) return SIZE_MAX;
    used += bytes;
    return begin;
}

void giveRangeBack(size_t begin, size_t bytes) {
    auto after = holes.lower_bound(begin);
    if (after != holes.end() && after->first == begin + bytes) {
        bytes += after->second;
        after = holes.erase(after);
    }
    if (after != holes.begin()) {
        const auto before = std::prev(after);
        if (before->first + before->second == begin) {
            before->second += bytes;
            return;
        }
    }
    holes[begin] = bytes;
}

void checkGuards(uintptr_t address, const Allocation &allocation) {
    const char *payload = static_cast<const char *>(memoryOf(reinterpret_cast<const void *>(address)));
    if (const char *at = damaged(arena + allocation.begin, payload, fresh))
        fail("device memory was written %td bytes before an allocation of %zu bytes", payload - at, allocation.bytes);
    if (const char *at = damaged(payload + allocation.bytes, arena + allocation.end, fresh))
        fail("device memory was written %td bytes behind the end of an allocation of %zu bytes",
             at - payload - static_cast<ptrdiff_t>(allocation.bytes), allocation.bytes);
}

void freeAllocation(std::map<uintptr_t, Allocation>::iterator found) {
    const Allocation allocation = found->second;
    checkGuards(found->first, allocation);
    fill(arena + allocation.begin, arena + allocation.end, freed);
    allocation.context->used -= static_cast<long long>(roundUp(allocation.bytes, alignment));
    giveRangeBack(allocation.begin, allocation.end - allocation.begin);
    allocations.erase(found);
}

template <class Ranges> bool contains(const Ranges &ranges, uintptr_t address, size_t bytes) {
    auto next = ranges.upper_bound(address);
    if (next == ranges.begin()) return false;
    const auto &[begin, range] = *std::prev(next);
    // An empty range may be at the end.
    return address - begin <= range.bytes && bytes <= range.bytes - (address - begin);
}

}

void *memoryOf(const void *address) {
    const char *at = static_cast<const char *>(address);
    // The end of the arena is an address too: of what holds nothing.
    return const_cast<char *>(addresses && at >= addresses && at <= addresses + arenaBytes ? arena + (at - addresses) : at);
}

Place placeOf(const void *address) {
    if (isIn(addresses, address)) return Place::device;
    return contains(pinnedRanges, reinterpret_cast<uintptr_t>(address), 0) ? Place::pinned : Place::pageable;
}

bool isAllocated(const void *address, size_t bytes) {
    const uintptr_t at = reinterpret_cast<uintptr_t>(address);
    return contains(allocations, at, bytes) || contains(pinnedRanges, at, bytes);
}

void noteExecution() { mayBeDamaged = true; }

void checkGuards() {
    if (!mayBeDamaged) return;
    for (const auto &[address, allocation] : allocations) checkGuards(address, allocation);
    for (const auto &[address, range] : pinnedRanges) {
        const char *payload = reinterpret_cast<const char *>(address);
        if (damaged(range.base, payload, fresh) || damaged(payload + range.bytes, payload + range.bytes + guard, fresh))
            fail("pinned memory was written beside an allocation of %zu bytes", range.bytes);
    }
    mayBeDamaged = false;
}

void freeMemory(Context *context) {
    for (auto each = allocations.begin(); each != allocations.end();) {
        const auto next = std::next(each);
        if (each->second.context == context) freeAllocation(each);
        each = next;
    }
}

EXPORTED CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
    ENTER(cuMemGetInfo_v2);
    *total = static_cast<size_t>(options().memory);
    *free = static_cast<size_t>(options().memory - currentContext()->used);
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
    ENTER(cuMemAlloc_v2);
    REFUSE_IN_CAPTURE();
    if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    Context *context = currentContext();
    const size_t left = static_cast<size_t>(options().memory - context->used);
    if (bytes > left || roundUp(bytes, alignment) > left || !reserveArena()) return CUDA_ERROR_OUT_OF_MEMORY;
    const size_t whole = guard + roundUp(bytes + guard, alignment);
    const size_t begin = takeRange(whole);
    if (begin == SIZE_MAX) return CUDA_ERROR_OUT_OF_MEMORY;
    fill(arena + begin, arena + begin + whole, fresh);
    *address = reinterpret_cast<uintptr_t>(addresses + begin + guard);
    allocations[*address] = {context, bytes, begin, begin + whole};
    context->used += static_cast<long long>(roundUp(bytes, alignment));
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuMemFree_v2(CUdeviceptr address) {
    ENTER(cuMemFree_v2);
    REFUSE_IN_CAPTURE();
    if (address == 0) return CUDA_SUCCESS;
    const auto found = allocations.find(address);
    if (found == allocations.end()) return CUDA_ERROR_INVALID_VALUE;
    finishAll();        // as the real driver does before it frees
    freeAllocation(found);
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned) {
    ENTER(cuMemHostAlloc);
    REFUSE_IN_CAPTURE();
    if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    const size_t before = pageBytes(), whole = roundUp(before + bytes + guard, pageBytes());
    char *base = static_cast<char *>(std::aligned_alloc(pageBytes(), whole));
    if (!base) return CUDA_ERROR_OUT_OF_MEMORY;
    fill(base + before - guard, base + before + bytes + guard, fresh);
    *address = base + before;
    pinnedRanges[reinterpret_cast<uintptr_t>(*address)] = {bytes, base + before - guard};
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuMemFreeHost(void *address) {
    ENTER(cuMemFreeHost);
    REFUSE_IN_CAPTURE();
    const auto found = pinnedRanges.find(reinterpret_cast<uintptr_t>(address));
    if (found == pinnedRanges.end()) return CUDA_ERROR_INVALID_VALUE;
    finishAll();
    noteExecution();
    checkGuards();
    std::free(static_cast<char *>(address) - pageBytes());
    pinnedRanges.erase(found);
    return CUDA_SUCCESS;
}
