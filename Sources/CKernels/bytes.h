// A tile of a product of bytes, and the conversion of rows of floats to bytes. Included once for each kind of processor, with
//
//   NAME     name of the kernels
//   TARGET   attribute of the functions, or nothing
//   LANES    number of 32-bit sums in a vector
//   VECTORS  number of vectors in a row of the tile
//   ROWS     rows of the largest tile, at most 12
//   WIDTH    bytes of one value of the left factor: 1, or 2 in the order 0, 2, 1, 3 of each four
//   DOT      (sums, left, more, right): sums + the dot products of four values of both factors in each lane; if WIDTH is 2,
//            `more` are the second two of the left factor
//
// All kinds give the same bits: sums of integers are exact, and the following arithmetic is not contracted.

#define COLUMNS (LANES * VECTORS)
#define Sums JOIN(NAME, _sums)
#define Floats JOIN(NAME, _floats)
#define Word JOIN(NAME, _word)
#define UNROLL _Pragma("clang loop unroll(full)")

typedef int32_t Sums __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t Word __attribute__((may_alias));
typedef float Floats __attribute__((vector_size(4 * LANES), aligned(4)));

/// `rows` is a constant in every call, so that the sums stay in registers.
TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _rows)(
    const int rows, intptr_t depth, const uint8_t *restrict left, const float *restrict left_scales,
    const int8_t *restrict right, const int32_t *restrict corrections, const float *restrict right_scales,
    float *restrict result, intptr_t stride, bool adding)
{
    _Pragma("clang fp contract(off)")
    Sums sums[ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] = *(const Sums *)(corrections + v * LANES);
    // Prefetch the result, which is needed at the end.
    UNROLL for (int r = 0; r < rows; r++) {
        __builtin_prefetch(result + r * stride, 1);
        __builtin_prefetch(result + r * stride + COLUMNS - 1, 1);
    }
    for (intptr_t first = 0; first < depth; first += CONTOUR_BYTE_RUN, left += rows * CONTOUR_BYTE_RUN * WIDTH) {
        intptr_t run = depth - first < CONTOUR_BYTE_RUN ? depth - first : CONTOUR_BYTE_RUN;
        _Pragma("clang loop unroll_count(2)")
        for (intptr_t k = 0; k < run; k += 4) {
            Sums row[VECTORS];
            UNROLL for (int v = 0; v < VECTORS; v++) row[v] = *(const Sums *)(right + v * 4 * LANES);
            UNROLL for (int r = 0; r < rows; r++) {
                const uint8_t *four = left + (r * CONTOUR_BYTE_RUN + k) * WIDTH;
                Sums first = (Sums){0} + *(const Word *)four;
                Sums more = (Sums){0} + *(const Word *)(four + 4 * (WIDTH - 1));
                (void)more;
                UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] = DOT(sums[r][v], first, more, row[v]);
            }
            right += 4 * COLUMNS;
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            Floats *target = (Floats *)(result + r * stride + v * LANES);
            Floats scaled = __builtin_convertvector(sums[r][v], Floats) * left_scales[r]
                * *(const Floats *)(right_scales + v * LANES);
            *target = adding ? *target + scaled : scaled;
        }
}

TARGET static __attribute__((noinline)) void JOIN(NAME, _columns)(
    intptr_t rows, intptr_t depth, const uint8_t *left, const float *left_scales, const int8_t *right,
    const int32_t *corrections, const float *right_scales, float *result, intptr_t stride, bool adding)
{
#define CASE(n)                                                                                                \
    case n:                                                                                                    \
        if (n <= ROWS)                                                                                         \
            JOIN(NAME, _rows)                                                                                  \
            (n, depth, left, left_scales, right, corrections, right_scales, result, stride, adding);           \
        break;
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
    }
#undef CASE
}

TARGET static void JOIN(NAME, _tile)(
    intptr_t rows, intptr_t columns, intptr_t depth, const uint8_t *left, const float *left_scales, const int8_t *right,
    const int32_t *corrections, const float *right_scales, float *result, intptr_t stride, bool adding)
{
    if (columns == COLUMNS) {
        JOIN(NAME, _columns)(
            rows, depth, left, left_scales, right, corrections, right_scales, result, stride, adding);
        return;
    }
    float whole[ROWS * COLUMNS];
    JOIN(NAME, _columns)(rows, depth, left, left_scales, right, corrections, right_scales, whole, COLUMNS, false);
    for (intptr_t r = 0; r < rows; r++)
        for (intptr_t c = 0; c < columns; c++) {
            float *target = result + r * stride + c;
            *target = adding ? *target + whole[r * COLUMNS + c] : whole[r * COLUMNS + c];
        }
}

TARGET static float JOIN(NAME, _quantize)(const float *row, intptr_t depth, uint8_t *bytes, intptr_t stride)
{
    _Pragma("clang fp contract(off)")
    // Compared as integers, magnitudes are in order, with infinity and NaN above all others.
    int32_t largest = 0;
    for (intptr_t k = 0; k < depth; k++) {
        int32_t bits;
        __builtin_memcpy(&bits, row + k, sizeof bits);
        bits &= INT32_MAX;
        largest = bits > largest ? bits : largest;
    }
    float magnitude;
    __builtin_memcpy(&magnitude, &largest, sizeof largest);
    // For smaller magnitudes 127 / magnitude would not be finite.
    float inverse = magnitude >= CONTOUR_LEAST_MAGNITUDE ? 127 / magnitude : 0;
    const float magic = 12582912 + 128; // Adding 1.5 * 2^23 rounds.
    for (intptr_t first = 0; first < depth; first += CONTOUR_BYTE_RUN, bytes += stride) {
        intptr_t run = depth - first < CONTOUR_BYTE_RUN ? depth - first : CONTOUR_BYTE_RUN;
#if WIDTH == 2
        uint16_t values[CONTOUR_BYTE_RUN];
#else
        uint8_t *values = bytes;
#endif
        for (intptr_t k = 0; k < run; k++) {
            float shifted = row[first + k] * inverse + magic;
            uint32_t bits;
            __builtin_memcpy(&bits, &shifted, sizeof bits);
            values[k] = (uint8_t)bits;
        }
        for (intptr_t k = run; k < CONTOUR_BYTE_RUN; k++) values[k] = 0;
#if WIDTH == 2
        for (intptr_t k = 0; k < CONTOUR_BYTE_RUN; k += 4) {
            uint64_t four;
            __builtin_memcpy(&four, values + k, sizeof four);
            four = (four & 0xffff00000000ffff) | (four >> 16 & 0xffff0000) | (four & 0xffff0000) << 16;
            __builtin_memcpy(bytes + 2 * k, &four, sizeof four);
        }
#endif
    }
    return magnitude < __builtin_inff() ? (inverse > 0 ? magnitude / 127 : 0) : __builtin_nanf("");
}

#undef UNROLL
#undef Word
#undef Floats
#undef Sums
#undef COLUMNS
#undef NAME
#undef TARGET
#undef LANES
#undef VECTORS
#undef ROWS
#undef WIDTH
#undef DOT
