// Products of matrices on the processor.
#pragma once

#include <cstddef>
#include <cstdint>

enum class Number { float32, bfloat16 };

inline size_t bytesOf(Number number) { return number == Number::float32 ? 4 : 2; }

struct Factor {
    const void *values;
    Number number;
    size_t ld;          // from a column to the next, in elements
    bool isTransposed;
};

/// C = alpha A B + beta C: A is m × k, B is k × n, each transposed where it says so; C is m × n. By columns. Sums are float.
__attribute__((visibility("hidden"))) void multiply(
    size_t m, size_t n, size_t k, float alpha, Factor a, Factor b, float beta, void *c, Number numberOfC, size_t ldc,
    bool roundsToTF32);
