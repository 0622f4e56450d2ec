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

/// Likewise, `width` columns to a thread at once.
#define EACH_GROUP(column, count) for (int column = width * threadIdx.x; column < (count); column += width * blockDim.x)

/// Threads of a warp: 32, or those of a smaller block.
#define LANES (blockDim.x < 32 ? (int)blockDim.x : 32)

/// Goes through rows, one to a warp.
#define EACH_WARP_ROW(row, count)                                                                                \
    for (int row = (blockIdx.x * blockDim.x + threadIdx.x) / LANES; row < (count); row += gridDim.x * blockDim.x / LANES)

/// Goes through columns, shared out among the threads of a warp, `width` to a thread at once.
#define EACH_WARP_GROUP(column, count)                                                                           \
    for (int column = width * (threadIdx.x % LANES); column < (count); column += width * LANES)

__device__ inline float fromBFloat16(unsigned short bits) { return __uint_as_float((unsigned)bits << 16); }

/// Rounds to the nearest bfloat16, ties to even; NaN stays NaN.
__device__ inline unsigned short toBFloat16(float value) {
#ifdef __CUDACC__
    unsigned short bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
#else
    // Compiled for the processor, in tests.
    unsigned bits = __float_as_uint(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
    return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
#endif
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

/// Four numbers as bfloat16.
__device__ inline Halves toHalves(float first, float second, float third, float fourth) {
    Halves halves;
#ifdef __CUDACC__
    unsigned *pairs = (unsigned *)&halves;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pairs[0]) : "f"(second), "f"(first));
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pairs[1]) : "f"(fourth), "f"(third));
#else
    halves.values[0] = toBFloat16(first);
    halves.values[1] = toBFloat16(second);
    halves.values[2] = toBFloat16(third);
    halves.values[3] = toBFloat16(fourth);
#endif
    return halves;
}

__device__ inline Halves toHalves(const float *values) { return toHalves(values[0], values[1], values[2], values[3]); }

/// The floats of a row: not of a matrix of bfloat16.
__device__ inline float *rowOf(const Matrix &matrix, int row) { return matrix.start + (long long)row * matrix.stride; }

/// Elements side by side that a thread has at once: 1, or 4 of matrices that lie in fours.
template <int width> struct Group {
    float values[width];
};

/// True if all groups of four elements lie where they can be read at once. No matrix does.
__device__ inline bool liesInFours(const Matrix &matrix) {
    int bytes = matrix.element ? 8 : 16;
    return (unsigned long long)matrix.start % bytes == 0 && matrix.columns % 4 == 0 && matrix.stride % 4 == 0;
}

template <int width> __device__ inline Group<width> loadGroup(const float *start) {
    Group<width> group;
    if constexpr (width == 4) {
        Floats floats = *(const Floats *)start;
        for (int place = 0; place < 4; place++) group.values[place] = floats.values[place];
    } else {
        group.values[0] = *start;
    }
    return group;
}

template <int width> __device__ inline Group<width> loadGroup(const Matrix &matrix, int row, int column) {
    long long place = (long long)row * matrix.stride + column;
    if (!matrix.element) return loadGroup<width>(matrix.start + place);
    const unsigned short *start = (const unsigned short *)matrix.start + place;
    Group<width> group;
    if constexpr (width == 4) {
        Halves halves = *(const Halves *)start;
        for (int index = 0; index < 4; index++) group.values[index] = fromBFloat16(halves.values[index]);
    } else {
        group.values[0] = fromBFloat16(*start);
    }
    return group;
}

template <int width> __device__ inline void storeGroup(float *start, const Group<width> &group) {
    if constexpr (width == 4) {
        Floats floats;
        for (int index = 0; index < 4; index++) floats.values[index] = group.values[index];
        *(Floats *)start = floats;
    } else {
        *start = group.values[0];
    }
}

template <int width> __device__ inline void storeGroup(const Matrix &matrix, int row, int column, const Group<width> &group) {
    if constexpr (width == 4) {
        long long place = (long long)row * matrix.stride + column;
        if (matrix.element) {
            *(Halves *)((unsigned short *)matrix.start + place) = toHalves(group.values);
        } else {
            storeGroup(matrix.start + place, group);
        }
    } else {
        store(matrix, row, column, group.values[0]);
    }
}

/// The sum of a number of each thread of a warp, which all of them get.
__device__ inline double warpSum(double value) {
    for (int half = LANES / 2; half > 0; half /= 2) value += __shfl_xor_sync(0xffffffffu, value, half);
    return value;
}

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

/// The sums of two numbers of every thread of the block.
__device__ inline void blockSums(double &one, double &other) {
    __shared__ double parts[mostThreads / 32][2];
    for (int half = min(32, blockDim.x) / 2; half > 0; half /= 2) {
        one += __shfl_xor_sync(0xffffffffu, one, half);
        other += __shfl_xor_sync(0xffffffffu, other, half);
    }
    if (blockDim.x <= 32) return;
    if (threadIdx.x % 32 == 0) {
        parts[threadIdx.x / 32][0] = one;
        parts[threadIdx.x / 32][1] = other;
    }
    __syncthreads();
    one = other = 0;
    for (int part = 0; part < blockDim.x / 32; part++) {
        one += parts[part][0];
        other += parts[part][1];
    }
    __syncthreads();
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
