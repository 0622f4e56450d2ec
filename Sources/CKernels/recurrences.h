// Recurrences of single units over all steps of a window, for one sequence and a run of its units: plain loops, which the
// compiler vectorises. Included once for each kind of processor, with NAME and TARGET.

#include "elementary.h"

/// One step of `qrnn_forward`. `gated` and `zoned` are constants in every call, so that the loop has no branches.
TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _qrnn_step)(
    const float *restrict z, const float *restrict f, const float *restrict o, const float *restrict bias, intptr_t size,
    const float *restrict factors, float share, const float *restrict previous, float *restrict cell, float *restrict output,
    intptr_t units, const bool gated, const bool zoned)
{
    for (intptr_t n = 0; n < units; n++) {
        float candidate = hyperbolic_tangent(z[n] + bias[n]);
        float taken = share * sigmoid(-(f[n] + bias[size + n]));
        if (zoned) taken *= factors[n];
        float c = previous[n] + taken * (candidate - previous[n]);
        cell[n] = c;
        if (gated) output[n] = c * sigmoid(o[n] + bias[2 * size + n]);
    }
}

TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _qrnn_steps)(
    const ContourRecurrence *run, const bool gated, const bool zoned)
{
    for (intptr_t step = 0; step < run->steps; step++) {
        const float *gates = run->gates + step * run->gates_step;
        float *cells = run->cells + step * run->cells_step;
        JOIN(NAME, _qrnn_step)(
            gates, gates + run->size, gates + 2 * run->size, run->bias, run->size,
            zoned ? run->factors + step * run->factors_step : 0, run->scale, cells, cells + run->cells_step,
            gated ? run->outputs + step * run->outputs_step : 0, run->units, gated, zoned);
    }
}

TARGET static void JOIN(NAME, _qrnn_forward)(const ContourRecurrence *run)
{
    if (run->gated && run->factors) JOIN(NAME, _qrnn_steps)(run, true, true);
    else if (run->gated) JOIN(NAME, _qrnn_steps)(run, true, false);
    else if (run->factors) JOIN(NAME, _qrnn_steps)(run, false, true);
    else JOIN(NAME, _qrnn_steps)(run, false, false);
}

TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _qrnn_step_back)(
    float *restrict z, float *restrict f, float *restrict o, const float *restrict bias, intptr_t size,
    const float *restrict factors, float share, const float *restrict previous, const float *restrict cell,
    const float *restrict output_gradient, float *restrict carried, float *restrict z_sum, float *restrict f_sum,
    float *restrict o_sum, intptr_t units, const bool gated, const bool zoned)
{
    for (intptr_t n = 0; n < units; n++) {
        float candidate = hyperbolic_tangent(z[n] + bias[n]);
        float rest = sigmoid(-(f[n] + bias[size + n]));
        float taken = share * rest, dh = output_gradient[n], dc = carried[n];
        if (zoned) taken *= factors[n];
        if (gated) {
            float out = sigmoid(o[n] + bias[2 * size + n]);
            float slope = dh * cell[n] * out * (1 - out);
            dc += dh * out;
            o[n] = slope;
            o_sum[n] += slope;
        } else {
            dc += dh;
        }
        float of_z = dc * taken * (1 - candidate * candidate);
        float of_f = dc * (previous[n] - candidate) * taken * (1 - rest);
        z[n] = of_z;
        f[n] = of_f;
        z_sum[n] += of_z;
        f_sum[n] += of_f;
        carried[n] = dc - dc * taken;
    }
}

TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _qrnn_steps_back)(
    const ContourRecurrence *run, const bool gated, const bool zoned)
{
    float carried[CONTOUR_RECURRENCE_UNITS];
    float *sums = run->sums;
    for (intptr_t n = 0; n < run->units; n++) {
        carried[n] = 0;
        for (int gate = 0; gate < (gated ? 3 : 2); gate++) sums[gate * run->size + n] = 0;
    }
    for (intptr_t step = run->steps - 1; step >= 0; step--) {
        float *gates = run->gates + step * run->gates_step;
        const float *cells = run->cells + step * run->cells_step;
        JOIN(NAME, _qrnn_step_back)(
            gates, gates + run->size, gates + 2 * run->size, run->bias, run->size,
            zoned ? run->factors + step * run->factors_step : 0, run->scale, cells, cells + run->cells_step,
            run->output_gradient + step * run->output_gradient_step, carried, sums, sums + run->size, sums + 2 * run->size,
            run->units, gated, zoned);
    }
}

TARGET static void JOIN(NAME, _qrnn_backward)(const ContourRecurrence *run)
{
    if (run->gated && run->factors) JOIN(NAME, _qrnn_steps_back)(run, true, true);
    else if (run->gated) JOIN(NAME, _qrnn_steps_back)(run, true, false);
    else if (run->factors) JOIN(NAME, _qrnn_steps_back)(run, false, true);
    else JOIN(NAME, _qrnn_steps_back)(run, false, false);
}

TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _sru_step)(
    const float *restrict x, const float *restrict f, const float *restrict r, const float *restrict bias,
    const float *restrict weights, intptr_t size, const float *restrict input, float scale, const float *restrict previous,
    float *restrict cell, float *restrict output, intptr_t units, const bool highway)
{
    for (intptr_t n = 0; n < units; n++) {
        float before = previous[n];
        float forget = sigmoid(f[n] + bias[n] + weights[n] * before);
        float reset = sigmoid(r[n] + bias[size + n] + weights[size + n] * before);
        float c = x[n] + forget * (before - x[n]);
        cell[n] = c;
        if (highway) {
            float past = scale * input[n];
            output[n] = past + reset * (c - past);
        } else {
            output[n] = reset * c;
        }
    }
}

TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _sru_steps)(const ContourRecurrence *run, const bool highway)
{
    for (intptr_t step = 0; step < run->steps; step++) {
        const float *gates = run->gates + step * run->gates_step;
        float *cells = run->cells + step * run->cells_step;
        JOIN(NAME, _sru_step)(
            gates, gates + run->size, gates + 2 * run->size, run->bias, run->weights, run->size,
            highway ? run->input + step * run->input_step : 0, run->scale, cells, cells + run->cells_step,
            run->outputs + step * run->outputs_step, run->units, highway);
    }
}

TARGET static void JOIN(NAME, _sru_forward)(const ContourRecurrence *run)
{
    if (run->input) JOIN(NAME, _sru_steps)(run, true);
    else JOIN(NAME, _sru_steps)(run, false);
}

TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _sru_step_back)(
    float *restrict x, float *restrict f, float *restrict r, const float *restrict bias, const float *restrict weights,
    intptr_t size, const float *restrict input, float scale, const float *restrict previous, const float *restrict cell,
    const float *restrict output_gradient, float *restrict input_gradient, float *restrict carried, float *restrict f_sum,
    float *restrict r_sum, float *restrict f_weight_sum, float *restrict r_weight_sum, intptr_t units, const bool highway)
{
    for (intptr_t n = 0; n < units; n++) {
        float before = previous[n], dh = output_gradient[n];
        float forget = sigmoid(f[n] + bias[n] + weights[n] * before);
        float reset = sigmoid(r[n] + bias[size + n] + weights[size + n] * before);
        float past = highway ? scale * input[n] : 0;
        float dc = carried[n] + dh * reset;
        float of_r = dh * (cell[n] - past) * reset * (1 - reset);
        float of_f = dc * (before - x[n]) * forget * (1 - forget);
        if (highway) input_gradient[n] = dh * (1 - reset) * scale;
        x[n] = dc * (1 - forget);
        f[n] = of_f;
        r[n] = of_r;
        f_sum[n] += of_f;
        r_sum[n] += of_r;
        f_weight_sum[n] += of_f * before;
        r_weight_sum[n] += of_r * before;
        carried[n] = dc * forget + of_f * weights[n] + of_r * weights[size + n];
    }
}

TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _sru_steps_back)(
    const ContourRecurrence *run, const bool highway)
{
    float carried[CONTOUR_RECURRENCE_UNITS];
    float *sums = run->sums;
    for (intptr_t n = 0; n < run->units; n++) {
        carried[n] = 0;
        for (int kind = 0; kind < 4; kind++) sums[kind * run->size + n] = 0;
    }
    for (intptr_t step = run->steps - 1; step >= 0; step--) {
        float *gates = run->gates + step * run->gates_step;
        const float *cells = run->cells + step * run->cells_step;
        JOIN(NAME, _sru_step_back)(
            gates, gates + run->size, gates + 2 * run->size, run->bias, run->weights, run->size,
            highway ? run->input + step * run->input_step : 0, run->scale, cells, cells + run->cells_step,
            run->output_gradient + step * run->output_gradient_step,
            highway ? run->input_gradient + step * run->input_gradient_step : 0, carried, sums, sums + run->size,
            sums + 2 * run->size, sums + 3 * run->size, run->units, highway);
    }
}

TARGET static void JOIN(NAME, _sru_backward)(const ContourRecurrence *run)
{
    if (run->input) JOIN(NAME, _sru_steps_back)(run, true);
    else JOIN(NAME, _sru_steps_back)(run, false);
}
