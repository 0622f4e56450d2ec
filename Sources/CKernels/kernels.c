#include "CKernels.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

// Tiles as large as the registers allow, so that each vector loaded is used as often as possible.

#if defined(__x86_64__)

#define NAME avx512
#define TARGET __attribute__((target("avx512f,avx512dq,fma")))
#define LANES 16
#define VECTORS 2
#define ROWS 12
#include "processor.h"

#define NAME avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define VECTORS 2
#define ROWS 6
#include "processor.h"

#define NAME sse2
#define TARGET
#define LANES 4
#define VECTORS 2
#define ROWS 6
#include "processor.h"

#else

// 128-bit vectors and 32 registers: the sizes of NEON, which compilers map to other processors.
#define NAME vector128
#define TARGET
#define LANES 4
#define VECTORS 3
#define ROWS 8
#include "processor.h"

#endif

intptr_t contour_kernels(ContourKernels *kernels, intptr_t capacity)
{
    intptr_t count = 0;
#define OFFER(name, rows, columns)                                                                          \
    if (count++ < capacity)                                                                                 \
        kernels[count - 1] = (ContourKernels){                                                              \
            #name, rows, columns, name##_tile, name##_strip, name##_pack, name##_forward, name##_backward,               \
            name##_add_scores, name##_qrnn_forward, name##_qrnn_backward, name##_sru_forward, name##_sru_backward, \
            name##_dropout, name##_adam};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) OFFER(avx512, 12, 32)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) OFFER(avx2, 6, 16)
    OFFER(sse2, 6, 8)
#else
    OFFER(vector128, 8, 12)
#endif
    return count;
}
