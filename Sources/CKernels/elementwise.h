// Dropout factors and the update of Adam: plain loops, which the compiler vectorises. Included once for each
// kind of processor, with NAME, TARGET and LANES.

#include "elementary.h"

TARGET static void JOIN(NAME, _dropout)(
    uint64_t key, uint64_t position, uint32_t threshold, float kept, float *restrict factors, intptr_t count)
{
    enum { pairs = 32 };
    for (intptr_t first = 0; first < count; first += 2 * pairs) {
        uint64_t bits[pairs];
        uint32_t halves[2 * pairs];
        for (int n = 0; n < pairs; n++) bits[n] = split_mix(key + (position + first + 2 * n) * 0xD1342543DE82EF95u);
        for (int n = 0; n < pairs; n++) {
            halves[2 * n] = (uint32_t)bits[n];
            halves[2 * n + 1] = (uint32_t)(bits[n] >> 32);
        }
        if (count - first >= 2 * pairs)
            for (int n = 0; n < 2 * pairs; n++) factors[first + n] = halves[n] < threshold ? 0 : kept;
        else
            for (int n = 0; n < count - first; n++) factors[first + n] = halves[n] < threshold ? 0 : kept;
    }
}

#define Vector JOIN(NAME, _numbers)

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));

TARGET static void JOIN(NAME, _adam)(
    const ContourAdam *rule, float *restrict weights, float *restrict gradients, float *restrict first, float *restrict second,
    intptr_t count)
{
    const ContourAdam r = *rule;
    // The same expressions for a vector and for one number.
#define UPDATE(Type, n)                                                                                       \
    {                                                                                                         \
        Type gradient = *(Type *)(gradients + n) * r.scale;                                                   \
        Type moment = r.beta1 * *(Type *)(first + n) + r.fresh1 * gradient;                                   \
        Type square = r.beta2 * *(Type *)(second + n) + r.fresh2 * gradient * gradient;                       \
        Type root = __builtin_elementwise_sqrt(square * r.second_factor) + r.epsilon;                         \
        *(Type *)(first + n) = moment;                                                                        \
        *(Type *)(second + n) = square;                                                                       \
        *(Type *)(weights + n) = r.kept * *(Type *)(weights + n) - r.rate * moment / root;                    \
        *(Type *)(gradients + n) = (Type){0};                                                                 \
    }
    intptr_t n = 0;
    for (; n + LANES <= count; n += LANES) UPDATE(Vector, n)
    for (; n < count; n++) UPDATE(float, n)
#undef UPDATE
}

#undef Vector
