public import Kernels
internal import Parallel

/// All weights of a network in one piece of memory, and what training adds: gradients and the optimiser's moments, each
/// one piece of the same layout, so that clipping and updating are single passes. Sparse parameters have memory of their
/// own.
public final class ParameterStore {
    public let layout: ParameterLayout
    public let values: FloatBuffer
    public let backend: any Backend
    /// `nil` in a network that is only used.
    public let training: Training?

    /// The sparse parameters, in the order of the layout.
    let tables: [ParameterRows]
    /// All floats, as the share of a machine that trains alone.
    private let whole: [Range<Int>]

    /// Weights that lie in a file, by their parameter's place, and the files.
    private var borrowed: [Int: Matrix] = [:]
    private var lenders: [AnyObject] = []

    /// On a device, which of the layout's weights have a gradient that begins with a product, and which of those still have what the
    /// last update left: the product overwrites it, which saves the writing of zeros and the reading of them.
    private var beginsWithProduct, isStale: [Bool]
    /// True if a gradient is stale.
    public private(set) var hasStaleGradients = false

    /// Weights that are packed once for all threads; `nil` if none are.
    private(set) var packedWeights: PackedWeights?

    public struct Training {
        public let optimizer: any Optimizer
        public let gradients: FloatBuffer
        /// One for each of the optimiser's `momentNames`.
        public let moments: [FloatBuffer]
    }

    /// - Parameter training: the rule by which the weights will be updated; `nil` for a network that is only used.
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

    /// The weights of another store, with gradients of its own: for a thread that goes backward over its part of a batch.
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

    /// Chooses weights of two dimensions that `packWeights` will pack, for this store and those made to share its weights
    /// from now on.
    public func planPacking(_ weights: [Parameter]) { packedWeights = PackedWeights(weights, backend) }

    /// Packs weights of two dimensions for good: for a network that is only used.
    public func packConstants(_ weights: [(Parameter, WeightPrecision)]) {
        precondition(training == nil, "weights that are trained are no constants")
        packedWeights = PackedWeights(constants: weights, in: self)
    }

    /// Packs the weights that were chosen by `planPacking`: layers use them so until the next `update`. Whoever changes
    /// them otherwise packs again.
    public func packWeights() { packedWeights?.pack(self) }

    /// Moves the gradients of `others` to this store: they are added in the order given, whatever the threads, and cleared.
    public func addGradients(of others: some Sequence<ParameterStore>) {
        guard let sum = training?.gradients else { preconditionFailure("a network without gradients has none to add") }
        backend.moveSum(
            of: others.compactMap { $0.training.map { Matrix($0.gradients, rows: 1, columns: $0.gradients.count) } },
            to: Matrix(sum, rows: 1, columns: sum.count))
    }

    /// A weight of two dimensions as a matrix; one of one dimension as a single row.
    public func value(_ parameter: Parameter) -> Matrix {
        if !borrowed.isEmpty, let matrix = borrowed[parameter.place] { return matrix }
        guard parameter.isSparse else { return view(parameter, of: values) }
        return rows(parameter).value
    }

    /// Uses the weights of `parameter` where they are, in a mapped file for example, instead of memory of its own. Nobody
    /// writes to them: this network is only used.
    public func borrow(_ parameter: Parameter, at weights: Matrix, from lender: AnyObject) {
        precondition(training == nil, "weights that are trained are not borrowed")
        precondition(weights.columns == parameter.shape.last ?? 1 && weights.rows * weights.columns == parameter.count)
        borrowed[parameter.place] = weights
        if !lenders.contains(where: { $0 === lender }) { lenders.append(lender) }
    }

    /// A sparse parameter with its gradients.
    public func rows(_ parameter: Parameter) -> ParameterRows {
        precondition(parameter.isSparse, "\(parameter.name) is not sparse")
        return tables[parameter.offset]
    }

    /// The optimiser's numbers for `parameter`, named as by its `momentNames`: none in a network that is only used.
    public func moments(of parameter: Parameter) -> [Matrix] {
        guard parameter.isSparse else { return (training?.moments ?? []).map { view(parameter, of: $0) } }
        let table = rows(parameter)
        return table.moments.map { Matrix($0, rows: table.rows, columns: table.columns) }
    }

    /// Takes over all weights of a store of the same layout.
    public func copyValues(of other: ParameterStore) {
        precondition(layout.parameters == other.layout.parameters)
        for parameter in layout.parameters { backend.copy(other.value(parameter), to: value(parameter)) }
    }

    /// Where backward passes add the gradient of `parameter`.
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

    /// Notes that the products of a backward pass have been added, which a device has replayed.
    /// - Parameter range: parameters whose gradients have not been made yet.
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

    /// Sets the gradients to zero that do not begin with a product; the others are stale.
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

    /// `parameter`'s part of a buffer of this layout.
    public func view(_ parameter: Parameter, of buffer: FloatBuffer) -> Matrix {
        precondition(!parameter.isSparse, "\(parameter.name) has its own memory")
        let columns = parameter.shape.last ?? 1
        return Matrix(buffer, at: parameter.offset, rows: parameter.count / max(1, columns), columns: columns)
    }

    /// Memory of the weights, and of everything that training keeps beside them.
    public var bytes: Int {
        values.bytes * (1 + (training.map { 1 + $0.moments.count } ?? 0))
            + (training == nil ? 0 : (backend.weightBytes - 4) * values.count) + tables.reduce(0) { $0 + $1.bytes }
    }

    /// Memory of the numbers that the optimiser keeps beside weights and gradients.
    public var momentBytes: Int {
        (training?.moments ?? []).reduce(0) { $0 + $1.bytes } + tables.reduce(0) { $0 + $1.moments.reduce(0) { $0 + $1.bytes } }
    }

    /// The gradient of the last update: what machines that train together send each other in a step. Of sparse parameters the
    /// rows that were touched, with their numbers.
    public var gradientBytes: Int {
        let dense = layout.parameters.reduce(0) { $0 + ($1.isSparse ? 0 : 4 * $1.count) }
        return dense + tables.reduce(0) { $0 + $1.updatedCount * 4 * ($1.columns + 1) }
    }

    /// The options of an update by the gradient that has been added up.
    public struct Update: Sendable {
        /// 1 for the first.
        public var step: Int
        public var rate: Float
        /// Greatest Euclidean norm of the whole gradient; `nil` for none.
        public var clip: Double?
        /// Decay of the matrices; biases and gains are left alone.
        public var weightDecay: Float = 0
        /// Over how many windows the gradient was added up: their mean counts.
        public var windows = 1
        /// A factor of the loss: the number of steps makes ELMo's sum over a window out of the mean over positions.
        public var lossScale = 1.0

        /// From the gradient that was added up to the loss's.
        public var gradientScale: Double { lossScale / Double(windows) }

        public init(step: Int, rate: Float, clip: Double?) {
            self.step = step
            self.rate = rate
            self.clip = clip
        }
    }

    /// Drops the gradients of sparse parameters, without an update.
    public func clearSparseGradients() { for table in tables { table.clear() } }

    /// Scales the gradient to at most `clip` in norm, updates all weights, and clears the gradient.
    ///
    /// Does nothing to the weights, and keeps the gradient for inspection, if the norm is not finite.
    /// - Returns: the norm before clipping.
    @discardableResult
    public func update(_ update: Update) -> Double {
        let norm = squaredNorm().squareRoot() * update.gradientScale
        apply(update, norm: norm)
        return norm
    }

    /// Begins `squaredNorm` of the gradient as it will be once everything that is queued on a device is done.
    public func beginSquaredNorm() {
        guard let training else { return }
        if hasStaleGradients { clearStaleGradients() }
        backend.beginSquaredNorm(allGradients(training))
    }

    private func allGradients(_ training: Training) -> Matrix {
        Matrix(training.gradients, rows: 1, columns: training.gradients.count)
    }

    /// The squared norm of the whole gradient, as it was added up.
    public func squaredNorm() -> Double {
        guard let training else { preconditionFailure("a network without gradients cannot be updated") }
        backend.enter(.optimiser, of: .optimiser)
        defer { backend.enter(.other, of: .other) }
        if hasStaleGradients { clearStaleGradients() }
        let dense = backend.squaredNorm(allGradients(training)).squareRoot()
        return tables.reduce(dense * dense) { $0 + $1.squaredNorm() }
    }

    /// `update` with the norm given, of this gradient and others that are clipped together.
    /// - Parameter share: the floats of the layout that are updated here, in pieces of whole cache lines; other machines update the
    ///   others, whose gradients stay as they are. `nil`: all. Sparse parameters are always updated.
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
    /// Returns true if every weight of `parameter` is a number.
    public func isFinite(_ parameter: Parameter) -> Bool { backend.isFinite(value(parameter)) }

    public func fill(_ parameter: Parameter, with constant: Float) { backend.fill(value(parameter), with: constant) }

    /// Uniform in ±sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010).
    /// - Parameters:
    ///   - outputs: of one block, where a matrix holds several side by side, such as an LSTM's four gates.
    ///   - scale: times so much.
    public func fillGlorot(_ parameter: Parameter, inputs: Int, outputs: Int, scale: Double = 1, random: inout Random) {
        let bound = scale * (6 / Double(inputs + outputs)).squareRoot()
        fill(parameter) { random.uniform(in: -bound..<bound) }
    }

    /// The identity, for a square matrix.
    func fillIdentity(_ parameter: Parameter) {
        let side = parameter.shape[1]
        var index = 0
        fill(parameter) {
            defer { index += 1 }
            return index / side == index % side ? 1 : 0
        }
    }

    /// The weights of classes: normal with deviation 1 / sqrt(inputs), as bilm-tf begins.
    func fillClasses(_ weight: Parameter, random: inout Random) {
        let scale = 1 / Double(weight.shape[1]).squareRoot()
        fill(weight) { scale * random.normal() }
    }

    /// Weights that `next` gives one after the other.
    public func fill(_ parameter: Parameter, _ next: () -> Double) {
        let matrix = value(parameter), rows = max(1, Self.filledAtOnce / max(1, matrix.columns))
        for first in stride(from: 0, to: matrix.rows, by: rows) {
            let block = matrix.rows(first..<min(matrix.rows, first + rows))
            var values = [Float](repeating: 0, count: block.rows * block.columns)
            for index in values.indices { values[index] = Float(next()) }
            backend.write(values, to: block)
        }
    }

    /// Weights that are written at once: a device takes many rows in hardly more time than one.
    private static let filledAtOnce = 1 << 16
}
