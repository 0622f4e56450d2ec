// A tile of a product. Included once for each kind of processor, with
//
//   NAME     of the processor
//   TARGET   the functions' attribute, or nothing
//   LANES    floats in a vector
//   VECTORS  vectors in a row of the tile
//   ROWS     of the largest tile, at most 12: ROWS * VECTORS sums stay in registers

#define COLUMNS (LANES * VECTORS)
#define Vector JOIN(NAME, _vector)
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));

/// One step along the depth: an outer product of a column of the left tile and a row of the right one.
#define STEP(left)                                                                  \
    {                                                                               \
        Vector row[VECTORS];                                                        \
        UNROLL for (int v = 0; v < VECTORS; v++) row[v] = *(const Vector *)(right + v * LANES); \
        UNROLL for (int r = 0; r < rows; r++)                                       \
            UNROLL for (int v = 0; v < VECTORS; v++)                                \
                sums[r][v] += row[v] * (left)[r * CONTOUR_LEFT_RUN];                \
        right += COLUMNS;                                                           \
    }

/// `rows` is a constant in every call, so that the sums are registers.
TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _rows)(
    const int rows, intptr_t depth, const float *restrict left, const float *restrict right, float *restrict result,
    intptr_t stride, bool adding)
{
    Vector sums[ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] = (Vector){0};
    // The result is wanted at the end, and is on its way from memory meanwhile.
    UNROLL for (int r = 0; r < rows; r++) {
        __builtin_prefetch(result + r * stride, 1);
        __builtin_prefetch(result + r * stride + COLUMNS - 1, 1);
    }
    for (; depth >= CONTOUR_LEFT_RUN; depth -= CONTOUR_LEFT_RUN, left += rows * CONTOUR_LEFT_RUN) {
        _Pragma("clang loop unroll_count(4)")
        for (int k = 0; k < CONTOUR_LEFT_RUN; k++) STEP(left + k)
    }
    _Pragma("clang loop unroll(disable)")
    for (int k = 0; k < depth; k++) STEP(left + k)

    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            Vector *target = (Vector *)(result + r * stride + v * LANES);
            *target = adding ? *target + sums[r][v] : sums[r][v];
        }
}

TARGET static __attribute__((noinline)) void JOIN(NAME, _columns)(
    intptr_t rows, intptr_t depth, const float *left, const float *right, float *result, intptr_t stride, bool adding)
{
#define CASE(n) \
    case n:     \
        if (n <= ROWS) JOIN(NAME, _rows)(n, depth, left, right, result, stride, adding); \
        break;
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
    }
#undef CASE
}

TARGET static void JOIN(NAME, _tile)(
    intptr_t rows, intptr_t columns, intptr_t depth, const float *left, const float *right, float *result,
    intptr_t stride, bool adding)
{
    if (columns == COLUMNS) {
        JOIN(NAME, _columns)(rows, depth, left, right, result, stride, adding);
        return;
    }
    float whole[ROWS * COLUMNS];
    JOIN(NAME, _columns)(rows, depth, left, right, whole, COLUMNS, false);
    for (intptr_t r = 0; r < rows; r++)
        for (intptr_t c = 0; c < columns; c++) {
            float *target = result + r * stride + c;
            *target = adding ? *target + whole[r * COLUMNS + c] : whole[r * COLUMNS + c];
        }
}

#undef STEP
#undef UNROLL
#undef Vector
#undef COLUMNS
