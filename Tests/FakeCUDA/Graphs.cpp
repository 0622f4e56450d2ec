// Capture of streams into graphs, and graphs. What a kernel gets is copied at capture: a replay has the same arguments,
// and reads memory anew.

#include "Internal.h"

#include <algorithm>
#include <pthread.h>
#include <set>

struct Capture {
    std::shared_ptr<Graph> graph = std::make_shared<Graph>();
    Stream *origin;
    int mode;               // 0: no thread may do what is unsafe, 1: this one, 2: all may
    pthread_t thread;
    bool isSpoiled = false;
};

namespace {

struct ExecutableGraph {
    std::shared_ptr<const Graph> graph;
    ItemPointer lastLaunch;         // launches of the same one run one after another
};

auto &liveGraphs = *new std::set<void *>;
auto &liveExecutables = *new std::set<void *>;

/// The handle of a graph.
struct GraphHandle {
    std::shared_ptr<Graph> graph;
};

/// Runs all nodes, each after those that it depends on.
void runGraph(const Graph &graph) {
    const int count = static_cast<int>(graph.nodes.size());
    std::vector<int> missing(graph.nodes.size());
    std::vector<std::vector<int>> followers(graph.nodes.size());
    std::vector<int> ready;
    for (int node = 0; node < count; node++) {
        const Node &each = graph.nodes[static_cast<size_t>(node)];
        missing[static_cast<size_t>(node)] = static_cast<int>(each.dependencies.size());
        for (int dependency : each.dependencies) followers[static_cast<size_t>(dependency)].push_back(node);
        if (each.dependencies.empty()) ready.push_back(node);
    }
    // As in streams: sometimes in turn, sometimes a branch as far as it goes.
    const bool goesDeep = randomBelow(2) == 0;
    while (!ready.empty()) {
        if (!goesDeep) std::swap(ready[randomBelow(static_cast<unsigned>(ready.size()))], ready.back());
        const auto node = static_cast<size_t>(ready.back());
        ready.pop_back();
        if (graph.nodes[node].action) graph.nodes[node].action();
        shuffle(followers[node], static_cast<unsigned>(followers[node].size()));
        for (int follower : followers[node])
            if (--missing[static_cast<size_t>(follower)] == 0) ready.push_back(follower);
    }
}

void addOnce(std::vector<int> &nodes, int node) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
}

/// Whether all nodes come before the end of the stream that began.
bool isJoined(const Capture &capture) {
    std::vector<bool> reached(capture.graph->nodes.size());
    std::vector<int> left = capture.origin->tail;
    while (!left.empty()) {
        const auto node = static_cast<size_t>(left.back());
        left.pop_back();
        if (reached[node]) continue;
        reached[node] = true;
        for (int dependency : capture.graph->nodes[node].dependencies) left.push_back(dependency);
    }
    return std::all_of(reached.begin(), reached.end(), [](bool each) { return each; });
}

}

CUresult refuseInCapture() {
    CUresult result = CUDA_SUCCESS;
    for (Stream *stream : allStreams()) {
        Capture *capture = stream->capture.get();
        if (!capture || capture->origin != stream) continue;
        if (capture->mode == 0 || (capture->mode == 1 && pthread_equal(capture->thread, pthread_self()))) {
            capture->isSpoiled = true;
            result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        }
    }
    return result;
}

CUresult refuseCapturing(Stream *stream) {
    if (!stream->capture) return CUDA_SUCCESS;
    stream->capture->isSpoiled = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult refuseDefaultStreamInCapture() {
    for (Stream *stream : allStreams()) {
        if (!stream->capture || !stream->isBlocking) continue;
        stream->capture->isSpoiled = true;
        return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
    return CUDA_SUCCESS;
}

CUresult addNode(Stream *stream, const char *what, std::function<void()> action) {
    Capture &capture = *stream->capture;
    if (capture.isSpoiled) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    capture.graph->nodes.push_back({what, std::move(action), stream->tail});
    stream->tail = {static_cast<int>(capture.graph->nodes.size()) - 1};
    return CUDA_SUCCESS;
}

CUresult waitInCapture(Stream *stream, Event *event) {
    const std::shared_ptr<Capture> capture = event->isCaptured ? event->capture.lock() : nullptr;
    if (event->isCaptured && !capture) return CUDA_ERROR_CAPTURED_EVENT;
    if (!event->isCaptured) {
        stream->capture->isSpoiled = true;
        return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
    if (stream->capture && stream->capture != capture) {
        stream->capture->isSpoiled = capture->isSpoiled = true;
        return CUDA_ERROR_STREAM_CAPTURE_MERGE;
    }
    if (capture->isSpoiled) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!stream->capture) {
        if (stream == streamOf(nullptr)) {
            capture->isSpoiled = true;
            return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
        }
        stream->capture = capture;
        stream->tail.clear();
    }
    for (int node : event->nodes) addOnce(stream->tail, node);
    return CUDA_SUCCESS;
}

void recordInCapture(Stream *stream, Event *event) {
    event->isCaptured = true;
    event->capture = stream->capture;
    event->nodes = stream->tail;
    event->record = nullptr;
}

EXPORTED CUresult cuStreamBeginCapture_v2(void *handle, int mode) {
    ENTER(cuStreamBeginCapture_v2);
    Stream *stream = streamOf(handle);
    if (!stream) return CUDA_ERROR_INVALID_HANDLE;
    if (mode < 0 || mode > 2) return CUDA_ERROR_INVALID_VALUE;
    if (stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
    if (stream == streamOf(nullptr)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    auto capture = std::make_shared<Capture>();
    capture->origin = stream;
    capture->mode = mode;
    capture->thread = pthread_self();
    stream->capture = capture;
    stream->tail.clear();
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuStreamEndCapture(void *handle, void **graph) {
    ENTER(cuStreamEndCapture);
    Stream *stream = streamOf(handle);
    if (!stream) return CUDA_ERROR_INVALID_HANDLE;
    *graph = nullptr;
    if (!stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
    const std::shared_ptr<Capture> capture = stream->capture;
    if (capture->origin != stream) {
        capture->isSpoiled = true;
        return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    }
    if (capture->mode != 2 && !pthread_equal(capture->thread, pthread_self())) return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    const bool joined = isJoined(*capture);
    for (Stream *each : allStreams()) {
        if (each->capture != capture) continue;
        each->capture = nullptr;
        each->tail.clear();
    }
    if (capture->isSpoiled) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!joined) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    auto *result = new GraphHandle{capture->graph};
    liveGraphs.insert(result);
    *graph = result;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuStreamIsCapturing(void *handle, int *status) {
    ENTER(cuStreamIsCapturing);
    Stream *stream = streamOf(handle);
    if (!stream) return CUDA_ERROR_INVALID_HANDLE;
    *status = !stream->capture ? 0 : stream->capture->isSpoiled ? 2 : 1;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long) {
    ENTER(cuGraphInstantiateWithFlags);
    if (!liveGraphs.count(graph)) return CUDA_ERROR_INVALID_VALUE;
    auto *result = new ExecutableGraph{static_cast<GraphHandle *>(graph)->graph, nullptr};
    liveExecutables.insert(result);
    *executable = result;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuGraphLaunch(void *handle, void *streamHandle) {
    ENTER(cuGraphLaunch);
    Stream *stream = streamOf(streamHandle);
    if (!stream) return CUDA_ERROR_INVALID_HANDLE;
    if (!liveExecutables.count(handle)) return CUDA_ERROR_INVALID_VALUE;
    // A graph within a graph is more than tests need.
    if (CUresult refusal = refuseCapturing(stream); refusal != CUDA_SUCCESS) return refusal;
    auto *executable = static_cast<ExecutableGraph *>(handle);
    if (executable->lastLaunch && !executable->lastLaunch->isDone) stream->waits.push_back(executable->lastLaunch);
    const CUresult result = enqueue(stream, "graph", [graph = executable->graph] { runGraph(*graph); });
    if (result == CUDA_SUCCESS) executable->lastLaunch = stream->last;
    return result;
}

EXPORTED CUresult cuGraphExecDestroy(void *executable) {
    ENTER(cuGraphExecDestroy);
    if (!liveExecutables.erase(executable)) return CUDA_ERROR_INVALID_VALUE;
    delete static_cast<ExecutableGraph *>(executable);
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuGraphDestroy(void *graph) {
    ENTER(cuGraphDestroy);
    if (!liveGraphs.erase(graph)) return CUDA_ERROR_INVALID_VALUE;
    delete static_cast<GraphHandle *>(graph);
    return CUDA_SUCCESS;
}
