/// A processor, or another device, as the operations that it carries out. Layers are written once, over these operations. Each
/// operation is as coarse as a good fused kernel, so that nothing is lost on a processor and a device has few launches.
///
/// Shapes are [rows, columns]. An operation overwrites its result unless it says that it adds. The result of none depends on
/// the number of threads, nor that of a row on the other rows.
public protocol Backend: AnyObject {
    /// Says what the time from now on is spent on, and for which part of the network; `nil`: the part it is spent for now.
    func enter(_ phase: Phase, of part: Part?)
    /// Where the time since the backend was made went, up to the last call of `enter`.
    var phaseTimes: PhaseTimes { get }
    /// Multiplications and additions of all products so far.
    var operations: Double { get }

    // MARK: Memory

    /// Zeroed memory for numbers that operations alone read and write.
    func allocate(_ count: Int) -> FloatBuffer
    /// Zeroed memory for numbers that the host, too, reads and writes: `Numbers`, `Scalars`, and matrices that it fills.
    func allocateShared(_ count: Int) -> FloatBuffer
    /// Zeroed memory for weights that will be trained. A device keeps them as factors of products, too, and `update`, `fill`, `copy` and
    /// `write` keep those true; no other operation writes to weights.
    func allocateWeights(_ count: Int) -> FloatBuffer
    /// Bytes that such a weight takes.
    var weightBytes: Int { get }
    /// Bytes of a device's memory that are free; 0 on the processor.
    var freeBytes: Int { get }
    /// True if operations read and write the host's memory, and are done when they return.
    var computesInHostMemory: Bool { get }
    /// The form in which values are stored that products meet as factors.
    var factorElement: Matrix.Element { get }
    /// Runs `body`. Each time it is called with the same key, its operations are the same and of the same memory; a device records
    /// them, and replays the record.
    /// - Parameter key: `nil` for operations that are not the same again.
    func repeating(_ key: RecordKey?, _ body: () -> Void)
    /// Waits until all operations are done: before the host reads what they write, or writes again what they read.
    func wait()
    /// A mark behind all operations so far.
    func mark() -> any WorkMark
    /// Has the operations from now on begin when those before a mark are done, be it of another backend of the same device.
    func follow(_ mark: any WorkMark)
    /// Copies a matrix to memory that the host sees (`allocateShared`), both without gaps, once the work before `marks` is done, and
    /// beside the operations from now on. None may write either before the mark that is returned.
    func deliver(_ source: Matrix, to target: Matrix, after marks: [any WorkMark]) -> any WorkMark

    // MARK: Rows

    func fill(_ target: Matrix, with value: Float)
    func copy(_ source: Matrix, to target: Matrix)
    /// target += source
    func add(_ source: Matrix, to target: Matrix)
    /// target *= factor
    func scale(_ target: Matrix, by factor: Float)
    /// target[i] = row, for every i; `row` is [1, columns].
    func broadcast(_ row: Matrix, to target: Matrix)
    /// target[rows[i]] = row, or zeros without one; nothing where rows[i] is negative. `row` is [1, columns]; no two rows[i] are the
    /// same.
    func broadcast(_ row: Matrix?, to target: Matrix, at rows: Numbers)
    /// target[i] += row, for every i; `row` is [1, columns].
    func addRow(_ row: Matrix, to target: Matrix)
    /// target[i] += rows[i / n], where `target` has n times as many rows: a row of each step for its n sequences.
    func addBlocks(_ rows: Matrix, to target: Matrix)
    /// sums[i] += the sum of rows n i to n (i + 1) of `matrix`, which has n times as many rows.
    func addBlockSums(of matrix: Matrix, to sums: Matrix)
    /// target[t * batch + b] += the sinusoids of position t; see `Sinusoid`.
    func addSinusoids(to target: Matrix, batch: Int)
    /// Adds the sum of each column of `matrix` to `sums` [1, columns].
    func addColumnSums(of matrix: Matrix, to sums: Matrix)
    /// target[i] = table[rows[i]], or zeros where rows[i] is negative.
    func gather(_ rows: Numbers, of table: Matrix, into target: Matrix)
    /// table[rows[i]] += source[i], in the order of i; nothing where rows[i] is negative.
    func scatterAdd(_ source: Matrix, to table: Matrix, at rows: Numbers)
    /// Turns the sequences of a window round, each by itself: row (t, b) of the target, at t x batch + b, is row (length - 1 - t, b)
    /// of the source, or is added to with `adding`. Behind the end of a sequence the target gets zeros, or nothing with `adding`.
    /// - Parameter lengths: of the sequences, [batch]; `nil`: all are as long as the window.
    func reverse(_ source: Matrix, batch: Int, lengths: Numbers?, into target: Matrix, adding: Bool)
    /// target[i] += factor x table[row], for each row of the i-th run of `rows` in its order. Runs lie one after the other, and
    /// the i-th ends before `ends[i]`.
    func addRuns(_ rows: Numbers, ends: Numbers, of table: Matrix, times factor: Float, to target: Matrix)
    /// target[i] /= the length of the i-th run, which ends before `ends[i]`, if that is more than 1: a sum of its rows becomes their
    /// mean.
    func divideByRuns(_ target: Matrix, ends: Numbers)
    /// Returns true if all elements are finite.
    func isFinite(_ matrix: Matrix) -> Bool
    /// Copies floats of the host, row after row, into `target`.
    func write(_ values: UnsafeBufferPointer<Float>, to target: Matrix)
    /// The elements, row after row, in the memory of the host.
    func read(_ matrix: Matrix) -> [Float]

    // MARK: Products

    /// result = left * right, or result += left * right with `adding`: [m, k] and [k, n] to [m, n].
    func multiply(_ left: some Factor, _ right: some Factor, into result: Matrix, adding: Bool)
    /// Multiplies by a right factor that was packed before.
    func multiply(_ left: some Factor, _ right: PackedFactor, into result: Matrix, adding: Bool)
    /// result = left * right + bias, for every row; `bias` is [1, n].
    func multiply(_ left: some Factor, _ right: some Factor, bias: Matrix, into result: Matrix)
    func multiply(_ left: some Factor, _ right: PackedFactor, bias: Matrix, into result: Matrix)
    /// Parts in which a device makes the product of a step, [rows, depth] x [depth, columns], whose sum the step's end makes; 1: whole.
    func stepParts(rows: Int, depth: Int, columns: Int) -> Int
    /// Writes a product in parts, [parts x rows, columns]: one below the other those of as many equal pieces of the depth.
    func multiply(_ left: Matrix, _ right: PackedFactor, intoParts parts: Matrix)
    /// Floats that a packed matrix of `rows` x `columns`, or its transpose, takes.
    func packedCount(rows: Int, columns: Int) -> Int
    /// Packs a factor for products that it will be the right factor of, as long as `memory` [1, packedCount] stays as it is.
    func pack(_ factor: some Factor, into memory: Matrix) -> PackedFactor
    /// Packs a factor as integers of 8 bits, for good (`QuantizedMatrix`).
    func quantize(_ factor: Matrix) -> PackedFactor

    // MARK: Elements

    /// values = function(values)
    func activate(_ values: Matrix, _ function: Activation)
    /// Makes `gradient`, that of `values`, the gradient of what these were before `activate`.
    func bend(_ gradient: Matrix, by values: Matrix, _ function: Activation)
    /// Writes factors of inverted dropout: 0, or 1 / (1 - rate).
    func fill(_ mask: Matrix, with draw: DropoutDraw)
    /// target = source without what is dropped: times the factors of inverted dropout. `target` may be `source`; `nil` drops nothing.
    func drop(_ source: Matrix, _ draw: DropoutDraw?, into target: Matrix)
    /// values = input + dropout(values + bias), the end of a residual layer; `bias` is [1, columns].
    func addResidual(_ input: Matrix, bias: Matrix, _ draw: DropoutDraw?, to values: Matrix)
    /// The backward pass of `addResidual`, but for the input, whose gradient is `gradient` itself: writes that of `values` to `target`,
    /// and adds to that of the bias. `target` may be `gradient`.
    func addResidualBackward(_ gradient: Matrix, _ draw: DropoutDraw?, into target: Matrix, biasGradient: Matrix)
    /// output = function(input + bias), inside a feed-forward layer; `bias` is [1, columns].
    func activate(_ input: Matrix, bias: Matrix, _ function: HiddenFunction, into output: Matrix)
    /// The backward pass of `activate`: makes `gradient`, that of the output, that of the input, adds to that of the bias, and writes the
    /// output again, which nobody need keep.
    func activateBackward(
        _ input: Matrix, bias: Matrix, _ function: HiddenFunction, gradient: Matrix, biasGradient: Matrix, into output: Matrix)
    /// target *= factors, element by element; further rows of `factors` are passed over.
    func multiply(_ target: Matrix, by factors: Matrix)
    /// values = min(max(values, -bound), bound); NaN stays.
    func clip(_ values: Matrix, to bound: Float)
    /// Makes those elements of `gradient` zero whose values were clipped to ±bound.
    func maskClipped(_ gradient: Matrix, by values: Matrix, bound: Float)
    /// y = gain * (x - mean) / sqrt(variance + epsilon) + bias over each row; `statistics` [rows, 2] gets the mean and the
    /// inverse deviation. `gain` and `bias` are [1, columns]; `output` may be `input`.
    func layerNorm(_ input: Matrix, gain: Matrix, bias: Matrix, epsilon: Double, into output: Matrix, statistics: Matrix)
    /// Adds to the gradients of gain and bias, and makes `gradient`, that of the output, that of the input. Where `residual` is given,
    /// the gradient of a connection around the norm, that of the input is added to it, and `gradient` is scratch memory afterwards.
    func layerNormBackward(
        _ input: Matrix, gain: Matrix, statistics: Matrix, gradient: Matrix, residual: Matrix?, gainGradient: Matrix,
        biasGradient: Matrix)

    /// The end of a step of a recurrent layer: clips `values` [rows, columns], and writes what `ending` makes of them to `output`.
    func endStep(_ values: Matrix, _ ending: StepEnding, into output: Matrix)
    /// The backward pass of `endStep`: writes the gradient of the values before they were clipped to `result`, from that of the
    /// output. On the processor `result` is `gradient`. Gradients of gain and bias are added now, or to `ending.norm`'s sums.
    func endStepBackward(_ values: Matrix, _ ending: StepEnding, gradient: Matrix, into result: Matrix)
    /// Rows of a `StepNorm`'s partial sums: 0 where gradients are added step by step.
    var normSumRows: Int { get }

    // MARK: Recurrent cells

    /// An LSTM step between its products. Rows of `gates` [rows, 4 size] come in as pre-activations but for the bias [1, 4 size]
    /// and go out as activations, in the order input, forget, candidate, output:
    ///
    ///     c = clip(i * g + f * previous c),  m = o * tanh(c)
    ///
    /// Gates of bfloat16 stay as they are on a device, whose backward pass computes activations again: memory takes longer.
    /// On a device the cells may take the place of the previous ones; then the gates mean nothing afterwards.
    func lstmStep(gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputs: Matrix, clip: Float)
    /// The backward pass of `lstmStep`. What that left in `gates` becomes the gradients of the pre-activations, the cells become
    /// m; `cellGradient` comes in as the part of dc that later steps give, and goes out as the part for the step before.
    /// A clipped cell passes nothing on.
    /// - Parameter recomputesOutputs: whether the cells are to become m, or may stay.
    func lstmStepBackward(
        gates: Matrix, bias: Matrix, previous: Matrix, cells: Matrix, outputGradient: Matrix, cellGradient: Matrix, clip: Float,
        recomputesOutputs: Bool)

    /// A step of gated recurrent units between its products. Rows of `gates` [rows, 3 size] come in as products of the input
    /// and go out as activations, in the order reset, update, candidate; `products` [rows, 3 size] come in as products of the
    /// state, to whose candidates the bias [1, size] is added; `bias` is [1, 3 size]:
    ///
    ///     h = (1 - z) * n + z * previous,  n = tanh(a + r * s)
    func gruStep(gates: Matrix, products: Matrix, bias: Matrix, candidateBias: Matrix, previous: Matrix, outputs: Matrix)
    /// The backward pass of `gruStep`. `gates` and `products` become the gradients of what they came in as; `gradient`, that of
    /// h, becomes the part of the gradient of the previous state that does not pass through the products.
    func gruStepBackward(gates: Matrix, products: Matrix, previous: Matrix, gradient: Matrix)

    // MARK: Recurrences without products

    /// All steps of a quasi-recurrent layer after its products (Bradbury et al. 2016). Row t x batch + s of a matrix belongs to
    /// sequence s at step t; `cells` [rows + batch, size] begin with those before the first step. `gates` [rows, 3 size] are
    /// pre-activations but for the bias [1, 3 size], in the order candidate, forget, output, and stay as they are:
    ///
    ///     u = share * factor * (1 - f),  c_t = c_{t-1} + u * (z - c_{t-1}),  h_t = o * c_t
    ///
    /// - Parameters:
    ///   - factors: [rows, size], of zoneout: 0 where a unit keeps its value; `nil`: all 1.
    ///   - outputs: [rows, size]; `nil` for gates [rows, 2 size] without those of the output, where the cells are the outputs.
    func qrnn(gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputs: Matrix?)
    /// The backward pass of `qrnn`. `gates` become the gradients of the pre-activations, and `sums` [batch, columns of the gates]
    /// their sums over the steps of each sequence. The cells before the first step get no gradient.
    func qrnnBackward(
        gates: Matrix, bias: Matrix, factors: Matrix?, share: Float, cells: Matrix, outputGradient: Matrix, sums: Matrix)
    /// All steps of a layer of simple recurrent units after its products (Lei et al. 2018), with rows as in `qrnn`. `gates`
    /// [rows, 3 size] are products of the input, in the order candidate, forget, reset, and stay as they are; `bias` and `weights`
    /// are [1, 2 size], of forget and reset:
    ///
    ///     f = sigmoid(a_f + v_f * c_{t-1} + b_f),  r = sigmoid(a_r + v_r * c_{t-1} + b_r)
    ///     c_t = f * c_{t-1} + (1 - f) * a_z,  h_t = r * c_t + (1 - r) * scale * x_t
    ///
    /// - Parameter input: x, [rows, size]; `nil` for h = r * c.
    func sru(gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputs: Matrix)
    /// The backward pass of `sru`. `gates` become their gradients, `inputGradient` gets the part of x's that does not pass through
    /// them, and `sums` [batch, 4 size] get those of the biases and of the weights from the steps of each sequence.
    func sruBackward(
        gates: Matrix, bias: Matrix, weights: Matrix, input: Matrix?, scale: Float, cells: Matrix, outputGradient: Matrix,
        inputGradient: Matrix?, sums: Matrix)

    // MARK: Attention

    /// Scaled dot-product attention: from queries, keys and values [rows, heads x 3 size] to [rows, heads x size]; see `Attention`.
    func attend(_ attention: Attention, _ input: Matrix, into output: Matrix)
    /// The backward pass of `attend`: writes the gradient of its input from that of its output, and adds the sum over its rows to
    /// `biasGradient` [1, heads x 3 size], that of a bias in the input.
    func attendBackward(
        _ attention: Attention, _ input: Matrix, outputGradient: Matrix, into inputGradient: Matrix, biasGradient: Matrix)

    // MARK: Words letter by letter

    /// y = x + g * (t - x), where t = relu(transformed) and g = sigmoid(gates) replace what they are made of.
    func highway(_ input: Matrix, transformed: Matrix, gates: Matrix, into output: Matrix)
    /// From the gradient of y those of `transformed` and `gates` before their activations, and, in `carried`, the part of x's
    /// that does not pass through either.
    func highwayBackward(
        _ input: Matrix, transformed: Matrix, gates: Matrix, outputGradient: Matrix, transformedGradient: Matrix,
        gateGradient: Matrix, carried: Matrix)
    /// Writes the letters under a filter of `width` at each of its places, one row a place: row after row those of the words in
    /// `words`, whose letters begin at row `starts[word]` of `letters` and which have `places[word]` places.
    func unfold(_ letters: Matrix, width: Int, words: Range<Int>, starts: Numbers, places: Numbers, into windows: Matrix)
    /// features[word] = activation(bias + max over the places of the word of answers), and in `chosen` [words x columns], if
    /// wanted, the place of each maximum. `answers` has a row for each place of the words in `words`.
    func maxPool(
        _ answers: Matrix, words: Range<Int>, places: Numbers, bias: Matrix, _ activation: Activation, into features: Matrix,
        chosen: ChosenPlaces?)
    /// The backward pass of filters [count, width * size] at their chosen places, from the gradient of their sums [words, count]:
    /// adds to the gradients of filters and biases.
    func addFilterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, letters: Matrix, starts: Numbers, weightGradient: Matrix,
        biasGradient: Matrix)
    /// Adds to the gradient of the letters what the filters pass on. `lettersGradient` has the rows of `letters`.
    func addLetterGradients(
        _ gradient: Matrix, _ chosen: ChosenPlaces, weights: Matrix, starts: Numbers, lettersGradient: Matrix)

    // MARK: Losses

    /// Writes what each of `count` rows counts in a mean: its weight, or 1, divided by the sum of all weights, 0 if that is 0.
    func fillRowFactors(_ factors: Scalars, weights: Matrix?)
    /// Adds the losses of rows of predictions [rows, size], each times its factor, to `loss`, and writes their gradient where
    /// one is wanted. See `Distance`.
    func addDistance(
        _ distance: Distance, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars)
    /// The max-margin loss; see `MaxMargin`.
    func addMaxMargin(
        _ margin: MaxMargin, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars)
    /// The softmax of logits that lie class by class, [classes, rows], and its loss; see `SoftmaxPass`.
    func softmax(_ logits: Matrix, _ pass: SoftmaxPass, loss: Scalars)
    /// sums[class] += sum over rows of the pass's factor x exponentials[class][row]
    func addClassSums(of exponentials: Matrix, _ pass: SoftmaxPass, to sums: Matrix)
    /// The end of the softmax's backward pass: the gradients that rows of `statesGradient` and their targets give each other;
    /// see `SoftmaxPass`. `weights`, `gradient` and `biasGradient` [rows or classes, 1] are indexed by `rows` and `slots`; without
    /// `gradient` the weights get none.
    func addTargetGradients(
        _ pass: SoftmaxPass, statesGradient: Matrix, weights: Matrix, rows: Numbers, gradient: Matrix?, biasGradient: Matrix?,
        slots: Numbers)
    /// output = e^logScale x input / |input| for each row, zeros for a zero row; `logScale` is [1, 1].
    func scaleToNorm(_ input: Matrix, logScale: Matrix, into output: Matrix)
    /// The backward pass of `scaleToNorm`: makes `gradient`, that of the output, that of the input, and adds to that of
    /// `logScale`.
    func scaleToNormBackward(_ input: Matrix, logScale: Matrix, gradient: Matrix, logScaleGradient: Matrix)
    /// logits[places[row]][row] = -infinity, where the place is not negative.
    func exclude(_ places: Numbers, from logits: Matrix)
    /// shifts[i] = biases[rows[i]] - corrections[i]; `biases` [classes, 1] or [1, classes], `shifts` [1, n].
    func classShifts(of biases: Matrix, at rows: Numbers, corrections: Scalars, into shifts: Matrix)
    /// Writes states[row] · weights[rows[row]] + shifts[row] to `logits` [1, rows].
    func targetLogits(_ states: Matrix, weights: Matrix, rows: Numbers, shifts: Matrix, into logits: Matrix)
    /// values[row] -= log(sum over columns of e^value)
    func logSoftmax(_ values: Matrix)

    // MARK: Layers mixed

    /// y = gamma x sum over layers l of p_l h_l, p = softmax(s): rows of `input` are the layers one after the other.
    func mixLayers(_ input: Matrix, weights: Matrix, gain: Matrix, into output: Matrix)
    /// The backward pass of `mixLayers`: adds to the gradients of s and gamma, writes that of the input where one is wanted.
    func mixLayersBackward(
        _ input: Matrix, weights: Matrix, gain: Matrix, outputGradient: Matrix, inputGradient: Matrix?, partials: Scalars,
        weightGradient: Matrix, gainGradient: Matrix)

    // MARK: Training

    /// Begins a squared norm, which a device computes while the host waits for something else: `squaredNorm` then gives it.
    func beginSquaredNorm(_ matrix: Matrix)
    /// The sum of the squares of all elements; not finite if one of them is not.
    func squaredNorm(_ matrix: Matrix) -> Double
    /// A step of Adam on a run of weights; the gradient becomes zero.
    func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adam)
    /// A step of Adagrad on a run of weights; the gradient becomes zero.
    func update(_ run: WeightRun, _ step: OptimizerStep, _ rule: Adagrad)
    /// target += source, and source = 0, for each of the sources in their order.
    func moveSum(of sources: [Matrix], to target: Matrix)

    // MARK: Scores

    /// Scales each row to unit norm; a zero row stays as it is, and one that is not finite.
    func normalize(_ rows: Matrix)
    /// The inner product of each row of two matrices of one shape.
    func rowProducts(_ one: Matrix, _ other: Matrix) -> [Double]
    /// The sum of each column, in double precision.
    func columnSums(of matrix: Matrix) -> [Double]

    /// The product of each row of `left` with one column of `right`, in the bits that the whole product has; NaN where the
    /// column is negative.
    func values(_ left: Matrix, _ right: PackedFactor, at columns: [Int]) -> [Float]
    /// The scores of all columns of `right` at each row of `left`, added up; see `ScoreSums`. A column's value is its product
    /// with the row, its score scale x value + prior; `prior` is [1, columns].
    func scoreSums(
        _ left: Matrix, _ right: PackedFactor, prior: Matrix, scale: Float, targets: [ScoreTarget], moments: Bool
    ) -> [ScoreSums]
}
