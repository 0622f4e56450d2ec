// Copies and fills.

#include "Internal.h"

#include <cstring>

namespace {

enum class Wanted { hostToDevice, deviceToHost, deviceToDevice, any };

void check(const void *address, size_t bytes, const char *what) {
    if (placeOf(address) != Place::pageable && !isAllocated(address, bytes))
        fail("%s of %zu bytes at memory that was freed since", what, bytes);
}

CUresult copy(void *to, const void *from, size_t bytes, void *handle, Wanted wanted, const char *what) {
    Stream *stream = streamOf(handle);
    if (!stream) return CUDA_ERROR_INVALID_HANDLE;
    const Place source = placeOf(from), target = placeOf(to);
    const bool toDevice = wanted == Wanted::hostToDevice || wanted == Wanted::deviceToDevice;
    const bool fromDevice = wanted == Wanted::deviceToHost || wanted == Wanted::deviceToDevice;
    if (wanted != Wanted::any && (toDevice != (target == Place::device) || fromDevice != (source == Place::device)))
        return CUDA_ERROR_INVALID_VALUE;
    if (bytes == 0) return CUDA_SUCCESS;
    if ((source != Place::pageable && !isAllocated(from, bytes)) || (target != Place::pageable && !isAllocated(to, bytes)))
        return CUDA_ERROR_INVALID_VALUE;
    if (source == Place::pageable || target == Place::pageable) {
        if (CUresult refusal = refuseCapturing(stream); refusal != CUDA_SUCCESS) return refusal;
    }
    if (source == Place::pageable) {
        // Such memory is copied aside at once, and belongs to the caller again when the call returns.
        const char *bytesNow = static_cast<const char *>(from);
        auto aside = std::make_shared<std::vector<char>>(bytesNow, bytesNow + bytes);
        const CUresult result = enqueue(stream, what, [=] {
            check(to, bytes, what);
            std::memcpy(memoryOf(to), aside->data(), bytes);
        });
        if (result == CUDA_SUCCESS && target == Place::pageable) finish(stream);
        return result;
    }
    const CUresult result = enqueue(stream, what, [=] {
        check(to, bytes, what);
        check(from, bytes, what);
        std::memmove(memoryOf(to), memoryOf(from), bytes);
    });
    // The call returns when all is in such memory.
    if (result == CUDA_SUCCESS && target == Place::pageable) finish(stream);
    return result;
}

CUresult copyAtOnce(void *to, const void *from, size_t bytes, Wanted wanted, const char *what) {
    REFUSE_IN_CAPTURE();
    const CUresult result = copy(to, from, bytes, nullptr, wanted, what);
    if (result == CUDA_SUCCESS) finish(streamOf(nullptr));
    return result;
}

void *pointer(CUdeviceptr address) { return reinterpret_cast<void *>(address); }

template <class Value> CUresult set(CUdeviceptr address, Value value, size_t count, void *handle, const char *what) {
    Stream *stream = streamOf(handle);
    if (!stream) return CUDA_ERROR_INVALID_HANDLE;
    if (count == 0) return CUDA_SUCCESS;
    if (address % sizeof(Value) != 0 || !isAllocated(pointer(address), count * sizeof(Value))) return CUDA_ERROR_INVALID_VALUE;
    return enqueue(stream, what, [=] {
        check(pointer(address), count * sizeof(Value), what);
        Value *values = static_cast<Value *>(memoryOf(pointer(address)));
        for (size_t i = 0; i < count; i++) values[i] = value;
    });
}

}

EXPORTED CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, void *stream) {
    ENTER(cuMemcpyAsync);
    return copy(pointer(to), pointer(from), bytes, stream, Wanted::any, "cuMemcpyAsync");
}

EXPORTED CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, void *stream) {
    ENTER(cuMemcpyHtoDAsync_v2);
    return copy(pointer(to), from, bytes, stream, Wanted::hostToDevice, "cuMemcpyHtoDAsync");
}

EXPORTED CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, void *stream) {
    ENTER(cuMemcpyDtoHAsync_v2);
    return copy(to, pointer(from), bytes, stream, Wanted::deviceToHost, "cuMemcpyDtoHAsync");
}

EXPORTED CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, void *stream) {
    ENTER(cuMemcpyDtoDAsync_v2);
    return copy(pointer(to), pointer(from), bytes, stream, Wanted::deviceToDevice, "cuMemcpyDtoDAsync");
}

EXPORTED CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    ENTER(cuMemcpy);
    return copyAtOnce(pointer(to), pointer(from), bytes, Wanted::any, "cuMemcpy");
}

EXPORTED CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
    ENTER(cuMemcpyHtoD_v2);
    return copyAtOnce(pointer(to), from, bytes, Wanted::hostToDevice, "cuMemcpyHtoD");
}

EXPORTED CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
    ENTER(cuMemcpyDtoH_v2);
    return copyAtOnce(to, pointer(from), bytes, Wanted::deviceToHost, "cuMemcpyDtoH");
}

EXPORTED CUresult cuMemsetD32Async(CUdeviceptr address, unsigned value, size_t count, void *stream) {
    ENTER(cuMemsetD32Async);
    return set(address, value, count, stream, "cuMemsetD32Async");
}

EXPORTED CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value, size_t count, void *stream) {
    ENTER(cuMemsetD8Async);
    return set(address, value, count, stream, "cuMemsetD8Async");
}
