/// A processor or another device, described by the operations it carries out. Layers are written once, in terms of these
/// operations. Each operation is as coarse as a good fused kernel: a processor then loses nothing, and a device needs few launches.
///
/// Shapes are [rows, columns]. An operation overwrites its result unless its description says that it adds. No result depends on
/// the number of threads, and no row of a result depends on the other rows.
///
/// ```swift
/// let backend: any Backend = ProcessorBackend()
/// let buffer = backend.allocateShared(6)
/// let matrix = Matrix(buffer, rows: 2, columns: 3)
/// backend.write([1, 2, 3, 4, 5, 6], to: matrix)
/// let norm = backend.squaredNorm(matrix).squareRoot()
/// ```
public protocol Backend: AnyObject {
    /// Attributes the time from now on to a phase and to a part of the network; `nil` keeps the current part.
    func enter(_ phase: Phase, of part: Part?)
    /// Time spent in each phase and part since the backend was created, up to the last call of `enter`.
    var phaseTimes: PhaseTimes { get }
    /// Multiplications and additions in all products so far.
    var operations: Double { get }

    // MARK: Memory

    /// Allocates zeroed memory that only operations read and write. `count` is in floats.
    func allocate(_ count: Int) -> FloatBuffer
    /// Allocates zeroed memory that the host reads and writes, too: for `Numbers`, `Scalars`, and matrices that the host fills.
    func allocateShared(_ count: Int) -> FloatBuffer
    /// Allocates zeroed memory for weights to be trained. A device also keeps them in the form of product factors, which `update`,
    /// `fill`, `copy` and `write` keep current; no other operation may write to weights.
    func allocateWeights(_ count: Int) -> FloatBuffer
    /// Bytes that one weight of `allocateWeights` takes.
    var weightBytes: Int { get }
    /// Free memory of the device in bytes; 0 on the processor.
    var freeBytes: Int { get }
    /// True if operations work in the host's memory and have finished when they return.
    var computesInHostMemory: Bool { get }
    /// Element type in which values are stored that become factors of products.
    var factorElement: Matrix.Element { get }
    /// Runs `body`. All calls with the same key must run the same operations on the same memory; a device records them once and
    /// replays the record.
    /// - `key`: `nil` for operations that differ from call to call.
    func repeating(_ key: RecordKey?, _ body: () -> Void)
    /// Waits until all operations have finished. Call it before the host reads what they write, or overwrites what they read.
    func wait()
    /// Returns a mark behind all operations queued so far.
    func mark() -> any WorkMark
    /// Makes operations queued from now on wait for those before a mark, which may come from another backend of the same device.
    func follow(_ mark: any WorkMark)
    /// Copies a matrix to memory that the host sees (`allocateShared`); both must be dense. The copy starts once the work before
    /// `marks` has finished and runs beside the operations queued from now on. Neither matrix may be written before the returned
    /// mark.
    func deliver(_ source: Matrix, to target: Matrix, after marks: [any WorkMark]) -> any WorkMark

    // MARK: Rows

    /// Sets every element of `target` to `value`.
    func fill(_ target: Matrix, with value: Float)
    /// Copies a matrix to another of the same shape.
    func copy(_ source: Matrix, to target: Matrix)
    /// target += source
    func add(_ source: Matrix, to target: Matrix)
    /// target *= factor
    func scale(_ target: Matrix, by factor: Float)
    /// target[i] = row, for every i; `row` is [1, columns].
    func broadcast(_ row: Matrix, to target: Matrix)
    /// target[rows[i]] = row, or zeros if `row` is `nil`; entries with negative rows[i] are skipped. `row` is [1, columns]; no row
    /// may occur twice.
    func broadcast(_ row: Matrix?, to target: Matrix, at rows: Numbers)
    /// target[i] += row, for every i; `row` is [1, columns].
    func addRow(_ row: Matrix, to target: Matrix)
    /// target[i] += rows[i / n], where `target` has n times as many rows as `rows`: one row per step, added to its n sequences.
    func addBlocks(_ rows: Matrix, to target: Matrix)
    /// sums[i] += the sum of rows n i to n (i + 1) of `matrix`, which has n times as many rows as `sums`.
    func addBlockSums(of matrix: Matrix, to sums: Matrix)
    /// target[t * batch + b] += the position vector of step t: sines and cosines (Vaswani et al. 2017, section 3.5).
    func addSinusoids(to target: Matrix, batch: Int)
    /// Adds the sum of each column of `matrix` to `sums` [1, columns].
    func addColumnSums(of matrix: Matrix, to sums: Matrix)
    /// target[i] = table[rows[i]], or zeros where rows[i] is negative.
    func gather(_ rows: Numbers, of table: Matrix, into target: Matrix)
    /// table[rows[i]] += source[i], in the order of i; entries with negative rows[i] are skipped.
    func scatterAdd(_ source: Matrix, to table: Matrix, at rows: Numbers)
    /// Reverses each sequence of a window: row (t, b) of the target, at t x batch + b, is set to row (length - 1 - t, b) of the
    /// source, or increased by it with `adding`. Past the end of a sequence the target gets zeros, or is left alone with `adding`.
    /// - `lengths`: lengths of the sequences in steps, [batch]; `nil` means the length of the window.
    func reverse(_ source: Matrix, batch: Int, lengths: Numbers?, into target: Matrix, adding: Bool)
    /// target[i] += factor x table[row] for each row in the i-th run of `rows`, in order. Runs lie one after another; run i ends
    /// before index `ends[i]`.
    func addRuns(_ rows: Numbers, ends: Numbers, of table: Matrix, times factor: Float, to target: Matrix)
    /// Divides target[i] by the length of run i if that is more than 1, so that a sum over the run becomes its mean. Run i ends
    /// before `ends[i]`.
    func divideByRuns(_ target: Matrix, ends: Numbers)
    /// Returns true if all elements are finite.
    func isFinite(_ matrix: Matrix) -> Bool
    /// Copies the host's floats, in row order, to `target`.
    func write(_ values: UnsafeBufferPointer<Float>, to target: Matrix)
    /// Returns the elements in row order, in the host's memory.
    func read(_ matrix: Matrix) -> [Float]

    // MARK: Products

    /// result = left * right, or result += left * right with `adding`: [m, k] and [k, n] to [m, n].
    func multiply(_ left: some Factor, _ right: some Factor, into result: Matrix, adding: Bool)
    /// Multiplies by a right factor that is already packed: result = left * right, or result += left * right with `adding`.
    func multiply(_ left: some Factor, _ right: PackedFactor, into result: Matrix, adding: Bool)
    /// result = left * right + bias, for every row; `bias` is [1, n].
    func multiply(_ left: some Factor, _ right: some Factor, bias: Matrix, into result: Matrix)
    /// result = left * right + bias for every row, with a right factor that is already packed; `bias` is [1, n].
    func multiply(_ left: some Factor, _ right: PackedFactor, bias: Matrix, into result: Matrix)
    /// Number of parts in which a device computes the product of one recurrent step, [rows, depth] x [depth, columns]. `endStep`
    /// adds the parts up; 1 means the product is not split.
    func stepParts(rows: Int, depth: Int, columns: Int) -> Int
    /// Writes a product in parts, one below the other, [parts x rows, columns]: part i is the product over the i-th of equal pieces
    /// of the depth.
    func multiply(_ left: Matrix, _ right: PackedFactor, intoParts parts: Matrix)
    /// Floats needed to pack a matrix of `rows` x `columns` or its transpose.
    func packedCount(rows: Int, columns: Int) -> Int
    /// Packs the right factor of later products. The result is valid as long as `memory` [1, packedCount] is unchanged.
    func pack(_ factor: some Factor, into memory: Matrix) -> PackedFactor
    /// Packs a factor permanently as 8-bit integers (`QuantizedMatrix`).
    func quantize(_ factor: Matrix) -> PackedFactor

    // MARK: Elements

    /// values = function(values)
    func activate(_ values: Matrix, _ function: Activation)
    /// The backward pass of `activate`: replaces `gradient`, with respect to its results `values`, by the gradient with respect to
    /// its inputs.
    func bend(_ gradient: Matrix, by values: Matrix, _ function: Activation)
    /// Fills `mask` with the factors of inverted dropout, each 0 or 1 / (1 - rate).
    func fill(_ mask: Matrix, with draw: DropoutDraw)
    /// target = source times the factors of inverted dropout. `target` may be `source`; `nil` drops nothing.
    func drop(_ source: Matrix, _ draw: DropoutDraw?, into target: Matrix)
    /// values = input + dropout(values + bias), which ends a residual layer; `bias` is [1, columns].
    func addResidual(_ input: Matrix, bias: Matrix, _ draw: DropoutDraw?, to values: Matrix)
    /// The backward pass of `addResidual`: writes the gradient of `values` to `target` and adds that of the bias to `biasGradient`.
    /// The gradient of the input is `gradient` itself. `target` may be `gradient`.
    func addResidualBackward(_ gradient: Matrix, _ draw: DropoutDraw?, into target: Matrix, biasGradient: Matrix)
    /// output = function(input + bias), between the products of a feed-forward layer; `bias` is [1, columns].
    func activate(_ input: Matrix, bias: Matrix, _ function: HiddenFunction, into output: Matrix)
    /// The backward pass of `activate`: replaces the gradient of the output by that of the input, adds to that of the bias, and
    /// recomputes the output into `output`, so that it need not be kept.
    func activateBackward(
        _ input: Matrix, bias: Matrix, _ function: HiddenFunction, gradient: Matrix, biasGradient: Matrix, into output: Matrix)
    /// target *= factors, element by element; `factors` may have further rows, which are ignored.
    func multiply(_ target: Matrix, by factors: Matrix)
    /// values = min(max(values, -bound), bound); NaN stays NaN.
    func clip(_ values: Matrix, to bound: Float)
    /// Sets elements of `gradient` to zero where `values` were clipped to ±bound.
    func maskClipped(_ gradient: Matrix, by values: Matrix, bound: Float)
    /// Layer norm over each row (Ba, Kiros and Hinton 2016): y = gain * (x - mean) / sqrt(variance + epsilon) + bias. Writes the
    /// mean and the inverse standard deviation to `statistics` [rows, 2]. `gain` and `bias` are [1, columns]; `output` may be
    /// `input`.
    func layerNorm(_ input: Matrix, gain: Matrix, bias: Matrix, epsilon: Double, into output: Matrix, statistics: Matrix)
    /// The backward pass of `layerNorm`: adds to the gradients of gain and bias, and replaces the gradient of the output by that of
    /// the input. If `residual` is given, the gradient of a connection around the norm, the gradient of the input is added to it
    /// instead, and `gradient` becomes scratch memory.
    func layerNormBackward(
        _ input: Matrix, gain: Matrix, statistics: Matrix, gradient: Matrix, residual: Matrix?, gainGradient: Matrix,
        biasGradient: Matrix)

    /// Ends a step of a recurrent layer: clips `values` [rows, columns], applies `ending` to them and writes the result to
    /// `output`.
    func endStep(_ values: Matrix, _ ending: StepEnding, into output: Matrix)
    /// The backward pass of `endStep`: from the gradient of the output, writes the gradient of the values before clipping to
    /// `result`. On the processor `result` must be `gradient`. Gradients of gain and bias are added at once, or to the sums of
    /// `ending.norm`.
    func endStepBackward(_ values: Matrix, _ ending: StepEnding, gradient: Matrix, into result: Matrix)
    /// Rows of a `StepNorm`'s partial sums; 0 if gradients are added step by step.
    var normSumRows: Int { get }

    // MARK: Recurrent cells

    /// One LSTM step between its products. Rows of `gates` [rows, 4 size] hold pre-activations without the bias [1, 4 size] and are
    /// replaced by activations, in the order input, forget, candidate, output:
    ///
    ///     c = clip(i * g + f * previous c),  m = o * tanh(c)
    ///
    /// On a device, bfloat16 gates are left unchanged, and the backward pass recomputes the activations, which is faster than
    /// storing them. On a device `cells` may be `previous`; the gates are then undefined afterwards.
    func lstmStep(gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputs: Matrix, clip: Float)
    /// The backward pass of `lstmStep`. Replaces the contents of `gates` by the gradients of the pre-activations, and `cells` by m.
    /// `cellGradient` holds the part of dc that comes from later steps and is replaced by the part for the previous step. A clipped
    /// cell passes no gradient on.
    /// - `recomputesOutputs`: whether `cells` must become m; false allows them to stay.
    func lstmStepBackward(
        gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputGradient: Matrix, cellGradient: Matrix, clip: Float,
        recomputesOutputs: Bool)

    /// One step of gated recurrent units between its products. Rows of `gates` [rows, 3 size] hold products of the input and are
    /// replaced by activations, in the order reset, update, candidate. `products` [rows, 3 size] are products of the state, whose
    /// candidates get the bias [1, size] added; `bias` is [1, 3 size]:
    ///
    ///     h = (1 - z) * n + z * previous,  n = tanh(a + r * s)
    func gruStep(gates: Matrix, products: Matrix, bias: Matrix, candidateBias: Matrix, previous: Matrix, outputs: Matrix)
    /// The backward pass of `gruStep`. Replaces `gates` and `products` by the gradients of their original contents, and `gradient`,
    /// that of h, by the part of the gradient of the previous state that does not pass through the products.
    func gruStepBackward(gates: Matrix, products: Matrix, previous: Matrix, gradient: Matrix)

    // MARK: Recurrences without products

    /// All steps of a quasi-recurrent layer after its products (Bradbury et al. 2016). Row t x batch + s of a matrix is step t of
    /// sequence s; `cells` [rows + batch, size] begin with the cells before the first step. `gates` [rows, 3 size] are
    /// pre-activations without the bias [1, 3 size], in the order candidate, forget, output, and are not changed:
    ///
    ///     u = share * factor * (1 - f),  c_t = c_{t-1} + u * (z - c_{t-1}),  h_t = o * c_t
    ///
    /// - `factors`: zoneout factors, [rows, size], 0 where a unit keeps its value; `nil` means all 1.
    /// - `outputs`: [rows, size]; `nil` if `gates` are [rows, 2 size] without output gates, where the cells are the outputs.
    func qrnn(gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputs: Matrix?)
    /// The backward pass of `qrnn`. Replaces `gates` by the gradients of the pre-activations, and writes their sums over the steps
    /// of each sequence to `sums` [batch, columns of the gates]. The cells before the first step get no gradient.
    func qrnnBackward(
        gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputGradient: Matrix, sums: Matrix)
    /// All steps of a layer of simple recurrent units after its products (Lei et al. 2018), with rows as in `qrnn`. `gates` [rows,
    /// 3 size] are products of the input, in the order candidate, forget, reset, and are not changed; `bias` and `weights` are [1,
    /// 2 size], for forget and reset:
    ///
    ///     f = sigmoid(a_f + v_f * c_{t-1} + b_f),  r = sigmoid(a_r + v_r * c_{t-1} + b_r)
    ///     c_t = f * c_{t-1} + (1 - f) * a_z,  h_t = r * c_t + (1 - r) * scale * x_t
    ///
    /// - `input`: x, [rows, size]; `nil` for h = r * c.
    func sru(gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputs: Matrix)
    /// The backward pass of `sru`. Replaces `gates` by their gradients, and writes to `inputGradient` the part of x's gradient that
    /// does not pass through them. `sums` [batch, 4 size] gets the gradients of biases and of weights, summed over the steps of
    /// each sequence.
    func sruBackward(
        gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputGradient: Matrix,
        inputGradient: Matrix?, sums: Matrix)

    // MARK: Attention

    /// Scaled dot-product attention, from queries, keys and values [rows, heads x 3 size] to [rows, heads x size]; see `Attention`.
    func attend(_ attention: Attention, _ input: Matrix, into output: Matrix)
    /// The backward pass of `attend`: from the gradient of the output, writes that of the input, and adds the sum over its rows to
    /// `biasGradient` [1, heads x 3 size], the gradient of the bias in the input.
    func attendBackward(
        _ attention: Attention, _ input: Matrix, outputGradient: Matrix, into inputGradient: Matrix, biasGradient: Matrix)

    // MARK: Words letter by letter

    /// Highway layer (Srivastava et al. 2015): y = x + g * (t - x), where t = relu(transformed) and g = sigmoid(gates) replace
    /// `transformed` and `gates`.
    func highway(_ input: Matrix, transformed: Matrix, gates: Matrix, into output: Matrix)
    /// The backward pass of `highway`: from the gradient of y, writes those of `transformed` and `gates` before their activations,
    /// and to `carried` the part of x's gradient that passes through neither.
    func highwayBackward(
        _ input: Matrix, transformed: Matrix, gates: Matrix, outputGradient: Matrix, transformedGradient: Matrix,
        gateGradient: Matrix, carried: Matrix)
    /// Lays out the letters under a filter of `width` letters, one row for each place, word after word for the words in `words`.
    /// The letters of a word begin at row `starts[word]` of `letters`, and the filter has `places[word]` places in it.
    func unfold(_ letters: Matrix, width: Int, words: Range<Int>, starts: Numbers, places: Numbers, into windows: Matrix)
    /// Max pooling: features[word] = activation(bias + max over the word's places of answers). `answers` has a row for each place
    /// of the words in `words`. `chosen` [words x columns], if given, gets the place of each maximum.
    func maxPool(
        _ answers: Matrix, words: Range<Int>, places: Numbers, bias: Matrix, _ activation: Activation, into features: Matrix,
        chosen: ChosenPlaces?)
    /// The backward pass of filters [count, width * size] at their chosen places: adds to the gradients of filters and biases, from
    /// the gradient of the filters' sums [words, count].
    func addFilterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, letters: Matrix, starts: Numbers, weightGradient: Matrix,
        biasGradient: Matrix)
    /// Adds the gradient that passes through the filters to the gradient of the letters. `lettersGradient` has the rows of
    /// `letters`.
    func addLetterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, weights: Matrix, starts: Numbers, lettersGradient: Matrix)

    // MARK: Losses

    /// Writes the factor of each row in a mean: its weight, or 1, divided by the sum of all weights; 0 if that sum is 0.
    func fillRowFactors(_ factors: Scalars, weights: Matrix?)
    /// Adds the loss of each row of predictions [rows, size], times the row's factor, to `loss`, and writes the gradient if
    /// `gradient` is given. See `Distance`.
    func addDistance(
        _ distance: Distance, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars)
    /// Adds the max-margin loss of each row to `loss`; see `MaxMargin`.
    func addMaxMargin(
        _ margin: MaxMargin, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars)
    /// Adds the softmax loss to `loss`, with logits stored class by class, [classes, rows]; see `SoftmaxPass`.
    func softmax(_ logits: Matrix, _ pass: SoftmaxPass, loss: Scalars)
    /// sums[class] += sum over rows of the pass's factor x exponentials[class][row]
    func addClassSums(of exponentials: Matrix, _ pass: SoftmaxPass, to sums: Matrix)
    /// Ends the backward pass of the softmax: adds the gradients that `statesGradient` and the targets' weights give each other;
    /// see `SoftmaxPass`. `weights`, `gradient` and `biasGradient` [rows or classes, 1] are indexed by `rows` and `slots`. Without
    /// `gradient`, the weights get no gradient.
    func addTargetGradients(
        _ pass: SoftmaxPass, statesGradient: Matrix, weights: Matrix, rows: Numbers, gradient: Matrix?, biasGradient: Matrix?,
        slots: Numbers)
    /// output = e^logScale x input / |input| for each row, zeros for a zero row; `logScale` is [1, 1].
    func scaleToNorm(_ input: Matrix, logScale: Matrix, into output: Matrix)
    /// The backward pass of `scaleToNorm`: replaces the gradient of the output by that of the input, and adds to that of
    /// `logScale`.
    func scaleToNormBackward(_ input: Matrix, logScale: Matrix, gradient: Matrix, logScaleGradient: Matrix)
    /// logits[places[row]][row] = -infinity, where the place is not negative.
    func exclude(_ places: Numbers, from logits: Matrix)
    /// shifts[i] = biases[rows[i]] - corrections[i]; `biases` [classes, 1] or [1, classes], `shifts` [1, n].
    func classShifts(of biases: Matrix, at rows: Numbers, corrections: Scalars, into shifts: Matrix)
    /// Writes states[row] · weights[rows[row]] + shifts[row] to `logits` [1, rows].
    func targetLogits(_ states: Matrix, weights: Matrix, rows: Numbers, shifts: Matrix, into logits: Matrix)
    /// Subtracts log(sum over columns of e^value) from each row.
    func logSoftmax(_ values: Matrix)

    // MARK: Layers mixed

    /// Mixes layers (Peters et al. 2018): y = gamma x sum over layers l of p_l h_l with p = softmax(s). `input` holds the layers
    /// one below the other, `weights` s, and `gain` gamma.
    func mixLayers(_ input: Matrix, weights: Matrix, gain: Matrix, into output: Matrix)
    /// The backward pass of `mixLayers`: adds to the gradients of s and gamma, and writes that of the input if `inputGradient` is
    /// given.
    func mixLayersBackward(
        _ input: Matrix, weights: Matrix, gain: Matrix, outputGradient: Matrix, inputGradient: Matrix?, partials: Scalars,
        weightGradient: Matrix, gainGradient: Matrix)

    // MARK: Training

    /// Starts computing a squared norm, so that a device works on it while the host waits for something else; `squaredNorm` returns
    /// it.
    func beginSquaredNorm(_ matrix: Matrix)
    /// Returns the sum of the squares of all elements; not finite if an element is not.
    func squaredNorm(_ matrix: Matrix) -> Double
    /// Updates a run of weights by Adam and sets the gradients to zero.
    func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adam)
    /// Updates a run of weights by Adagrad and sets the gradients to zero.
    func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adagrad)
    /// Adds each source to `target`, in order, and sets the source to zero.
    func moveSum(of sources: [Matrix], to target: Matrix)

    // MARK: Scores

    /// Scales each row to unit norm; rows that are zero or not finite are left alone.
    func normalize(_ rows: Matrix)
    /// Returns the inner product of corresponding rows of two matrices of one shape.
    func rowProducts(_ one: Matrix, _ other: Matrix) -> [Double]
    /// Returns the sum of each column in double precision.
    func columnSums(of matrix: Matrix) -> [Double]

    /// Returns the product of each row of `left` with one column of `right`, equal bit for bit to the element of the whole product;
    /// NaN if the column is negative.
    func values(_ left: Matrix, _ right: PackedFactor, at columns: [Int]) -> [Float]
    /// Sums the scores of all columns of `right` for each row of `left`; see `ScoreSums`. A column's value is its product with the
    /// row, and its score is scale x value + prior; `prior` is [1, columns].
    func scoreSums(
        _ left: Matrix, _ right: PackedFactor, prior: Matrix, scale: Float, targets: [ScoreTarget], moments: Bool
    ) -> [ScoreSums]
}
