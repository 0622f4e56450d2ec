// The innermost loops of training and of evaluations, for each kind of processor. In C because Swift cannot compile single functions for a
// newer processor than the rest of a program, and one binary has to run everywhere: docs/benchmarks.md has what that is
// worth.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/// Floats of a row's run along the depth in a packed left factor.
#define CONTOUR_LEFT_RUN 16

/// result = left * right, or result += left * right: a tile of at most `rows` x `columns`.
///
/// Every element is one chain of multiply-adds in the order of the depth. It does not depend on where in a tile the
/// element lies, nor on how many rows and columns the tile has.
///
/// - left: runs of CONTOUR_LEFT_RUN floats along the depth, [depth / run][rows][run]; the last ones need not be full.
/// - right: [depth][the kernels' columns]
/// - result: [rows][stride]
typedef void (*ContourTileProduct)(
    intptr_t rows, intptr_t columns, intptr_t depth, const float *left, const float *right, float *result,
    intptr_t stride, bool adding);

/// Memory that is wanted soon, and is fetched into the second cache meanwhile: for every panel of the right factor, and every run
/// of CONTOUR_LEFT_RUN steps along the depth, as many floats as a panel has columns. It need not be memory at all.
typedef struct {
    /// NULL: nothing is fetched.
    const float *start;
    /// Floats from what one panel fetches to what the next one does, and from one run to the next.
    intptr_t panel, run;
} ContourAhead;

/// The addend of a product: the result itself, or rows `stride` floats apart; with a stride of 0, one row.
typedef struct {
    /// NULL: nothing is added.
    const float *start;
    intptr_t stride;
} ContourAddend;

/// result = left * right + addend: one panel of a left factor times as many of a right one as have `columns`
/// columns. Each element is that of a `ContourTileProduct`.
///
/// - left: as a tile's; with `steps`, [depth][rows].
/// - right: panels of [depth][the kernels' columns], the starts of two `distance` floats apart; the last one is filled up.
/// - result: [rows][stride]
typedef void (*ContourStripProduct)(
    intptr_t rows, intptr_t columns, intptr_t depth, const float *left, bool steps, const float *right, intptr_t distance,
    float *result, intptr_t stride, ContourAddend addend, ContourAhead ahead);

/// Copies rows of a right factor, `stride` floats apart, into panels of the kernels' columns, whose starts are `distance` floats
/// apart.
typedef void (*ContourPack)(
    intptr_t rows, intptr_t panels, const float *source, intptr_t stride, float *target, intptr_t distance);

/// The cells of an LSTM step for one sequence; `ProcessorKernels.forwardCells` says what is computed.
typedef void (*ContourCellsForward)(
    float *gates, const float *bias, const float *previous, float *cell, float *output, intptr_t size, float clip);

/// The way back; see `ProcessorKernels.backwardCells`.
typedef void (*ContourCellsBackward)(
    float *gates, const float *previous, float *cell, const float *output_gradient, float *cell_gradient, intptr_t size,
    float clip);

/// Units of one sequence that a recurrence takes at once, at most.
#define CONTOUR_RECURRENCE_UNITS 512

/// A run of units of one sequence in a recurrence over all steps of a window; `Backend` says what each matrix is. Pointers are at the
/// first step, and `..._step` is the way to the next one's, in floats.
typedef struct {
    intptr_t steps, units;
    /// Floats from one kind of gates, biases, weights or sums to the next.
    intptr_t size;
    /// The share of `qrnn`, the scale of `sru`.
    float scale;
    /// True if `qrnn` has output gates.
    bool gated;
    float *gates;
    intptr_t gates_step;
    const float *bias, *weights;
    /// Begins with the cells before the first step.
    float *cells;
    intptr_t cells_step;
    /// NULL where there are none.
    const float *factors, *input, *output_gradient;
    intptr_t factors_step, input_step, output_gradient_step;
    float *outputs, *input_gradient;
    intptr_t outputs_step, input_gradient_step;
    /// Of all steps.
    float *sums;
} ContourRecurrence;

typedef void (*ContourRecur)(const ContourRecurrence *run);

/// Writes factors of inverted dropout, 0 or `kept`, for the `count` numbers from `position` on, which is even; see `DropoutDraw`.
typedef void (*ContourDropout)(
    uint64_t key, uint64_t position, uint32_t threshold, float kept, float *factors, intptr_t count);

/// The numbers of one update; see `Adam`.
typedef struct {
    float beta1, fresh1, beta2, fresh2, epsilon;
    /// Factors of the gradient, and of the second moment.
    float scale, second_factor;
    /// The share of a weight that its decay leaves.
    float kept;
    float rate;
} ContourAdam;

/// Updates `count` weights and moments, and makes their gradients zero.
typedef void (*ContourUpdate)(
    const ContourAdam *rule, float *weights, float *gradients, float *first, float *second, intptr_t count);

/// Lists that the candidates of a position are dealt out to, one for each lane of the widest vectors.
#define CONTOUR_SCORE_LANES 16

/// Below every score, and finite, so that differences are numbers.
#define CONTOUR_LOWEST_SCORE -3e38f

/// The scores of one position so far, in lists that are independent of each other. Begins with `highest` as
/// CONTOUR_LOWEST_SCORE and everything else as 0.
typedef struct {
    float highest[CONTOUR_SCORE_LANES];
    /// Candidates above the target.
    int32_t higher_values[CONTOUR_SCORE_LANES], higher_scores[CONTOUR_SCORE_LANES];
    /// Sums of e^(score - highest), times 1, value and value squared; the last two only where they are asked for.
    double sums[3][CONTOUR_SCORE_LANES];
} ContourScoreLanes;

/// Adds candidates to the scores of one position: score = scale * value + prior. The target's value and prior are what they
/// are compared with. With `moments`, the values' own sums are added up too.
///
/// - values, prior: [count]
typedef void (*ContourAddScores)(
    const float *values, const float *prior, intptr_t count, float scale, float target_value, float target_prior, bool moments,
    ContourScoreLanes *lanes);

typedef struct {
    const char *name;
    /// The size of the largest tile.
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

/// Writes at most `capacity` of the sets of kernels that this processor runs, the fastest first, and returns how many
/// there are.
intptr_t contour_kernels(ContourKernels *kernels, intptr_t capacity);

/// Values of a row's run along the depth in a left factor of bytes.
#define CONTOUR_BYTE_RUN 64

/// Rows and columns whose largest magnitude is below count as zero.
#define CONTOUR_LEAST_MAGNITUDE 1e-30f

/// result = (left * right) * scales, or result += it: a tile of at most `rows` x `columns` of a product of bytes, with
/// sums of 32 bits.
///
/// - left: runs of CONTOUR_BYTE_RUN values along the depth, [depth / run][rows][run], as `quantize` wrote them, each 128
///   more than it means.
/// - left_scales: [rows]
/// - right: [depth / 4][the kernels' columns][4], the last four filled up with zeros.
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
    /// The size of the largest tile.
    intptr_t rows, columns;
    /// Bytes of a value of the left factor.
    intptr_t width;
    ContourByteTile multiply;
    ContourQuantize quantize;
} ContourByteKernels;

/// As `contour_kernels`.
intptr_t contour_byte_kernels(ContourByteKernels *kernels, intptr_t capacity);
