// Products of a panel of a left factor with panels of a right factor, tile by tile. Included once for each kind of processor, with
//
//   NAME     name of the processor
//   TARGET   attribute of the functions, or nothing
//   LANES    number of floats in a vector
//   VECTORS  number of vectors in a row of the tile
//   ROWS     rows of the largest tile, at most 12: ROWS * VECTORS sums stay in registers

#define COLUMNS (LANES * VECTORS)
#define Vector JOIN(NAME, _vector)
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));

/// One step along the depth: the outer product of a column of the left panel, whose floats are `run` apart, and a row of the right
/// panel.
#define STEP(left)                                                                  \
    {                                                                               \
        Vector row[VECTORS];                                                        \
        UNROLL for (int v = 0; v < VECTORS; v++) row[v] = *(const Vector *)(right + v * LANES); \
        UNROLL for (int r = 0; r < rows; r++)                                       \
            UNROLL for (int v = 0; v < VECTORS; v++)                                \
                sums[r][v] += row[v] * (left)[r * run];                             \
        right += COLUMNS;                                                           \
    }

/// Returns the addend of the columns from `column` on.
TARGET static inline __attribute__((always_inline)) ContourAddend JOIN(NAME, _moved)(ContourAddend addend, intptr_t column)
{
    if (addend.start) addend.start += column;
    return addend;
}

/// `rows` and `run` are constants in every call, so that the sums stay in registers.
TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _rows)(
    const int rows, const int run, intptr_t depth, const float *restrict left, const float *restrict right,
    float *result, intptr_t stride, ContourAddend addend, const float *ahead, intptr_t ahead_run)
{
    Vector sums[ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] = (Vector){0};
    // Prefetch the result, which is needed at the end.
    UNROLL for (int r = 0; r < rows; r++) {
        __builtin_prefetch(result + r * stride, 1);
        __builtin_prefetch(result + r * stride + COLUMNS - 1, 1);
    }
    // Distance between two steps along the depth.
    const int step = run == 1 ? rows : 1;
    for (; depth >= CONTOUR_LEFT_RUN; depth -= CONTOUR_LEFT_RUN, left += rows * CONTOUR_LEFT_RUN) {
        UNROLL for (int c = 0; c < COLUMNS; c += 16) __builtin_prefetch(ahead + c, 0, 2);
        ahead += ahead_run;
        _Pragma("clang loop unroll_count(4)")
        for (int k = 0; k < CONTOUR_LEFT_RUN; k++) STEP(left + k * step)
    }
    _Pragma("clang loop unroll(disable)")
    for (int k = 0; k < depth; k++) STEP(left + k * step)
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            Vector sum = sums[r][v];
            if (addend.start) sum = *(const Vector *)(addend.start + r * addend.stride + v * LANES) + sum;
            *(Vector *)(result + r * stride + v * LANES) = sum;
        }
}

/// Whole panels of the right factor, one after another; the left panel stays in the first-level cache.
TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _panels)(
    intptr_t rows, const int run, intptr_t panels, intptr_t depth, const float *left, const float *right,
    intptr_t distance, float *result, intptr_t stride, ContourAddend addend, ContourAhead ahead)
{
#define CASE(n)                                                                                        \
    case n:                                                                                            \
        if (n <= ROWS)                                                                                 \
            for (intptr_t p = 0; p < panels; p++)                                                      \
                JOIN(NAME, _rows)(                                                                     \
                    n, run, depth, left, right + p * distance, result + p * COLUMNS, stride,           \
                    JOIN(NAME, _moved)(addend, p * COLUMNS), ahead.start + p * ahead.panel, ahead.run); \
        break;
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
    }
#undef CASE
}

TARGET static __attribute__((noinline)) void JOIN(NAME, _panels_of_runs)(
    intptr_t rows, intptr_t panels, intptr_t depth, const float *left, const float *right, intptr_t distance,
    float *result, intptr_t stride, ContourAddend addend, ContourAhead ahead)
{
    JOIN(NAME, _panels)(rows, CONTOUR_LEFT_RUN, panels, depth, left, right, distance, result, stride, addend, ahead);
}

TARGET static __attribute__((noinline)) void JOIN(NAME, _panels_of_steps)(
    intptr_t rows, intptr_t panels, intptr_t depth, const float *left, const float *right, intptr_t distance,
    float *result, intptr_t stride, ContourAddend addend, ContourAhead ahead)
{
    JOIN(NAME, _panels)(rows, 1, panels, depth, left, right, distance, result, stride, addend, ahead);
}

TARGET static void JOIN(NAME, _strip)(
    intptr_t rows, intptr_t columns, intptr_t depth, const float *left, bool steps, const float *right,
    intptr_t distance, float *result, intptr_t stride, ContourAddend addend, ContourAhead ahead)
{
    void (*panels)(
        intptr_t, intptr_t, intptr_t, const float *, const float *, intptr_t, float *, intptr_t, ContourAddend,
        ContourAhead) =
        steps ? JOIN(NAME, _panels_of_steps) : JOIN(NAME, _panels_of_runs);
    // If there is nothing to prefetch, prefetch what is in the cache already: a condition in the loop would cost more.
    const ContourAhead none = {left, 0, 0};
    if (!ahead.start) ahead = none;
    intptr_t whole = columns / COLUMNS, rest = columns % COLUMNS;
    if (whole > 0) panels(rows, whole, depth, left, right, distance, result, stride, addend, ahead);
    if (rest == 0) return;
    float last[ROWS * COLUMNS];
    panels(rows, 1, depth, left, right + whole * distance, distance, last, COLUMNS, (ContourAddend){0}, none);
    result += whole * COLUMNS;
    addend = JOIN(NAME, _moved)(addend, whole * COLUMNS);
    for (intptr_t r = 0; r < rows; r++)
        for (intptr_t c = 0; c < rest; c++) {
            float sum = last[r * COLUMNS + c];
            result[r * stride + c] = addend.start ? addend.start[r * addend.stride + c] + sum : sum;
        }
}

TARGET static void JOIN(NAME, _tile)(
    intptr_t rows, intptr_t columns, intptr_t depth, const float *left, const float *right, float *result,
    intptr_t stride, bool adding)
{
    ContourAddend addend = {adding ? result : 0, stride};
    JOIN(NAME, _strip)(rows, columns, depth, left, false, right, 0, result, stride, addend, (ContourAhead){0});
}

#undef STEP
#undef UNROLL
#undef Vector
#undef COLUMNS
