#include "CKernels.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#if defined(__x86_64__)

#include <immintrin.h>

#define NAME avx512vnni
#define TARGET __attribute__((target("avx512f,avx512vnni")))
#define LANES 16
#define VECTORS 2
#define ROWS 12
#define WIDTH 1
#define DOT(sums, left, more, right) (Sums) _mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(left), (__m512i)(right))
#include "bytes.h"

#define NAME avxvnni
#define TARGET __attribute__((target("avx2,avxvnni")))
#define LANES 8
#define VECTORS 2
#define ROWS 6
#define WIDTH 1
#define DOT(sums, left, more, right) (Sums) _mm256_dpbusd_avx_epi32((__m256i)(sums), (__m256i)(left), (__m256i)(right))
#include "bytes.h"

// pmaddubsw sums in 16 bits, which products of bytes overflow. Values of the left factor therefore have 16 bits, and those of the
// right factor are widened, the even and the odd ones of each four separately.
#define NAME avx2
#define TARGET __attribute__((target("avx2")))
#define LANES 8
#define VECTORS 2
#define ROWS 5
#define WIDTH 2
#define DOT(sums, left, more, right)                                                                             \
    ((sums)                                                                                                      \
     + (Sums)_mm256_madd_epi16((__m256i)(left), _mm256_srai_epi16(_mm256_slli_epi16((__m256i)(right), 8), 8))     \
     + (Sums)_mm256_madd_epi16((__m256i)(more), _mm256_srai_epi16((__m256i)(right), 8)))
#include "bytes.h"

#define NAME sse2
#define TARGET
#define LANES 4
#define VECTORS 2
#define ROWS 5
#define WIDTH 2
#define DOT(sums, left, more, right)                                                                             \
    ((sums) + (Sums)_mm_madd_epi16((__m128i)(left), _mm_srai_epi16(_mm_slli_epi16((__m128i)(right), 8), 8))       \
     + (Sums)_mm_madd_epi16((__m128i)(more), _mm_srai_epi16((__m128i)(right), 8)))
#include "bytes.h"

#endif

// 128-bit vectors, for any processor. Products of a byte of either factor fit 16 bits; their sums do not.
typedef int16_t Shorts __attribute__((vector_size(16)));
typedef uint16_t UnsignedShorts __attribute__((vector_size(16)));
typedef int32_t Integers __attribute__((vector_size(16)));
typedef uint32_t UnsignedIntegers __attribute__((vector_size(16)));

static inline __attribute__((always_inline)) Integers pair_sums(Shorts products)
{
    return ((Integers)products >> 16) + ((Integers)((UnsignedIntegers)products << 16) >> 16);
}

static inline __attribute__((always_inline)) Integers dot(Integers sums, Integers left, Integers more, Integers right)
{
    Shorts even = (Shorts)((UnsignedShorts)right << 8) >> 8, odd = (Shorts)right >> 8;
    return sums + pair_sums((Shorts)left * even) + pair_sums((Shorts)more * odd);
}

#define NAME vector128
#define TARGET
#define LANES 4
#define VECTORS 2
#define ROWS 4
#define WIDTH 2
#define DOT(sums, left, more, right)                                                                             \
    (Sums) dot((Integers)(sums), (Integers)(left), (Integers)(more), (Integers)(right))
#include "bytes.h"

intptr_t contour_byte_kernels(ContourByteKernels *kernels, intptr_t capacity)
{
    intptr_t count = 0;
#define OFFER(name, rows, columns, width)                                                                        \
    if (count++ < capacity)                                                                                      \
        kernels[count - 1] = (ContourByteKernels){#name, rows, columns, width, name##_tile, name##_quantize};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni")) OFFER(avx512vnni, 12, 32, 1)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("avxvnni")) OFFER(avxvnni, 6, 16, 1)
    if (__builtin_cpu_supports("avx2")) OFFER(avx2, 5, 16, 2)
    OFFER(sse2, 5, 8, 2)
#endif
    OFFER(vector128, 4, 8, 2)
    return count;
}
