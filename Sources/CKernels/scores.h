// The scores of a position over candidates: ranks, and sums under the softmax. Included once for each kind of processor, with
// NAME, TARGET and LANES.

#include "elementary.h"

#define Vector JOIN(NAME, _scores_vector)
#define Integers JOIN(NAME, _scores_integers)
#define Doubles JOIN(NAME, _scores_doubles)
/// Candidates in a run: few enough to stay in the first-level cache for the second pass, and to be summed in single precision.
#define RUN 1024

typedef float Vector __attribute__((ext_vector_type(LANES), aligned(4)));
typedef int32_t Integers __attribute__((ext_vector_type(LANES), aligned(4)));
typedef double Doubles __attribute__((ext_vector_type(LANES), aligned(8)));

/// e^x for x <= 0, with a relative error of 3e-7 near 0 and below 1e-5 everywhere; about 1e-38 for all x below -87. NaN
/// gives NaN.
TARGET INLINE Vector JOIN(NAME, _falling_exponential)(Vector x)
{
    const float magic = 12582912; // Adding 1.5 * 2^23 rounds.
    Vector bounded = x < -87.0f ? (Vector)(-87.0f) : x;
    Vector shifted = bounded * 1.44269504f + magic;
    Vector r = bounded - (shifted - magic) * 0.69314718f;
    // Taylor coefficients, adjusted to minimise the maximum error for |r| < (ln 2) / 2, which is 1e-7.
    Vector series = r * 0.008312525f + 0.041890115f;
    series = series * r + 0.16667114f;
    series = series * r + 0.49999231f;
    series = series * r + 1;
    series = series * r + 1;
    // Multiply by 2^exponent by adding to the exponent's bits.
    Integers bits = (__builtin_bit_cast(Integers, shifted) << 23) + __builtin_bit_cast(Integers, series);
    return __builtin_bit_cast(Vector, bits);
}

/// Adds whole vectors of candidates, at most one run. `moments` is a constant in every call.
TARGET INLINE void JOIN(NAME, _add_run)(
    const float *values, const float *prior, intptr_t count, float scale, float target_value, float target_score, bool moments,
    ContourScoreLanes *lanes)
{
    Vector before = *(Vector *)lanes->highest, highest = before;
    Integers higher_values = *(Integers *)lanes->higher_values, higher_scores = *(Integers *)lanes->higher_scores;
    for (intptr_t n = 0; n < count; n += LANES) {
        Vector value = *(const Vector *)(values + n), score = scale * value + *(const Vector *)(prior + n);
        higher_values -= value > target_value;
        higher_scores -= score > target_score;
        highest = score > highest ? score : highest;
    }
    *(Vector *)lanes->highest = highest;
    *(Integers *)lanes->higher_values = higher_values;
    *(Integers *)lanes->higher_scores = higher_scores;
    Vector zeroth = 0, first = 0, second = 0;
    for (intptr_t n = 0; n < count; n += LANES) {
        Vector value = *(const Vector *)(values + n), score = scale * value + *(const Vector *)(prior + n);
        Vector weight = JOIN(NAME, _falling_exponential)(score - highest);
        zeroth += weight;
        if (moments) {
            Vector weighted = weight * value;
            first += weighted;
            second += weighted * value;
        }
    }
    // The previous sums are relative to a lower score.
    Doubles factor = __builtin_convertvector(JOIN(NAME, _falling_exponential)(before - highest), Doubles);
    Doubles *sums[3] = {(Doubles *)lanes->sums[0], (Doubles *)lanes->sums[1], (Doubles *)lanes->sums[2]};
    *sums[0] = *sums[0] * factor + __builtin_convertvector(zeroth, Doubles);
    if (!moments) return;
    *sums[1] = *sums[1] * factor + __builtin_convertvector(first, Doubles);
    *sums[2] = *sums[2] * factor + __builtin_convertvector(second, Doubles);
}

TARGET INLINE void JOIN(NAME, _add_all)(
    const float *values, const float *prior, intptr_t count, float scale, float target_value, float target_prior, bool moments,
    ContourScoreLanes *lanes)
{
    // Computed by the same instructions as a candidate's score, so that the target is not above itself.
    float target_score = scale * target_value + target_prior;
    intptr_t whole = count - count % LANES;
    for (intptr_t start = 0; start < whole; start += RUN) {
        intptr_t length = whole - start < RUN ? whole - start : RUN;
        JOIN(NAME, _add_run)(values + start, prior + start, length, scale, target_value, target_score, moments, lanes);
    }
    if (whole == count) return;
    // The padding of the last vector is not above the target, and has weight zero.
    float last_values[LANES], last_prior[LANES];
    for (intptr_t n = 0; n < LANES; n++) {
        last_values[n] = n < count - whole ? values[whole + n] : target_value;
        last_prior[n] = n < count - whole ? prior[whole + n] : CONTOUR_LOWEST_SCORE;
    }
    JOIN(NAME, _add_run)(last_values, last_prior, LANES, scale, target_value, target_score, moments, lanes);
}

TARGET static void JOIN(NAME, _add_scores)(
    const float *values, const float *prior, intptr_t count, float scale, float target_value, float target_prior, bool moments,
    ContourScoreLanes *lanes)
{
    if (moments)
        JOIN(NAME, _add_all)(values, prior, count, scale, target_value, target_prior, true, lanes);
    else
        JOIN(NAME, _add_all)(values, prior, count, scale, target_value, target_prior, false, lanes);
}

#undef Vector
#undef Integers
#undef Doubles
#undef RUN
