// Streams and events. Work is put into queues, and run when somebody waits for some of it: then in any order that the
// dependencies allow. Who has forgotten one gets a wrong order with some seed.

#include "Internal.h"

#include <algorithm>
#include <chrono>
#include <set>

namespace {

// The real driver's queues have an end too, at which a launch waits.
constexpr size_t mostQueued = 16384;

size_t queued = 0;
unsigned long long lastMark = 0;

auto &streams = *new std::vector<Stream *>;     // also destroyed ones that have something to do
auto &liveStreams = *new std::set<void *>;
auto &liveEvents = *new std::set<void *>;

Stream *defaultStream() {
    static Stream *stream = nullptr;
    if (!stream) {
        stream = new Stream;
        streams.push_back(stream);
    }
    return stream;
}

bool isReady(const Item &item) {
    return std::all_of(item.dependencies.begin(), item.dependencies.end(), [](const ItemPointer &each) { return each->isDone; });
}

void run(Stream *stream) {
    const ItemPointer item = stream->queue.front();
    stream->queue.pop_front();
    queued--;
    if (item->action) item->action();
    item->action = nullptr;
    item->dependencies.clear();     // or the chain would keep all that there ever was
    item->isDone = true;
    noteExecution();
}

/// Marks an item and all that it waits for.
unsigned long long markNeeded(const ItemPointer &target) {
    const unsigned long long mark = ++lastMark;
    std::vector<Item *> left = {target.get()};
    while (!left.empty()) {
        Item *item = left.back();
        left.pop_back();
        if (item->isDone || item->mark == mark) continue;
        item->mark = mark;
        for (const ItemPointer &each : item->dependencies) left.push_back(each.get());
    }
    return mark;
}

enum class Choice { needed, any, byPriority };

/// A stream whose next item may run; with a mark, only such items count. Null where there is none.
Stream *choose(Choice choice, unsigned long long mark) {
    Stream *chosen = nullptr;
    unsigned candidates = 0;
    for (Stream *stream : streams) {
        if (stream->queue.empty()) continue;
        const Item &item = *stream->queue.front();
        if (choice == Choice::needed && item.mark != mark) continue;
        if (!isReady(item)) continue;
        candidates++;
        if (choice == Choice::byPriority ? !chosen || stream->priority > chosen->priority : randomBelow(candidates) == 0)
            chosen = stream;
    }
    return chosen;
}

void forgetEmptyStreams() {
    for (size_t i = streams.size(); i-- > 0;) {
        Stream *stream = streams[i];
        if (!stream->isDestroyed || !stream->queue.empty()) continue;
        streams.erase(streams.begin() + static_cast<ptrdiff_t>(i));
        delete stream;
    }
}

/// Sometimes only what is needed, sometimes everything in turn, sometimes a stream as far as it goes before another.
void finish(const ItemPointer &target) {
    if (target && !target->isDone) {
        const Choice choice = static_cast<Choice>(randomBelow(3));
        if (choice == Choice::byPriority)
            for (Stream *stream : streams) stream->priority = randomBelow(1u << 31);
        const unsigned long long mark = markNeeded(target);
        while (!target->isDone) {
            Stream *stream = choose(choice, mark);
            if (!stream) fail("work waits for itself: %s", target->what);
            run(stream);
        }
    }
    checkGuards();
    forgetEmptyStreams();
}

/// What a GPU gets done while the host asks how far it is.
void progress() {
    for (unsigned count = 1 + randomBelow(4); count > 0; count--)
        if (Stream *stream = choose(Choice::any, 0)) run(stream);
}

ItemPointer push(Stream *stream, const char *what, std::function<void()> action) {
    auto item = std::make_shared<Item>();
    item->what = what;
    item->action = std::move(action);
    item->dependencies = std::move(stream->waits);
    stream->waits.clear();
    const auto add = [&](const ItemPointer &other) {
        if (other && !other->isDone) item->dependencies.push_back(other);
    };
    add(stream->last);
    // The default stream waits for all others that have not asked to be left alone, and they for it.
    if (stream == defaultStream()) {
        for (Stream *other : streams)
            if (other->isBlocking && other != stream) add(other->last);
    } else if (stream->isBlocking) {
        add(defaultStream()->last);
    }
    stream->last = item;
    stream->queue.push_back(item);
    queued++;
    if (queued > mostQueued) {
        while (queued > mostQueued / 2)
            if (Stream *next = choose(Choice::any, 0)) run(next);
    }
    return item;
}

double now() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

CUresult createStream(void **handle, unsigned flags) {
    if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
    defaultStream();
    auto *stream = new Stream;
    stream->context = currentContext();
    stream->isBlocking = flags == 0;
    streams.push_back(stream);
    liveStreams.insert(stream);
    *handle = stream;
    return CUDA_SUCCESS;
}

}

Stream *streamOf(void *handle) {
    // 1 is the default stream too, by a name of its own.
    if (handle == nullptr || handle == reinterpret_cast<void *>(1)) return defaultStream();
    return liveStreams.count(handle) ? static_cast<Stream *>(handle) : nullptr;
}

Event *eventOf(void *handle) { return liveEvents.count(handle) ? static_cast<Event *>(handle) : nullptr; }

const std::vector<Stream *> &allStreams() { return streams; }

CUresult enqueue(Stream *stream, const char *what, std::function<void()> action) {
    if (stream->capture) return addNode(stream, what, std::move(action));
    if (stream == defaultStream())
        if (CUresult refusal = refuseDefaultStreamInCapture(); refusal != CUDA_SUCCESS) return refusal;
    push(stream, what, std::move(action));
    return CUDA_SUCCESS;
}

void finish(Stream *stream) { finish(stream->last); }

void finishAll() {
    while (Stream *stream = choose(Choice::any, 0)) run(stream);
    checkGuards();
    forgetEmptyStreams();
}

void destroyStreams(Context *context) {
    for (Stream *stream : streams) {
        if (stream->context != context) continue;
        stream->isDestroyed = true;
        liveStreams.erase(stream);
    }
    forgetEmptyStreams();
}

#define STREAM(name, handle) \
    Stream *name = streamOf(handle); \
    if (!name) return CUDA_ERROR_INVALID_HANDLE
#define EVENT(name, handle) \
    Event *name = eventOf(handle); \
    if (!name) return CUDA_ERROR_INVALID_HANDLE

EXPORTED CUresult cuStreamCreate(void **handle, unsigned flags) {
    ENTER(cuStreamCreate);
    return createStream(handle, flags);
}

EXPORTED CUresult cuStreamCreateWithPriority(void **handle, unsigned flags, int) {
    ENTER(cuStreamCreateWithPriority);
    return createStream(handle, flags);
}

EXPORTED CUresult cuStreamDestroy_v2(void *handle) {
    ENTER(cuStreamDestroy_v2);
    if (!liveStreams.count(handle)) return CUDA_ERROR_INVALID_HANDLE;
    auto *stream = static_cast<Stream *>(handle);
    refuseCapturing(stream);
    // What it has to do is done, as by the real driver.
    stream->isDestroyed = true;
    liveStreams.erase(handle);
    forgetEmptyStreams();
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuStreamSynchronize(void *handle) {
    ENTER(cuStreamSynchronize);
    STREAM(stream, handle);
    if (CUresult refusal = refuseCapturing(stream); refusal != CUDA_SUCCESS) return refusal;
    REFUSE_IN_CAPTURE();
    if (stream == defaultStream()) push(stream, "synchronisation of the default stream", nullptr);
    finish(stream);
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuStreamQuery(void *handle) {
    ENTER(cuStreamQuery);
    STREAM(stream, handle);
    if (CUresult refusal = refuseCapturing(stream); refusal != CUDA_SUCCESS) return refusal;
    REFUSE_IN_CAPTURE();
    if (!stream->queue.empty()) progress();
    return stream->queue.empty() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

EXPORTED CUresult cuStreamWaitEvent(void *handle, void *eventHandle, unsigned flags) {
    ENTER(cuStreamWaitEvent);
    STREAM(stream, handle);
    EVENT(event, eventHandle);
    if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
    if (stream->capture || event->isCaptured) return waitInCapture(stream, event);
    if (event->record && !event->record->isDone) stream->waits.push_back(event->record);
    // A wait is work too: an event that is recorded next is not done before.
    return enqueue(stream, "wait for an event", nullptr);
}

EXPORTED CUresult cuCtxSynchronize() {
    ENTER(cuCtxSynchronize);
    REFUSE_IN_CAPTURE();
    finishAll();
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventCreate(void **handle, unsigned flags) {
    ENTER(cuEventCreate);
    if (flags > 3) return CUDA_ERROR_INVALID_VALUE;
    auto *event = new Event;
    event->context = currentContext();
    event->isTimed = (flags & 2) == 0;
    liveEvents.insert(event);
    *handle = event;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventDestroy_v2(void *handle) {
    ENTER(cuEventDestroy_v2);
    EVENT(event, handle);
    liveEvents.erase(handle);
    delete event;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventRecord(void *handle, void *streamHandle) {
    ENTER(cuEventRecord);
    EVENT(event, handle);
    STREAM(stream, streamHandle);
    if (stream->capture) {
        recordInCapture(stream, event);
        return CUDA_SUCCESS;
    }
    if (stream == defaultStream())
        if (CUresult refusal = refuseDefaultStreamInCapture(); refusal != CUDA_SUCCESS) return refusal;
    auto time = std::make_shared<double>(0);
    event->isCaptured = false;
    event->milliseconds = time;
    event->record = push(stream, "record of an event", [time] { *time = now(); });
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventSynchronize(void *handle) {
    ENTER(cuEventSynchronize);
    EVENT(event, handle);
    if (event->isCaptured) return CUDA_ERROR_CAPTURED_EVENT;
    REFUSE_IN_CAPTURE();
    finish(event->record);
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventQuery(void *handle) {
    ENTER(cuEventQuery);
    EVENT(event, handle);
    if (event->isCaptured) return CUDA_ERROR_CAPTURED_EVENT;
    REFUSE_IN_CAPTURE();
    if (event->record && !event->record->isDone) progress();
    return !event->record || event->record->isDone ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

namespace {

CUresult elapsed(float *milliseconds, void *startHandle, void *endHandle) {
    EVENT(start, startHandle);
    EVENT(end, endHandle);
    if (!start->isTimed || !end->isTimed || !start->record || !end->record) return CUDA_ERROR_INVALID_HANDLE;
    if (start->isCaptured || end->isCaptured) return CUDA_ERROR_CAPTURED_EVENT;
    if (!start->record->isDone || !end->record->isDone) return CUDA_ERROR_NOT_READY;
    *milliseconds = static_cast<float>(*end->milliseconds - *start->milliseconds);
    return CUDA_SUCCESS;
}

}

EXPORTED CUresult cuEventElapsedTime(float *milliseconds, void *start, void *end) {
    ENTER(cuEventElapsedTime);
    return elapsed(milliseconds, start, end);
}

EXPORTED CUresult cuEventElapsedTime_v2(float *milliseconds, void *start, void *end) {
    ENTER(cuEventElapsedTime_v2);
    return elapsed(milliseconds, start, end);
}
