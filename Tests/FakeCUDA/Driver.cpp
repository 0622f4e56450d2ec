// Devices, contexts, and the names of errors.

#include "Internal.h"

#include <cstdio>
#include <cstring>
#include <mutex>

namespace {

std::mutex &theLock = *new std::mutex;
bool isInitialised = false;
Context contexts[16];
thread_local Context *current = nullptr;

struct ErrorText {
    int code;
    const char *name, *text;
};

const ErrorText errorTexts[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {401, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
    {902, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "operation would result in a merge of separate capture sequences"},
    {903, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not ended in the same stream as it began"},
    {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {905, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency created on uncaptured work in another stream"},
    {906, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "operation would make the legacy stream depend on a capturing blocking stream"},
    {907, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capturing stream"},
    {908, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "attempt to terminate a thread-local capture sequence from another thread"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const ErrorText *errorText(int code) {
    for (const ErrorText &text : errorTexts)
        if (text.code == code) return &text;
    return nullptr;
}

bool isDevice(int device) { return device >= 0 && device < options().devices; }

}

Context *currentContext() { return current; }

Entry::Entry(const char *function, Needs needs) {
    theLock.lock();
    if (const int code = injectedFailure(function)) {
        error = static_cast<CUresult>(code);
        isInjected = true;
    } else if (needs != nothing && !isInitialised) {
        error = CUDA_ERROR_NOT_INITIALIZED;
    } else if (needs == context && (!current || current->retained == 0)) {
        error = CUDA_ERROR_INVALID_CONTEXT;
    }
}

Entry::~Entry() { theLock.unlock(); }

EXPORTED CUresult cuInit(unsigned flags) {
    ENTER_WITH(cuInit, nothing);
    if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
    if (options().devices == 0) return CUDA_ERROR_NO_DEVICE;
    isInitialised = true;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuDriverGetVersion(int *version) {
    ENTER_WITH(cuDriverGetVersion, nothing);
    *version = 13000;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGetCount(int *count) {
    ENTER_WITH(cuDeviceGetCount, initialisation);
    *count = static_cast<int>(options().devices);
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGet(int *device, int ordinal) {
    ENTER_WITH(cuDeviceGet, initialisation);
    if (!isDevice(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGetName(char *name, int length, int device) {
    ENTER_WITH(cuDeviceGetName, initialisation);
    if (!isDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
    if (length < 1) return CUDA_ERROR_INVALID_VALUE;
    std::snprintf(name, static_cast<size_t>(length), "Fake GPU");
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGetAttribute(int *value, int attribute, int device) {
    ENTER_WITH(cuDeviceGetAttribute, initialisation);
    if (!isDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
    switch (attribute) {
    case 16: *value = 4; break;     // multiprocessors
    case 75: *value = static_cast<int>(options().capability); break;    // compute capability, major
    default: *value = 0; break;     // its minor part (76) too
    }
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceTotalMem_v2(size_t *bytes, int device) {
    ENTER_WITH(cuDeviceTotalMem_v2, initialisation);
    if (!isDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
    *bytes = static_cast<size_t>(options().memory);
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuDevicePrimaryCtxRetain(void **context, int device) {
    ENTER_WITH(cuDevicePrimaryCtxRetain, initialisation);
    if (!isDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
    contexts[device].device = device;
    contexts[device].retained++;
    *context = &contexts[device];
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuDevicePrimaryCtxRelease_v2(int device) {
    ENTER_WITH(cuDevicePrimaryCtxRelease_v2, initialisation);
    if (!isDevice(device)) return CUDA_ERROR_INVALID_DEVICE;
    Context &context = contexts[device];
    if (context.retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
    if (context.retained == 1) {
        finishAll();
        destroyStreams(&context);
        freeMemory(&context);
    }
    context.retained--;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuCtxSetCurrent(void *context) {
    ENTER_WITH(cuCtxSetCurrent, initialisation);
    Context *chosen = static_cast<Context *>(context);
    if (chosen && (chosen < contexts || chosen >= contexts + 16 || chosen->retained == 0)) return CUDA_ERROR_INVALID_CONTEXT;
    current = chosen;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuCtxGetCurrent(void **context) {
    ENTER_WITH(cuCtxGetCurrent, initialisation);
    *context = current;
    return CUDA_SUCCESS;
}

EXPORTED CUresult cuGetErrorName(int error, const char **name) {
    const ErrorText *text = errorText(error);
    *name = text ? text->name : nullptr;
    return text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EXPORTED CUresult cuGetErrorString(int error, const char **string) {
    const ErrorText *text = errorText(error);
    *string = text ? text->text : nullptr;
    return text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
