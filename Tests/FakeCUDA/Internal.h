// What the parts of the fake share. Everything here is called with the one lock held, which `Entry` takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#define EXPORTED extern "C" __attribute__((visibility("default")))

// Nothing but the functions of the real libraries is seen from outside.
#pragma GCC visibility push(hidden)

using CUdeviceptr = unsigned long long;

// The driver's results that the fake gives.
enum CUresult : int {
    CUDA_SUCCESS = 0,
    CUDA_ERROR_INVALID_VALUE = 1,
    CUDA_ERROR_OUT_OF_MEMORY = 2,
    CUDA_ERROR_NOT_INITIALIZED = 3,
    CUDA_ERROR_NO_DEVICE = 100,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CUDA_ERROR_INVALID_IMAGE = 200,
    CUDA_ERROR_INVALID_CONTEXT = 201,
    CUDA_ERROR_INVALID_HANDLE = 400,
    CUDA_ERROR_ILLEGAL_STATE = 401,
    CUDA_ERROR_NOT_FOUND = 500,
    CUDA_ERROR_NOT_READY = 600,
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901,
    CUDA_ERROR_STREAM_CAPTURE_MERGE = 902,
    CUDA_ERROR_STREAM_CAPTURE_UNMATCHED = 903,
    CUDA_ERROR_STREAM_CAPTURE_UNJOINED = 904,
    CUDA_ERROR_STREAM_CAPTURE_ISOLATION = 905,
    CUDA_ERROR_STREAM_CAPTURE_IMPLICIT = 906,
    CUDA_ERROR_CAPTURED_EVENT = 907,
    CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD = 908,
};

// ---- Options.cpp: the environment, chance, and the end.

[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct Options {
    long long devices;      // FAKE_CUDA_DEVICES
    long long capability;   // FAKE_CUDA_CAPABILITY, its first part
    long long memory;       // FAKE_CUDA_MEMORY, bytes of a device
    bool protects;          // FAKE_CUDA_PROTECT
    unsigned blockSize;     // FAKE_CUDA_BLOCK, threads of a block, at most
    bool roundsToTF32;      // FAKE_CUDA_TF32
};
const Options &options();

/// A random number below `bound`.
unsigned randomBelow(unsigned bound);

template <class Values> void shuffle(Values &values, unsigned count) {
    for (unsigned i = count; i > 1; i--) std::swap(values[i - 1], values[randomBelow(i)]);
}

/// The result that a test wants this call of a function to have; 0: none.
int injectedFailure(const char *function);

// ---- Driver.cpp: contexts.

struct Context {
    int device = 0;
    int retained = 0;
    long long used = 0;     // bytes of device memory
};
Context *currentContext();

/// Holds the lock while a function of the driver runs, and refuses what every function refuses.
class Entry {
public:
    enum Needs { nothing, initialisation, context };
    Entry(const char *function, Needs needs);
    ~Entry();
    Entry(const Entry &) = delete;
    CUresult error = CUDA_SUCCESS;
    bool isInjected = false;
};

#define ENTER_WITH(function, needs) \
    Entry entry(#function, Entry::needs); \
    if (entry.error != CUDA_SUCCESS) return entry.error
#define ENTER(function) ENTER_WITH(function, context)

// ---- Memory.cpp

/// Where the memory of an address is: the host has addresses of device memory that hold nothing. Others are what they are.
void *memoryOf(const void *address);

enum class Place { device, pinned, pageable };

/// What kind of memory an address is of.
Place placeOf(const void *address);

/// Whether all bytes are in one living allocation of device or pinned memory.
bool isAllocated(const void *address, size_t bytes);

/// Ends the process where something was written beside an allocation.
void checkGuards();

/// Guards may have been damaged since they were checked.
void noteExecution();

void freeMemory(Context *context);

// ---- Streams.cpp

struct Item {
    const char *what = "";
    std::function<void()> action;
    std::vector<std::shared_ptr<Item>> dependencies;
    bool isDone = false;
    unsigned long long mark = 0;
};
using ItemPointer = std::shared_ptr<Item>;

struct Capture;

struct Stream {
    Context *context = nullptr;
    bool isBlocking = true;             // waits for the default stream, and it for this one
    bool isDestroyed = false;
    std::deque<ItemPointer> queue;
    ItemPointer last;
    std::vector<ItemPointer> waits;     // what the next item waits for
    unsigned priority = 0;
    std::shared_ptr<Capture> capture;
    std::vector<int> tail;              // nodes that the next node waits for
};

struct Event {
    Context *context = nullptr;
    bool isTimed = true;
    ItemPointer record;
    std::shared_ptr<double> milliseconds;
    std::weak_ptr<Capture> capture;     // in which it was recorded last
    bool isCaptured = false;
    std::vector<int> nodes;
};

/// The stream of a handle; null where there is none.
Stream *streamOf(void *handle);
Event *eventOf(void *handle);
const std::vector<Stream *> &allStreams();

/// Puts work into a stream, or into the graph that the stream captures. Actions of graphs run more than once.
CUresult enqueue(Stream *stream, const char *what, std::function<void()> action);

/// Runs all that a stream has to do, and maybe other streams' work.
void finish(Stream *stream);
void finishAll();
void destroyStreams(Context *context);

// ---- Graphs.cpp

struct Node {
    const char *what;
    std::function<void()> action;
    std::vector<int> dependencies;
};

struct Graph {
    std::vector<Node> nodes;
};

/// Refuses what must not be called while a stream captures.
CUresult refuseInCapture();
/// Refuses what must not be done to this stream while it captures, and spoils its capture.
CUresult refuseCapturing(Stream *stream);
CUresult refuseDefaultStreamInCapture();
CUresult addNode(Stream *stream, const char *what, std::function<void()> action);
CUresult waitInCapture(Stream *stream, Event *event);
void recordInCapture(Stream *stream, Event *event);

#define REFUSE_IN_CAPTURE() \
    if (CUresult refusal = refuseInCapture(); refusal != CUDA_SUCCESS) return refusal

// ---- Kernels.cpp, Fibers.cpp

struct Kernel {
    const char *name;
    void (*call)(void **arguments);
    /// Puts the addresses of the memory itself into the arguments. Ends the process where one cannot be right.
    void (*prepare)(const char *name, void **arguments);
    const unsigned *sizes;              // of the arguments, in bytes
    unsigned count;
};

/// The kernels, up to one without a name.
extern const Kernel kernels[];

/// Runs all blocks of a grid, one after another in any order.
void runGrid(const Kernel &kernel, unsigned gridSize, unsigned blockSize, void **arguments);

// ---- NVRTC.cpp

/// What a compiled program holds: its mark and a hash of its source.
struct Cubin {
    char mark[16];
    unsigned long long hash;
};
extern const char cubinMark[16];

/// The source that was compiled to a program, if it was in this process.
const std::string *sourceOf(unsigned long long hash);

#pragma GCC visibility pop
