// What a kernel's source needs to be compiled for the processor. Includes nothing, so that no name of a header meets a
// kernel's.
#pragma once

#define HIDDEN __attribute__((visibility("hidden")))

struct Index3 {
    unsigned x, y, z;
};

extern HIDDEN Index3 threadIdx, blockIdx, blockDim, gridDim;

HIDDEN void fakeCUDABarrier(const char *file, unsigned line);

#ifdef FAKE_CUDA_KERNEL_SOURCE

#define __global__ HIDDEN
#define __device__ __attribute__((visibility("hidden"), unused))
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __constant__ static
#define __align__(bytes) __attribute__((aligned(bytes)))

// A block has the processor to itself until it ends, so that its arrays can be where all blocks' are. In a section, so that
// they can be found; `used`, so that the compiler takes them to change at barriers.
#define __shared__ static __attribute__((section("fake_cuda_shared"), used, aligned(16)))

#define __syncthreads() \
    do { \
        asm volatile("" ::: "memory"); \
        fakeCUDABarrier(__FILE__, __LINE__); \
        asm volatile("" ::: "memory"); \
    } while (0)

using size_t = __SIZE_TYPE__;

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(4) ushort2 { unsigned short x, y; };
struct alignas(8) ushort4 { unsigned short x, y, z, w; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// Functions of one argument, for both types under the name without f.
#define FAKE_CUDA_UNARY(name) \
    extern "C" double name(double) noexcept; \
    extern "C" float name##f(float) noexcept; \
    inline float name(float x) { return name##f(x); }
FAKE_CUDA_UNARY(exp) FAKE_CUDA_UNARY(exp2) FAKE_CUDA_UNARY(expm1) FAKE_CUDA_UNARY(log) FAKE_CUDA_UNARY(log2)
FAKE_CUDA_UNARY(log10) FAKE_CUDA_UNARY(log1p) FAKE_CUDA_UNARY(sqrt) FAKE_CUDA_UNARY(cbrt) FAKE_CUDA_UNARY(sin)
FAKE_CUDA_UNARY(cos) FAKE_CUDA_UNARY(tan) FAKE_CUDA_UNARY(asin) FAKE_CUDA_UNARY(acos) FAKE_CUDA_UNARY(atan)
FAKE_CUDA_UNARY(sinh) FAKE_CUDA_UNARY(cosh) FAKE_CUDA_UNARY(tanh) FAKE_CUDA_UNARY(erf) FAKE_CUDA_UNARY(erfc)
FAKE_CUDA_UNARY(fabs) FAKE_CUDA_UNARY(floor) FAKE_CUDA_UNARY(ceil) FAKE_CUDA_UNARY(trunc) FAKE_CUDA_UNARY(round)
FAKE_CUDA_UNARY(rint) FAKE_CUDA_UNARY(nearbyint)
#undef FAKE_CUDA_UNARY

#define FAKE_CUDA_BINARY(name) \
    extern "C" double name(double, double) noexcept; \
    extern "C" float name##f(float, float) noexcept; \
    inline float name(float x, float y) { return name##f(x, y); }
FAKE_CUDA_BINARY(pow) FAKE_CUDA_BINARY(fmod) FAKE_CUDA_BINARY(fmax) FAKE_CUDA_BINARY(fmin) FAKE_CUDA_BINARY(copysign)
FAKE_CUDA_BINARY(atan2) FAKE_CUDA_BINARY(hypot)
#undef FAKE_CUDA_BINARY

extern "C" double fma(double, double, double) noexcept;
extern "C" float fmaf(float, float, float) noexcept;
extern "C" double ldexp(double, int) noexcept;
extern "C" float ldexpf(float, int) noexcept;
extern "C" float frexpf(float, int *) noexcept;
extern "C" int abs(int) noexcept;

inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1 / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1) : 0; }

inline bool isfinite(float x) { return __builtin_isfinite(x); }
inline bool isfinite(double x) { return __builtin_isfinite(x); }
inline bool isnan(float x) { return __builtin_isnan(x); }
inline bool isnan(double x) { return __builtin_isnan(x); }
inline bool isinf(float x) { return __builtin_isinf(x); }
inline bool isinf(double x) { return __builtin_isinf(x); }
inline bool signbit(float x) { return __builtin_signbit(x); }

template <class To, class From> inline To fakeCUDABits(From from) {
    static_assert(sizeof(To) == sizeof(From), "bits of another size");
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}
inline float __int_as_float(int x) { return fakeCUDABits<float>(x); }
inline float __uint_as_float(unsigned x) { return fakeCUDABits<float>(x); }
inline int __float_as_int(float x) { return fakeCUDABits<int>(x); }
inline unsigned __float_as_uint(float x) { return fakeCUDABits<unsigned>(x); }
inline double __longlong_as_double(long long x) { return fakeCUDABits<double>(x); }
inline long long __double_as_longlong(double x) { return fakeCUDABits<long long>(x); }

inline int __float2int_rn(float x) { return static_cast<int>(rintf(x)); }
inline int __float2int_rz(float x) { return static_cast<int>(x); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline float __double2float_rn(double x) { return static_cast<float>(x); }
inline unsigned __umulhi(unsigned x, unsigned y) { return static_cast<unsigned>((1ULL * x * y) >> 32); }
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
    return static_cast<unsigned long long>((static_cast<unsigned __int128>(x) * y) >> 64);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
template <class Value> inline Value __ldg(const Value *address) { return *address; }
[[noreturn]] inline void __trap() { __builtin_trap(); }

// As CUDA has them: what is mixed becomes unsigned, or longer.
template <class Value> inline Value fakeCUDALesser(Value x, Value y) { return x < y ? x : y; }
template <class Value> inline Value fakeCUDAGreater(Value x, Value y) { return x > y ? x : y; }
#define FAKE_CUDA_EXTREMES(Result, A, B) \
    inline Result min(A x, B y) { return fakeCUDALesser<Result>(static_cast<Result>(x), static_cast<Result>(y)); } \
    inline Result max(A x, B y) { return fakeCUDAGreater<Result>(static_cast<Result>(x), static_cast<Result>(y)); }
FAKE_CUDA_EXTREMES(int, int, int)
FAKE_CUDA_EXTREMES(unsigned, unsigned, unsigned)
FAKE_CUDA_EXTREMES(unsigned, int, unsigned)
FAKE_CUDA_EXTREMES(unsigned, unsigned, int)
FAKE_CUDA_EXTREMES(long, long, long)
FAKE_CUDA_EXTREMES(unsigned long, unsigned long, unsigned long)
FAKE_CUDA_EXTREMES(long long, long long, long long)
FAKE_CUDA_EXTREMES(unsigned long long, unsigned long long, unsigned long long)
FAKE_CUDA_EXTREMES(unsigned long long, long long, unsigned long long)
FAKE_CUDA_EXTREMES(unsigned long long, unsigned long long, long long)
#undef FAKE_CUDA_EXTREMES
inline float min(float x, float y) { return fminf(x, y); }
inline float max(float x, float y) { return fmaxf(x, y); }
inline double min(double x, double y) { return fmin(x, y); }
inline double max(double x, double y) { return fmax(x, y); }

// A number of another thread of the block, for kernels in which all threads ask at once. As on a GPU, with blocks of 32 threads or
// fewer, or masks that stay within 32.
template <class Value> inline Value fakeCUDAShuffle(Value value, unsigned other) {
    static Value values[1024];
    values[threadIdx.x] = value;
    __syncthreads();
    const Value result = values[other];
    __syncthreads();
    return result;
}
#define __shfl_xor_sync(mask, value, offset) fakeCUDAShuffle((value), threadIdx.x ^ static_cast<unsigned>(offset))

#endif
