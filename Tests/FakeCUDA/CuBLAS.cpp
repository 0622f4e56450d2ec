// cuBLAS: handles, and products that are queued like kernels.

#include "Internal.h"
#include "Products.h"

#include <set>

namespace {

enum Status {
    success = 0,
    notInitialized = 1,
    allocFailed = 3,
    invalidValue = 7,
    archMismatch = 8,
    mappingError = 11,
    executionFailed = 13,
    internalError = 14,
    notSupported = 15,
    licenseError = 16,
};

struct Handle {
    void *stream = nullptr;
    int mathMode = 0;
};

auto &liveHandles = *new std::set<void *>;

// Values of the library's types.
constexpr int float32 = 0, bfloat16 = 14;
constexpr int compute32F = 68, computePedantic = 69, computeTF32 = 77;
constexpr int mathTF32 = 3;

struct Matrix {
    const char *name;
    const void *values;
    int type;
    long long ld, rows, columns, stride;        // as it lies in memory
    Number number() const { return type == float32 ? Number::float32 : Number::bfloat16; }
    const void *at(int batch) const {
        return static_cast<const char *>(values) + batch * stride * static_cast<long long>(bytesOf(number()));
    }
};

void checkMemory(const Matrix &matrix, int batches) {
    if (matrix.rows == 0 || matrix.columns == 0) return;
    const size_t bytes = static_cast<size_t>((matrix.columns - 1) * matrix.ld + matrix.rows) * bytesOf(matrix.number());
    for (int batch = 0; batch < batches; batch++)
        if (!isAllocated(matrix.at(batch), bytes))
            fail("cuBLAS: matrix %s (%lld × %lld, ld %lld, number %d of %d) is not inside an allocation",
                 matrix.name, matrix.rows, matrix.columns, matrix.ld, batch + 1, batches);
}

bool isSupported(int typeOfA, int typeOfB, int typeOfC, int compute) {
    if (compute != compute32F && compute != computePedantic && compute != computeTF32) return false;
    if (typeOfA != typeOfB) return false;
    if (typeOfA == bfloat16) return compute != computeTF32 && (typeOfC == bfloat16 || typeOfC == float32);
    return typeOfA == float32 && typeOfC == float32;
}

Status queueProduct(
    const char *what, void *handle, int operationOfA, int operationOfB, int m, int n, int k, const void *alpha,
    Matrix a, Matrix b, const void *beta, Matrix c, int batches, int compute) {
    if (!liveHandles.count(handle)) return notInitialized;
    const Handle &state = *static_cast<Handle *>(handle);
    // 0: as it is, 1: transposed, 2: conjugate too, which is the same here.
    if (operationOfA < 0 || operationOfA > 2 || operationOfB < 0 || operationOfB > 2) return invalidValue;
    if (m < 0 || n < 0 || k < 0 || batches < 0 || !alpha || !beta) return invalidValue;
    const bool transposesA = operationOfA != 0, transposesB = operationOfB != 0;
    a.rows = transposesA ? k : m, a.columns = transposesA ? m : k;
    b.rows = transposesB ? n : k, b.columns = transposesB ? k : n;
    c.rows = m, c.columns = n;
    for (const Matrix *each : {&a, &b, &c})
        if (each->ld < 1 || each->ld < each->rows) return invalidValue;
    if (!isSupported(a.type, b.type, c.type, compute)) return notSupported;
    if (m == 0 || n == 0 || batches == 0) return success;
    if (k > 0)
        for (const Matrix *each : {&a, &b})
            if (!each->values) return invalidValue;
    if (!c.values) return invalidValue;
    Stream *stream = streamOf(state.stream);
    if (!stream) return executionFailed;
    const float scale = *static_cast<const float *>(alpha), scaleOfC = *static_cast<const float *>(beta);
    const bool roundsToTF32 = options().roundsToTF32
        && (compute == computeTF32 || (compute == compute32F && (state.mathMode & 15) == mathTF32));
    const CUresult result = enqueue(stream, what, [=] {
        checkMemory(a, batches);
        checkMemory(b, batches);
        checkMemory(c, batches);
        for (int batch = 0; batch < batches; batch++)
            multiply(
                static_cast<size_t>(m), static_cast<size_t>(n), static_cast<size_t>(k), scale,
                {memoryOf(a.at(batch)), a.number(), static_cast<size_t>(a.ld), transposesA},
                {memoryOf(b.at(batch)), b.number(), static_cast<size_t>(b.ld), transposesB}, scaleOfC,
                memoryOf(c.at(batch)), c.number(), static_cast<size_t>(c.ld), roundsToTF32);
    });
    return result == CUDA_SUCCESS ? success : executionFailed;
}

}

// An injected failure is returned as it is; what the driver refuses is all one to cuBLAS.
#define ENTER_CUBLAS(function) \
    Entry entry(#function, Entry::context); \
    if (entry.error != CUDA_SUCCESS) return entry.isInjected ? static_cast<int>(entry.error) : notInitialized
#define HANDLE(name, handle) \
    if (!liveHandles.count(handle)) return notInitialized; \
    Handle *name = static_cast<Handle *>(handle)

EXPORTED int cublasCreate_v2(void **handle) {
    ENTER_CUBLAS(cublasCreate_v2);
    // The real one allocates.
    if (refuseInCapture() != CUDA_SUCCESS) return allocFailed;
    auto *result = new Handle;
    liveHandles.insert(result);
    *handle = result;
    return success;
}

EXPORTED int cublasDestroy_v2(void *handle) {
    ENTER_CUBLAS(cublasDestroy_v2);
    HANDLE(state, handle);
    finishAll();
    liveHandles.erase(handle);
    delete state;
    return success;
}

EXPORTED int cublasSetStream_v2(void *handle, void *stream) {
    ENTER_CUBLAS(cublasSetStream_v2);
    HANDLE(state, handle);
    if (!streamOf(stream)) return invalidValue;
    state->stream = stream;
    return success;
}

EXPORTED int cublasSetWorkspace_v2(void *handle, void *workspace, size_t bytes) {
    ENTER_CUBLAS(cublasSetWorkspace_v2);
    HANDLE(state, handle);
    (void)state;
    const bool isGood = placeOf(workspace) == Place::device && isAllocated(workspace, bytes)
        && reinterpret_cast<uintptr_t>(workspace) % 256 == 0;
    return bytes == 0 || isGood ? success : invalidValue;
}

EXPORTED int cublasSetMathMode(void *handle, int mode) {
    ENTER_CUBLAS(cublasSetMathMode);
    HANDLE(state, handle);
    // With flags above: 16, no reductions in less than the type of the sums.
    const int base = mode & 15;
    if ((mode & ~31) != 0 || base > mathTF32) return invalidValue;
    state->mathMode = mode;
    return success;
}

EXPORTED int cublasSetPointerMode_v2(void *handle, int mode) {
    ENTER_CUBLAS(cublasSetPointerMode_v2);
    HANDLE(state, handle);
    (void)state;
    return mode == 0 ? success : notSupported;
}

EXPORTED int cublasGetVersion_v2(void *, int *version) {
    ENTER_CUBLAS(cublasGetVersion_v2);
    *version = 130000;
    return success;
}

EXPORTED const char *cublasGetStatusString(int status) {
    switch (status) {
    case success: return "the operation completed successfully";
    case notInitialized: return "the library was not initialized";
    case allocFailed: return "the resource allocation failed";
    case invalidValue: return "an unsupported value or parameter was passed to the function";
    case archMismatch: return "the function requires a feature absent from the device architecture";
    case mappingError: return "an access to GPU memory space failed";
    case executionFailed: return "the GPU program failed to execute";
    case internalError: return "an internal operation failed";
    case notSupported: return "the functionality requested is not supported";
    case licenseError: return "the functionality requested requires some license";
    default: return "unknown status";
    }
}

EXPORTED int cublasGemmEx(
    void *handle, int operationOfA, int operationOfB, int m, int n, int k, const void *alpha, const void *a, int typeOfA,
    int lda, const void *b, int typeOfB, int ldb, const void *beta, void *c, int typeOfC, int ldc, int compute, int) {
    ENTER_CUBLAS(cublasGemmEx);
    return queueProduct(
        "cublasGemmEx", handle, operationOfA, operationOfB, m, n, k, alpha, {"A", a, typeOfA, lda, 0, 0, 0},
        {"B", b, typeOfB, ldb, 0, 0, 0}, beta, {"C", c, typeOfC, ldc, 0, 0, 0}, 1, compute);
}

EXPORTED int cublasGemmStridedBatchedEx(
    void *handle, int operationOfA, int operationOfB, int m, int n, int k, const void *alpha, const void *a, int typeOfA,
    int lda, long long strideOfA, const void *b, int typeOfB, int ldb, long long strideOfB, const void *beta, void *c,
    int typeOfC, int ldc, long long strideOfC, int batches, int compute, int) {
    ENTER_CUBLAS(cublasGemmStridedBatchedEx);
    return queueProduct(
        "cublasGemmStridedBatchedEx", handle, operationOfA, operationOfB, m, n, k, alpha,
        {"A", a, typeOfA, lda, 0, 0, strideOfA}, {"B", b, typeOfB, ldb, 0, 0, strideOfB}, beta,
        {"C", c, typeOfC, ldc, 0, 0, strideOfC}, batches, compute);
}
