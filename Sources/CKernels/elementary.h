// Elementary functions of one number without branches, so that loops over them vectorise. Functions of floats use the formulas of
// SIMDFunctions.swift; NaN gives NaN.
#pragma once

#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

INLINE float clipped(float x, float bound)
{
    float lowered = x > bound ? bound : x;
    return lowered < -bound ? -bound : lowered;
}

/// Returns q, and writes `*power`, such that e^x = power * (1 + q) and |q| < 0.42.
INLINE float split_exponential(float x, float *power)
{
    const float magic = 12582912; // Adding 1.5 * 2^23 rounds.
    float bounded = clipped(x, 87);
    float shifted = bounded * 1.44269504f + magic;
    float exponent = shifted - magic;
    // ln 2 as a sum of two numbers, so that the product of the first with a small integer is exact.
    float r = bounded - exponent * 0.693359375f - exponent * -2.1219444e-4f;
    float series = 1.0f / 5040;
    series = series * r + 1.0f / 720;
    series = series * r + 1.0f / 120;
    series = series * r + 1.0f / 24;
    series = series * r + 1.0f / 6;
    series = series * r + 0.5f;
    uint32_t bits;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + (127u << 23);
    __builtin_memcpy(power, &bits, sizeof bits);
    return r + r * r * series;
}

INLINE float sigmoid(float x)
{
    float power, q = split_exponential(-x, &power);
    return 1 / (1 + (power + power * q));
}

INLINE float hyperbolic_tangent(float x)
{
    float power, q = split_exponential(clipped(x, 10) * 2, &power);
    float minus_one = (power - 1) + power * q;
    return minus_one / (minus_one + 2);
}

/// Returns the result of `SplitMix64.mix`.
INLINE uint64_t split_mix(uint64_t value)
{
    uint64_t bits = value + 0x9E3779B97F4A7C15u;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9u;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EBu;
    return bits ^ bits >> 31;
}
