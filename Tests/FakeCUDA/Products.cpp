// Products of matrices on the processor: quick enough for tests, and simple. Both factors are copied as floats into panels
// of a few rows or columns, whose products the compiler can keep in vector registers.

#include "Products.h"

#include <cstring>
#include <vector>

namespace {

constexpr size_t rows = 8, columns = 4;     // of a tile

typedef float Lanes __attribute__((vector_size(16)));

float load(const void *values, Number number, size_t index) {
    float result;
    if (number == Number::float32) {
        std::memcpy(&result, static_cast<const char *>(values) + index * 4, 4);
    } else {
        uint16_t half;
        std::memcpy(&half, static_cast<const char *>(values) + index * 2, 2);
        const uint32_t bits = static_cast<uint32_t>(half) << 16;
        std::memcpy(&result, &bits, 4);
    }
    return result;
}

/// To the nearest number that has so many bits fewer, and of two the even one.
uint32_t withoutBits(float value, unsigned count) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) return bits | 0x00400000;     // a NaN must remain one
    const uint32_t unit = 1u << count;
    bits += unit / 2 - 1 + (bits >> count & 1);
    return bits & ~(unit - 1);
}

void store(void *values, Number number, size_t index, float value) {
    if (number == Number::float32) {
        std::memcpy(static_cast<char *>(values) + index * 4, &value, 4);
    } else {
        const uint16_t half = static_cast<uint16_t>(withoutBits(value, 16) >> 16);
        std::memcpy(static_cast<char *>(values) + index * 2, &half, 2);
    }
}

/// Panels of `width` rows of a count × k matrix, each by columns; what is missing in the last is 0. `step` is from a row to
/// the next, and `stepOfK` from a column to the next.
std::vector<float> panels(
    const Factor &factor, size_t count, size_t k, size_t width, size_t step, size_t stepOfK, bool roundsToTF32) {
    std::vector<float> result((count + width - 1) / width * width * k);
    for (size_t begin = 0; begin < count; begin += width) {
        float *panel = result.data() + begin * k;
        const size_t present = count - begin < width ? count - begin : width;
        const auto take = [&](size_t row, size_t p) {
            panel[p * width + row] = load(factor.values, factor.number, (begin + row) * step + p * stepOfK);
        };
        // Memory is read in its order.
        if (step == 1) {
            for (size_t p = 0; p < k; p++)
                for (size_t row = 0; row < present; row++) take(row, p);
        } else {
            for (size_t row = 0; row < present; row++)
                for (size_t p = 0; p < k; p++) take(row, p);
        }
    }
    if (roundsToTF32 && factor.number == Number::float32) {
        for (float &value : result) {
            const uint32_t bits = withoutBits(value, 13);
            std::memcpy(&value, &bits, 4);
        }
    }
    return result;
}

/// A tile of the product, by columns.
void multiplyPanels(const float *a, const float *b, size_t k, float *tile) {
    Lanes sums[columns][rows / 4] = {};
    for (size_t p = 0; p < k; p++, a += rows, b += columns) {
        Lanes low, high;
        std::memcpy(&low, a, 16);
        std::memcpy(&high, a + 4, 16);
        for (size_t j = 0; j < columns; j++) {
            sums[j][0] += low * b[j];
            sums[j][1] += high * b[j];
        }
    }
    std::memcpy(tile, sums, sizeof sums);
}

}

void multiply(
    size_t m, size_t n, size_t k, float alpha, Factor a, Factor b, float beta, void *c, Number numberOfC, size_t ldc,
    bool roundsToTF32) {
    const std::vector<float> left =
        panels(a, m, k, rows, a.isTransposed ? a.ld : 1, a.isTransposed ? 1 : a.ld, roundsToTF32);
    const std::vector<float> right =
        panels(b, n, k, columns, b.isTransposed ? 1 : b.ld, b.isTransposed ? b.ld : 1, roundsToTF32);
    float tile[rows * columns];
    for (size_t j = 0; j < n; j += columns) {
        for (size_t i = 0; i < m; i += rows) {
            multiplyPanels(left.data() + i * k, right.data() + j * k, k, tile);
            for (size_t column = 0; column < columns && j + column < n; column++) {
                for (size_t row = 0; row < rows && i + row < m; row++) {
                    const size_t index = (j + column) * ldc + i + row;
                    float value = alpha * tile[column * rows + row];
                    // With beta 0, C may hold anything.
                    if (beta != 0) value += beta * load(c, numberOfC, index);
                    store(c, numberOfC, index, value);
                }
            }
        }
    }
}
