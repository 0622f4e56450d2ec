// The packing of a right factor. Included once for each kind of processor, with NAME, TARGET, LANES and VECTORS. It takes a third
// less time than in Swift, which uses vectors of four floats only; docs/benchmarks.md gives the gain.

#define COLUMNS (LANES * VECTORS)
#define Vector JOIN(NAME, _pack_vector)

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));

TARGET static void JOIN(NAME, _pack)(
    intptr_t rows, intptr_t panels, const float *source, intptr_t stride, float *target, intptr_t distance)
{
    // A few rows of all panels at a time: memory is read along rows, and several lines are written at a time.
    const intptr_t group = 4;
    for (intptr_t first = 0; first < rows; first += group) {
        intptr_t count = rows - first < group ? rows - first : group;
        for (intptr_t p = 0; p < panels; p++) {
            const float *from = source + first * stride + p * COLUMNS;
            float *to = target + first * COLUMNS + p * distance;
            for (intptr_t r = 0; r < count; r++, from += stride, to += COLUMNS)
                _Pragma("clang loop unroll(full)") for (int v = 0; v < VECTORS; v++)
                    *(Vector *)(to + v * LANES) = *(const Vector *)(from + v * LANES);
        }
    }
}

#undef Vector
#undef COLUMNS
