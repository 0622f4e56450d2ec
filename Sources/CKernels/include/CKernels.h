// The innermost loops of training and of evaluations, for each kind of processor. They are in C because Swift cannot compile single
// functions for a newer processor than the rest of a program, and one binary must run everywhere. docs/benchmarks.md gives the gain.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/// Number of floats in a run of a row, along the depth, in a packed left factor.
#define CONTOUR_LEFT_RUN 16

/// result = left * right, or result += left * right: a tile of at most `rows` x `columns`.
///
/// Every element is one chain of multiply-adds in the order of the depth. It depends neither on its place in the tile, nor on the
/// size of the tile.
///
/// - left: runs of CONTOUR_LEFT_RUN floats along the depth, [depth / run][rows][run]; the last ones may be partly filled.
/// - right: [depth][the kernels' columns]
/// - result: [rows][stride]
typedef void (*ContourTileProduct)(
    intptr_t rows, intptr_t columns, intptr_t depth, const float *left, const float *right, float *result,
    intptr_t stride, bool adding);

/// Memory that is needed soon, and is prefetched into the second-level cache: for every panel of the right factor, and every run of
/// CONTOUR_LEFT_RUN steps along the depth, as many floats as a panel has columns. The addresses need not be valid.
typedef struct {
    /// NULL to prefetch nothing.
    const float *start;
    /// Distance in floats between what two adjacent panels prefetch, and between two runs.
    intptr_t panel, run;
} ContourAhead;

/// The addend of a product: the result itself, or rows `stride` floats apart; with stride 0, a single row.
typedef struct {
    /// NULL to add nothing.
    const float *start;
    intptr_t stride;
} ContourAddend;

/// result = left * right + addend: one panel of a left factor times the panels of a right factor that cover `columns` columns. Each
/// element equals that of a `ContourTileProduct`.
///
/// - left: as in a tile; with `steps`, [depth][rows].
/// - right: panels of [depth][the kernels' columns], which start `distance` floats apart; the last one is padded.
/// - result: [rows][stride]
typedef void (*ContourStripProduct)(
    intptr_t rows, intptr_t columns, intptr_t depth, const float *left, bool steps, const float *right, intptr_t distance,
    float *result, intptr_t stride, ContourAddend addend, ContourAhead ahead);

/// Copies rows of a right factor, `stride` floats apart, into panels of the kernels' columns, which start `distance` floats apart.
typedef void (*ContourPack)(
    intptr_t rows, intptr_t panels, const float *source, intptr_t stride, float *target, intptr_t distance);

/// The cells of an LSTM step for one sequence; see `Backend.lstmStep`.
typedef void (*ContourCellsForward)(
    float *gates, const float *bias, const float *previous, float *cell, float *output, intptr_t size, float clip);

/// The backward pass; see `Backend.lstmStepBackward`.
typedef void (*ContourCellsBackward)(
    float *gates, const float *previous, float *cell, const float *output_gradient, float *cell_gradient, intptr_t size,
    float clip);

/// Maximum number of units of one sequence that a recurrence processes at once.
#define CONTOUR_RECURRENCE_UNITS 512

/// A run of units of one sequence in a recurrence over all steps of a window; `Backend` describes the matrices. Pointers are to the
/// first step, and `..._step` is the distance to the next step in floats.
typedef struct {
    intptr_t steps, units;
    /// Distance in floats from one kind of gates, biases, weights or sums to the next.
    intptr_t size;
    /// `share` of `qrnn`, or `scale` of `sru`.
    float scale;
    /// True if `qrnn` has output gates.
    bool gated;
    float *gates;
    intptr_t gates_step;
    const float *bias, *weights;
    /// Starts with the cells before the first step.
    float *cells;
    intptr_t cells_step;
    /// NULL if there are none.
    const float *factors, *input, *output_gradient;
    intptr_t factors_step, input_step, output_gradient_step;
    float *outputs, *input_gradient;
    intptr_t outputs_step, input_gradient_step;
    /// Sums over all steps.
    float *sums;
} ContourRecurrence;

typedef void (*ContourRecur)(const ContourRecurrence *run);

/// Writes factors of inverted dropout, 0 or `kept`, for `count` numbers starting at `position`, which must be even; see `DropoutDraw`.
typedef void (*ContourDropout)(
    uint64_t key, uint64_t position, uint32_t threshold, float kept, float *factors, intptr_t count);

/// The numbers of one update; see `Adam`.
typedef struct {
    float beta1, fresh1, beta2, fresh2, epsilon;
    /// Factors applied to the gradient, and to the second moment.
    float scale, second_factor;
    /// Share of a weight that remains after weight decay.
    float kept;
    float rate;
} ContourAdam;

/// Updates `count` weights and moments, and sets their gradients to zero.
typedef void (*ContourUpdate)(
    const ContourAdam *rule, float *weights, float *gradients, float *first, float *second, intptr_t count);

/// Number of lists among which the candidates of a position are distributed: one for each lane of the widest vectors.
#define CONTOUR_SCORE_LANES 16

/// Below every score, and finite, so that differences are not NaN.
#define CONTOUR_LOWEST_SCORE -3e38f

/// The scores of one position so far, in independent lists. Initially `highest` is CONTOUR_LOWEST_SCORE and everything else 0.
typedef struct {
    float highest[CONTOUR_SCORE_LANES];
    /// Number of candidates above the target.
    int32_t higher_values[CONTOUR_SCORE_LANES], higher_scores[CONTOUR_SCORE_LANES];
    /// Sums of e^(score - highest) times 1, the value, and the value squared; the last two only if requested.
    double sums[3][CONTOUR_SCORE_LANES];
} ContourScoreLanes;

/// Adds candidates to the scores of one position: score = scale * value + prior. They are compared with the target's value and prior.
/// With `moments`, the sums of values are computed, too.
///
/// - values, prior: [count]
typedef void (*ContourAddScores)(
    const float *values, const float *prior, intptr_t count, float scale, float target_value, float target_prior, bool moments,
    ContourScoreLanes *lanes);

typedef struct {
    const char *name;
    /// Size of the largest tile.
    intptr_t rows, columns;
    ContourTileProduct multiply;
    ContourStripProduct multiply_strip;
    ContourPack pack;
    ContourCellsForward forward_cells;
    ContourCellsBackward backward_cells;
    ContourAddScores add_scores;
    ContourRecur qrnn_forward, qrnn_backward, sru_forward, sru_backward;
    ContourDropout drop;
    ContourUpdate adam;
} ContourKernels;

/// Writes at most `capacity` of the sets of kernels that run on this processor, fastest first, and returns their total number.
intptr_t contour_kernels(ContourKernels *kernels, intptr_t capacity);

/// Number of values in a run of a row, along the depth, in a left factor of bytes.
#define CONTOUR_BYTE_RUN 64

/// Rows and columns whose largest magnitude is below count as zero.
#define CONTOUR_LEAST_MAGNITUDE 1e-30f

/// result = (left * right) * scales, or result += that: a tile of at most `rows` x `columns` of a product of bytes, with 32-bit sums.
///
/// - left: runs of CONTOUR_BYTE_RUN values along the depth, [depth / run][rows][run], as `quantize` wrote them, each
///   increased by 128.
/// - left_scales: [rows]
/// - right: [depth / 4][the kernels' columns][4], the last four padded with zeros.
/// - corrections: [the kernels' columns]: -128 times the sum of each column of `right`.
/// - right_scales: [the kernels' columns]
/// - result: [rows][stride]
typedef void (*ContourByteTile)(
    intptr_t rows, intptr_t columns, intptr_t depth, const uint8_t *left, const float *left_scales, const int8_t *right,
    const int32_t *corrections, const float *right_scales, float *result, intptr_t stride, bool adding);

/// Writes 128 + round(127 x / m), ties to even, for each x of a row with the largest magnitude m, in runs of
/// CONTOUR_BYTE_RUN values that lie `stride` bytes apart, and returns m / 127: NaN if not all are finite, 0 if all count as zero.
typedef float (*ContourQuantize)(const float *row, intptr_t depth, uint8_t *bytes, intptr_t stride);

typedef struct {
    const char *name;
    /// Size of the largest tile.
    intptr_t rows, columns;
    /// Bytes of one value of the left factor.
    intptr_t width;
    ContourByteTile multiply;
    ContourQuantize quantize;
} ContourByteKernels;

/// Like `contour_kernels`.
intptr_t contour_byte_kernels(ContourByteKernels *kernels, intptr_t capacity);
