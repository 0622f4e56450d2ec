// The scores of one position over all candidates: ranks, and sums under the softmax. Included once for each kind of
// processor, with NAME, TARGET and LANES.

#include "elementary.h"

#define Vector JOIN(NAME, _scores_vector)
/// Candidates of a run: their scores stay in the first cache, and their sums are short enough for single precision.
#define RUN 1024

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));

INLINE float JOIN(NAME, _score)(float value, float prior, float scale) { return scale * value + prior; }

/// Sums of e^(score - highest), times 1, value and value squared, over `count` candidates.
TARGET static void JOIN(NAME, _score_sums)(
    const float *restrict values, const float *restrict scores, intptr_t count, float highest, double sums[3])
{
    float exponentials[RUN];
    for (intptr_t n = 0; n < count; n++) {
        float power, q = split_exponential(scores[n] - highest, &power);
        exponentials[n] = power + power * q;
    }
    Vector zeroth = {0}, first = {0}, second = {0};
    intptr_t n = 0;
    for (; n + LANES <= count; n += LANES) {
        Vector weight = *(const Vector *)(exponentials + n), value = *(const Vector *)(values + n);
        zeroth += weight;
        first += weight * value;
        second += weight * value * value;
    }
    for (int lane = 0; lane < LANES; lane++) {
        sums[0] += zeroth[lane];
        sums[1] += first[lane];
        sums[2] += second[lane];
    }
    for (; n < count; n++) {
        sums[0] += exponentials[n];
        sums[1] += exponentials[n] * values[n];
        sums[2] += exponentials[n] * values[n] * values[n];
    }
}

/// The candidates of a run whose value, and whose score, is above that of the target. Returns the highest score.
TARGET static float JOIN(NAME, _score_run)(
    const float *restrict values, const float *restrict prior, float *restrict scores, intptr_t count, float scale,
    float value, float score, ContourScores *result)
{
    int32_t higher_values = 0, higher_scores = 0;
    for (intptr_t n = 0; n < count; n++) {
        float own = JOIN(NAME, _score)(values[n], prior[n], scale);
        scores[n] = own;
        higher_values += values[n] > value;
        higher_scores += own > score;
    }
    result->higher_values += higher_values;
    result->higher_scores += higher_scores;
    float highest = -__builtin_inff();
    intptr_t n = 0;
    if (count >= LANES) {
        Vector maxima = *(const Vector *)scores;
        for (n = LANES; n + LANES <= count; n += LANES)
            maxima = __builtin_elementwise_max(maxima, *(const Vector *)(scores + n));
        for (int lane = 0; lane < LANES; lane++) highest = maxima[lane] > highest ? maxima[lane] : highest;
    }
    for (; n < count; n++) highest = scores[n] > highest ? scores[n] : highest;
    return highest;
}

TARGET static void JOIN(NAME, _scores)(
    const float *values, const float *prior, intptr_t count, float scale, intptr_t target, ContourScores *result)
{
    float scores[RUN];
    float value = values[target], score = JOIN(NAME, _score)(value, prior[target], scale);
    float highest = -__builtin_inff();
    double sums[3] = {0};
    *result = (ContourScores){0};
    for (intptr_t start = 0; start < count; start += RUN) {
        intptr_t length = count - start < RUN ? count - start : RUN;
        float top = JOIN(NAME, _score_run)(
            values + start, prior + start, scores, length, scale, value, score, result);
        if (top > highest) {
            // The sums so far were relative to a lower score.
            double factor = highest == -__builtin_inff() ? 0 : __builtin_exp((double)highest - (double)top);
            for (int n = 0; n < 3; n++) sums[n] *= factor;
            highest = top;
        }
        JOIN(NAME, _score_sums)(values + start, scores, length, highest, sums);
    }
    result->score = score;
    result->highest = highest;
    result->total = sums[0];
    result->mean = sums[1] / sums[0];
    result->variance = sums[2] / sums[0] - result->mean * result->mean;
}

#undef Vector
#undef RUN
