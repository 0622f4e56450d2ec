public import Kernels
internal import Parallel

/// All weights of a network in one piece of memory and, in training, gradients and the optimiser's moments, each in one piece with
/// the same layout, so that clipping and updating are single passes. Sparse parameters have memory of their own.
///
/// ```swift
/// let store = ParameterStore(plan.own, training: Adam(), backend: backend)
/// let norm = store.update(.init(step: 1, rate: 1e-3, clip: 5))
/// ```
public final class ParameterStore {
    /// Names, shapes and offsets of the parameters.
    public let layout: ParameterLayout
    /// Weights, in the order of the layout.
    public let values: FloatBuffer
    /// Backend in whose memory the weights are.
    public let backend: any Backend
    /// Gradients and moments; `nil` in a network that is not trained.
    public let training: Training?

    /// Sparse parameters in the order of the layout.
    let tables: [ParameterRows]
    /// All floats: what a machine that trains alone updates.
    private let whole: [Range<Int>]

    /// Weights that lie in a file, by the place of their parameter, with the owners of the files.
    private var borrowed: [Int: Matrix] = [:]
    private var lenders: [AnyObject] = []

    /// On a device: the layout's weights whose gradient starts with a product, and those among them that still hold what the last
    /// update left. The product overwrites it, which saves writing and reading zeros.
    private var beginsWithProduct, isStale: [Bool]
    /// True if the gradient of some weight is stale.
    public private(set) var hasStaleGradients = false

    /// Weights packed once for all threads; `nil` if there are none.
    private(set) var packedWeights: PackedWeights?

    /// The state of training beside the weights.
    ///
    /// ```swift
    /// if let training = store.training { print(training.optimizer.momentNames) }
    /// ```
    public struct Training {
        /// The rule that updates the weights.
        public let optimizer: any Optimizer
        /// Gradients, in the order of the layout.
        public let gradients: FloatBuffer
        /// One buffer for each of the optimiser's `momentNames`.
        public let moments: [FloatBuffer]
    }

    /// Allocates the weights, which are zero.
    /// - `training`: the rule that will update the weights; `nil` for a network that is not trained.
    public init(_ layout: ParameterLayout, training: (any Optimizer)?, backend: any Backend) {
        self.layout = layout
        self.backend = backend
        beginsWithProduct = [Bool](repeating: false, count: layout.parameters.count)
        isStale = beginsWithProduct
        whole = [0..<layout.extent]
        values = training == nil ? backend.allocate(layout.extent) : backend.allocateWeights(layout.extent)
        self.training = training.map { optimizer in
            let moments = optimizer.momentNames.map { _ in
                let moments = backend.allocate(layout.extent)
                if optimizer.initialMoment != 0 {
                    backend.fill(Matrix(moments, rows: 1, columns: moments.count), with: optimizer.initialMoment)
                }
                return moments
            }
            return Training(optimizer: optimizer, gradients: backend.allocate(layout.extent), moments: moments)
        }
        tables = layout.parameters.filter(\.isSparse).map {
            ParameterRows(rows: $0.shape[0], columns: $0.shape[1], training: training, backend: backend)
        }
    }

    /// Creates a store that shares the weights of another but has gradients of its own: for a thread that runs backward passes over
    /// its part of a batch.
    public init(sharing other: ParameterStore) {
        guard let training = other.training else { preconditionFailure("a network without gradients cannot share") }
        layout = other.layout
        beginsWithProduct = other.beginsWithProduct
        isStale = other.isStale
        values = other.values
        whole = other.whole
        backend = other.backend
        self.training = Training(
            optimizer: training.optimizer, gradients: backend.allocate(layout.extent), moments: [])
        precondition(other.tables.isEmpty, "sparse gradients are not shared among threads")
        tables = []
        packedWeights = other.packedWeights
    }

    /// Chooses two-dimensional weights for `packWeights` to pack, in this store and in stores created later that share its weights.
    public func planPacking(_ weights: [Parameter]) { packedWeights = PackedWeights(weights, backend) }

    /// Packs two-dimensional weights permanently, for a network that is not trained.
    public func packConstants(_ weights: [(Parameter, WeightPrecision)]) {
        precondition(training == nil, "weights that are trained are no constants")
        packedWeights = PackedWeights(constants: weights, in: self)
    }

    /// Packs the weights chosen by `planPacking`. Layers use the packed form until the next `update`; whoever changes weights in
    /// another way must pack again.
    public func packWeights() { packedWeights?.pack(self) }

    /// Adds the gradients of `others` to this store, in the order given, whatever the number of threads, and clears them.
    public func addGradients(of others: some Sequence<ParameterStore>) {
        guard let sum = training?.gradients else { preconditionFailure("a network without gradients has none to add") }
        backend.moveSum(
            of: others.compactMap { $0.training.map { Matrix($0.gradients, rows: 1, columns: $0.gradients.count) } },
            to: Matrix(sum, rows: 1, columns: sum.count))
    }

    /// Returns a two-dimensional weight as a matrix, or a one-dimensional one as a row.
    public func value(_ parameter: Parameter) -> Matrix {
        if !borrowed.isEmpty, let matrix = borrowed[parameter.place] { return matrix }
        guard parameter.isSparse else { return view(parameter, of: values) }
        return rows(parameter).value
    }

    /// Uses the weights of `parameter` in place, for example in a mapped file, instead of copying them. The network must not be
    /// trained, because nobody may write to them.
    public func borrow(_ parameter: Parameter, at weights: Matrix, from lender: AnyObject) {
        precondition(training == nil, "weights that are trained are not borrowed")
        precondition(weights.columns == parameter.shape.last ?? 1 && weights.rows * weights.columns == parameter.count)
        borrowed[parameter.place] = weights
        if !lenders.contains(where: { $0 === lender }) { lenders.append(lender) }
    }

    /// Returns a sparse parameter with its gradients.
    public func rows(_ parameter: Parameter) -> ParameterRows {
        precondition(parameter.isSparse, "\(parameter.name) is not sparse")
        return tables[parameter.offset]
    }

    /// Returns the optimiser's numbers for `parameter`, in the order of its `momentNames`; none in a network that is not trained.
    public func moments(of parameter: Parameter) -> [Matrix] {
        guard parameter.isSparse else { return (training?.moments ?? []).map { view(parameter, of: $0) } }
        let table = rows(parameter)
        return table.moments.map { Matrix($0, rows: table.rows, columns: table.columns) }
    }

    /// Copies all weights of a store with the same layout.
    public func copyValues(of other: ParameterStore) {
        precondition(layout.parameters == other.layout.parameters)
        for parameter in layout.parameters { backend.copy(other.value(parameter), to: value(parameter)) }
    }

    /// Returns the matrix to which backward passes add the gradient of `parameter`.
    public func gradient(_ parameter: Parameter) -> Matrix {
        if hasStaleGradients { clearStaleGradients { $0.place == parameter.place } }
        return gradientMatrix(parameter)
    }

    private func gradientMatrix(_ parameter: Parameter) -> Matrix {
        guard let training else { preconditionFailure("a network without gradients cannot go backward") }
        return view(parameter, of: training.gradients)
    }

    /// Adds a product to the gradient of a weight.
    func addProduct(_ left: some Factor, _ right: some Factor, toGradientOf weight: Parameter) {
        var adds = true
        if !backend.computesInHostMemory, let index = layout.parameters.firstIndex(where: { $0.place == weight.place }) {
            adds = !isStale[index]
            isStale[index] = false
            beginsWithProduct[index] = true
        }
        backend.multiply(left, right, into: gradientMatrix(weight), adding: adds)
    }

    /// Records that the products of a backward pass have been added, by a device that replayed them.
    /// - Parameter range: parameters whose gradients have not been computed yet.
    public func gradientsAreWritten(except range: ParameterRange) {
        for index in isStale.indices where range.isShared || !range.indices.contains(index) { isStale[index] = false }
        hasStaleGradients = isStale.contains(true)
    }

    /// Sets stale gradients to zero.
    private func clearStaleGradients(_ isMeant: (Parameter) -> Bool = { _ in true }) {
        for (index, parameter) in layout.parameters.enumerated() where isStale[index] && isMeant(parameter) {
            backend.fill(gradientMatrix(parameter), with: 0)
            isStale[index] = false
        }
        hasStaleGradients = isStale.contains(true)
    }

    /// Sets gradients that do not start with a product to zero; the others become stale.
    private func leaveGradients(_ training: Training) {
        var first = 0
        func clear(to end: Int) {
            if end > first { backend.fill(Matrix(training.gradients, at: first, rows: 1, columns: end - first), with: 0) }
        }
        for (index, parameter) in layout.parameters.enumerated() where beginsWithProduct[index] {
            clear(to: parameter.offset)
            first = parameter.offset + parameter.extent
            isStale[index] = true
        }
        clear(to: training.gradients.count)
        hasStaleGradients = isStale.contains(true)
    }

    /// Returns the part of a buffer of this layout that belongs to `parameter`.
    public func view(_ parameter: Parameter, of buffer: FloatBuffer) -> Matrix {
        precondition(!parameter.isSparse, "\(parameter.name) has its own memory")
        let columns = parameter.shape.last ?? 1
        return Matrix(buffer, at: parameter.offset, rows: parameter.count / max(1, columns), columns: columns)
    }

    /// Bytes of the weights and of everything that training keeps beside them.
    public var bytes: Int {
        values.bytes * (1 + (training.map { 1 + $0.moments.count } ?? 0))
            + (training == nil ? 0 : (backend.weightBytes - 4) * values.count) + tables.reduce(0) { $0 + $1.bytes }
    }

    /// Bytes of the numbers that the optimiser keeps beside weights and gradients.
    public var momentBytes: Int {
        (training?.moments ?? []).reduce(0) { $0 + $1.bytes } + tables.reduce(0) { $0 + $1.moments.reduce(0) { $0 + $1.bytes } }
    }

    /// Bytes of the last update's gradient, which machines that train together exchange in a step. Sparse parameters count with the
    /// rows touched and their numbers.
    public var gradientBytes: Int {
        let dense = layout.parameters.reduce(0) { $0 + ($1.isSparse ? 0 : 4 * $1.count) }
        return dense + tables.reduce(0) { $0 + $1.updatedCount * 4 * ($1.columns + 1) }
    }

    /// Options of one update.
    ///
    /// ```swift
    /// let update = ParameterStore.Update(step: 1, rate: 1e-3, clip: 5)
    /// ```
    public struct Update: Sendable {
        /// Number of the update, from 1.
        public var step: Int
        /// Learning rate.
        public var rate: Float
        /// Maximum Euclidean norm of the whole gradient; `nil` means no clipping.
        public var clip: Double?
        /// Weight decay of matrices; biases and gains are not decayed.
        public var weightDecay: Float = 0
        /// Number of windows over which the gradient was summed; the update uses their mean.
        public var windows = 1
        /// Factor of the loss. The number of steps turns the mean over positions into ELMo's sum over a window.
        public var lossScale = 1.0

        /// Factor that turns the sum of gradients into the gradient of the loss.
        public var gradientScale: Double { lossScale / Double(windows) }

        /// Creates the options of an update.
        public init(step: Int, rate: Float, clip: Double?) {
            self.step = step
            self.rate = rate
            self.clip = clip
        }
    }

    /// Discards the gradients of sparse parameters without an update.
    public func clearSparseGradients() { for table in tables { table.clear() } }

    /// Scales the gradient to a norm of at most `clip`, updates all weights, and clears the gradient.
    ///
    /// If the norm is not finite, the weights are not changed and the gradient is kept for inspection.
    /// - Returns: the norm before clipping.
    @discardableResult
    public func update(_ update: Update) -> Double {
        let norm = squaredNorm().squareRoot() * update.gradientScale
        apply(update, norm: norm)
        return norm
    }

    /// Starts computing `squaredNorm` of the gradient as it will be after everything queued on a device.
    public func beginSquaredNorm() {
        guard let training else { return }
        if hasStaleGradients { clearStaleGradients() }
        backend.beginSquaredNorm(allGradients(training))
    }

    private func allGradients(_ training: Training) -> Matrix {
        Matrix(training.gradients, rows: 1, columns: training.gradients.count)
    }

    /// Returns the squared norm of the whole gradient, as summed.
    public func squaredNorm() -> Double {
        guard let training else { preconditionFailure("a network without gradients cannot be updated") }
        backend.enter(.optimiser, of: .optimiser)
        defer { backend.enter(.other, of: .other) }
        if hasStaleGradients { clearStaleGradients() }
        let dense = backend.squaredNorm(allGradients(training)).squareRoot()
        return tables.reduce(dense * dense) { $0 + $1.squaredNorm() }
    }

    /// Performs an update with a given norm, that of all gradients that are clipped together.
    /// - `share`: the floats of the layout to update, in pieces of whole cache lines; other machines update the rest, whose
    ///   gradients are not touched here. `nil` means all. Sparse parameters are always updated.
    public func apply(_ update: Update, norm: Double, share: [Range<Int>]? = nil) {
        guard let training else { preconditionFailure("a network without gradients cannot be updated") }
        guard norm.isFinite else { return }
        backend.enter(.optimiser, of: .optimiser)
        defer { backend.enter(.other, of: .other) }
        let scale = update.gradientScale
        packedWeights?.expire()
        var step = OptimizerStep(number: update.step, rate: update.rate, scale: Float(scale))
        if let clip = update.clip, norm > clip { step.scale = Float(scale * clip / norm) }
        step.keepsGradients = share == nil && beginsWithProduct.contains(true)
        func run(_ range: Range<Int>) -> WeightRun {
            func part(_ buffer: FloatBuffer) -> Matrix {
                Matrix(buffer, at: range.lowerBound, rows: 1, columns: range.count)
            }
            return WeightRun(
                weights: part(values), gradients: part(training.gradients), firstMoments: part(training.moments[0]),
                secondMoments: training.moments.count > 1 ? part(training.moments[1]) : nil)
        }
        let ranges = share ?? whole
        if update.weightDecay == 0 { for range in ranges { training.optimizer.update(run(range), step, on: backend) } }
        for parameter in layout.parameters {
            step.weightDecay = parameter.isMatrix ? update.weightDecay : 0
            let floats = parameter.offset..<parameter.offset + parameter.count
            if parameter.isSparse {
                tables[parameter.offset].update(step)
            } else if update.weightDecay != 0 {
                for range in ranges where range.overlaps(floats) {
                    training.optimizer.update(run(range.clamped(to: floats)), step, on: backend)
                }
            }
        }
        if step.keepsGradients { leaveGradients(training) }
    }
}

extension ParameterStore {
    /// Returns true if every weight of `parameter` is finite.
    public func isFinite(_ parameter: Parameter) -> Bool { backend.isFinite(value(parameter)) }

    /// Sets all weights of `parameter` to a constant.
    public func fill(_ parameter: Parameter, with constant: Float) { backend.fill(value(parameter), with: constant) }

    /// Fills a weight with numbers uniform in ±sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010).
    /// - `outputs`: outputs of one block, if a matrix holds several side by side, such as an LSTM's four gates.
    /// - `scale`: factor applied to the bound.
    public func fillGlorot(_ parameter: Parameter, inputs: Int, outputs: Int, scale: Double = 1, random: inout Random) {
        let bound = scale * (6 / Double(inputs + outputs)).squareRoot()
        fill(parameter) { random.uniform(in: -bound..<bound) }
    }

    /// Sets a square matrix to the identity.
    func fillIdentity(_ parameter: Parameter) {
        let side = parameter.shape[1]
        var index = 0
        fill(parameter) {
            defer { index += 1 }
            return index / side == index % side ? 1 : 0
        }
    }

    /// Fills the weights of classes with normal numbers of standard deviation 1 / sqrt(inputs), as in bilm-tf.
    func fillClasses(_ weight: Parameter, random: inout Random) {
        let scale = 1 / Double(weight.shape[1]).squareRoot()
        fill(weight) { scale * random.normal() }
    }

    /// Fills a parameter with the numbers that `next` returns, in order.
    public func fill(_ parameter: Parameter, _ next: () -> Double) {
        let matrix = value(parameter), rows = max(1, Self.filledAtOnce / max(1, matrix.columns))
        for first in stride(from: 0, to: matrix.rows, by: rows) {
            let block = matrix.rows(first..<min(matrix.rows, first + rows))
            var values = [Float](repeating: 0, count: block.rows * block.columns)
            for index in values.indices { values[index] = Float(next()) }
            backend.write(values, to: block)
        }
    }

    /// Number of weights written at once: for a device, many rows take hardly more time than one.
    private static let filledAtOnce = 1 << 16
}
