// The cells of an LSTM step for one sequence: plain loops, which the compiler vectorises.
// Included once for each kind of processor, with NAME and TARGET.

#include "elementary.h"

TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _forward_runs)(
    float *restrict i, float *restrict f, float *restrict g, float *restrict o, const float *restrict bias,
    const float *restrict previous, float *restrict cell, float *restrict output, intptr_t size, float clip)
{
    for (intptr_t n = 0; n < size; n++) {
        float in = sigmoid(i[n] + bias[n]);
        float forget = sigmoid(f[n] + bias[size + n]);
        float candidate = hyperbolic_tangent(g[n] + bias[2 * size + n]);
        float out = sigmoid(o[n] + bias[3 * size + n]);
        float c = clipped(in * candidate + forget * previous[n], clip);
        i[n] = in;
        f[n] = forget;
        g[n] = candidate;
        o[n] = out;
        cell[n] = c;
        output[n] = out * hyperbolic_tangent(c);
    }
}

TARGET static void JOIN(NAME, _forward)(
    float *gates, const float *bias, const float *previous, float *cell, float *output, intptr_t size, float clip)
{
    JOIN(NAME, _forward_runs)(
        gates, gates + size, gates + 2 * size, gates + 3 * size, bias, previous, cell, output, size, clip);
}

TARGET static inline __attribute__((always_inline)) void JOIN(NAME, _backward_runs)(
    float *restrict i, float *restrict f, float *restrict g, float *restrict o, const float *restrict previous,
    float *restrict cell, const float *restrict output_gradient, float *restrict cell_gradient, intptr_t size,
    float clip)
{
    for (intptr_t n = 0; n < size; n++) {
        float in = i[n], forget = f[n], candidate = g[n], out = o[n], c = cell[n], dm = output_gradient[n];
        float tangent = hyperbolic_tangent(c);
        float whole = cell_gradient[n] + dm * out * (1 - tangent * tangent);
        float dc = c >= clip || c <= -clip ? 0 : whole;
        i[n] = dc * candidate * in * (1 - in);
        f[n] = dc * previous[n] * forget * (1 - forget);
        g[n] = dc * in * (1 - candidate * candidate);
        o[n] = dm * tangent * out * (1 - out);
        cell_gradient[n] = dc * forget;
        cell[n] = out * tangent;
    }
}

TARGET static void JOIN(NAME, _backward)(
    float *gates, const float *previous, float *cell, const float *output_gradient, float *cell_gradient, intptr_t size,
    float clip)
{
    JOIN(NAME, _backward_runs)(
        gates, gates + size, gates + 2 * size, gates + 3 * size, previous, cell, output_gradient, cell_gradient, size,
        clip);
}
