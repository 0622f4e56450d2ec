// What all kernels share. No header is included, because NVRTC compiles these files where no CUDA toolkit is.
//
// A kernel is right for any number of blocks, and any number of threads that is a power of two, at most `mostThreads`. Sums are
// made in an order that these numbers decide and nothing else: there are no atomic operations.

constexpr int mostThreads = 1024;

/// A matrix of a backend; `element` is 0 for float32 and 1 for bfloat16.
struct Matrix {
    float *start;
    int rows, columns, stride, element;
};

/// Goes through all indices below `count`, shared out among all threads of all blocks.
#define EACH(index, count)                                                                                       \
    for (unsigned index = blockIdx.x * blockDim.x + threadIdx.x; index < (unsigned)(count);                      \
         index += gridDim.x * blockDim.x)

/// Goes through rows, one to a block.
#define EACH_ROW(row, count) for (int row = blockIdx.x; row < (count); row += gridDim.x)

/// Goes through columns, shared out among the threads of a block.
#define EACH_COLUMN(column, count) for (int column = threadIdx.x; column < (count); column += blockDim.x)

__device__ inline float fromBFloat16(unsigned short bits) { return __uint_as_float((unsigned)bits << 16); }

/// Rounds to the nearest bfloat16, ties to even; NaN stays NaN.
__device__ inline unsigned short toBFloat16(float value) {
    unsigned bits = __float_as_uint(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (unsigned short)(bits >> 16 | 0x40);
    return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

__device__ inline float load(const Matrix &matrix, int row, int column) {
    long long place = (long long)row * matrix.stride + column;
    return matrix.element ? fromBFloat16(((const unsigned short *)matrix.start)[place]) : matrix.start[place];
}

__device__ inline void store(const Matrix &matrix, int row, int column, float value) {
    long long place = (long long)row * matrix.stride + column;
    if (matrix.element) ((unsigned short *)matrix.start)[place] = toBFloat16(value);
    else matrix.start[place] = value;
}

/// Four elements side by side, which a thread reads and writes at once.
struct alignas(16) Floats {
    float values[4];
};
struct alignas(8) Halves {
    unsigned short values[4];
};

/// The floats of a row: not of a matrix of bfloat16.
__device__ inline float *rowOf(const Matrix &matrix, int row) { return matrix.start + (long long)row * matrix.stride; }

/// The sum of a number of every thread of the block, which every thread gets.
__device__ inline double blockSum(double value) {
    __shared__ double parts[mostThreads / 32];
    // First within each 32 threads, every one of which gets the same bits.
    for (int half = min(32, blockDim.x) / 2; half > 0; half /= 2) value += __shfl_xor_sync(0xffffffffu, value, half);
    if (blockDim.x <= 32) return value;
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
    __syncthreads();
    double sum = 0;
    for (int part = 0; part < blockDim.x / 32; part++) sum += parts[part];
    __syncthreads();
    return sum;
}

/// The greatest number of all threads of the block, or NaN if one of them is; every thread gets it.
__device__ inline float blockMaximum(float value) {
    __shared__ float parts[mostThreads];
    parts[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            float other = parts[threadIdx.x + half];
            // Not fmaxf, which would let NaN pass.
            if (!(other <= parts[threadIdx.x])) parts[threadIdx.x] = other;
        }
        __syncthreads();
    }
    float greatest = parts[0];
    __syncthreads();
    return greatest;
}

#ifdef __CUDACC__
__device__ inline float fastExponential(float value) { return __expf(value); }
__device__ inline float fastDivide(float one, float other) { return __fdividef(one, other); }
#else
// Compiled for the processor, in tests.
inline float fastExponential(float value) { return expf(value); }
inline float fastDivide(float one, float other) { return one / other; }
#endif

__device__ inline float sigmoid(float value) { return 1 / (1 + expf(-value)); }

/// Keeps NaN.
__device__ inline float clipped(float value, float bound) {
    return value > bound ? bound : value < -bound ? -bound : value;
}

#define INFINITE __int_as_float(0x7f800000)
