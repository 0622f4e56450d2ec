public import Kernels
internal import Parallel

/// A named tensor among the trainable weights of a network.
public struct Parameter: Sendable, Equatable {
    /// Its path, `forward.layer1.recurrent.weight` for example: the name in the model file too.
    public let name: String
    /// Row-major; one or two dimensions.
    public let shape: [Int]
    /// Whether a step touches few of its rows: see `ParameterRows`.
    public let isSparse: Bool
    /// Where it starts in the store, in floats; of a sparse one, its number among those.
    let offset: Int

    public var count: Int { shape.reduce(1, *) }

    /// Unlike that of any other in its store.
    var place: Int { isSparse ? -1 - offset : offset }

    /// Whether it is more than a bias or a gain; a sparse bias has rows of one number.
    var isMatrix: Bool { shape.count > 1 && !(isSparse && shape[1] == 1) }
}

/// The list of a network's parameters: layers declare theirs here, then one store holds them all.
public struct ParameterLayout: Sendable {
    public private(set) var parameters: [Parameter] = []
    /// Floats to allocate: each parameter starts on a cache line.
    private(set) var extent = 0
    private var sparseCount = 0

    public init() {}

    public mutating func declare(_ name: String, _ shape: [Int]) -> Parameter {
        precondition(!parameters.contains { $0.name == name }, "parameter \(name) is declared twice")
        let parameter = Parameter(name: name, shape: shape, isSparse: false, offset: extent)
        parameters.append(parameter)
        extent += (parameter.count + 15) / 16 * 16
        return parameter
    }

    /// A matrix of which a step touches few rows.
    public mutating func declareSparse(_ name: String, rows: Int, columns: Int) -> Parameter {
        precondition(!parameters.contains { $0.name == name }, "parameter \(name) is declared twice")
        let parameter = Parameter(name: name, shape: [rows, columns], isSparse: true, offset: sparseCount)
        parameters.append(parameter)
        sparseCount += 1
        return parameter
    }

    /// The number of trainable weights.
    public var count: Int { parameters.reduce(0) { $0 + $1.count } }
}

/// All weights of a network in one piece of memory, and what training adds: gradients and the optimiser's moments, each
/// one piece of the same layout, so that clipping and updating are single passes. Sparse parameters have memory of their
/// own.
public final class ParameterStore {
    public let layout: ParameterLayout
    public let values: FloatBuffer
    /// `nil` in a network that is only used.
    public let training: Training?

    /// The sparse parameters, in the order of the layout.
    private let tables: [ParameterRows]

    /// Weights that lie in a file, by their parameter's place, and the files.
    private var borrowed: [Int: Matrix] = [:]
    private var lenders: [AnyObject] = []

    /// Weights that are packed once for all threads; `nil` if none are.
    private(set) var packedWeights: PackedWeights?

    public struct Training {
        public let optimizer: any Optimizer
        public let gradients: FloatBuffer
        /// One for each of the optimiser's `momentNames`.
        public let moments: [FloatBuffer]
    }

    /// - Parameter training: the rule by which the weights will be updated; `nil` for a network that is only used.
    public init(_ layout: ParameterLayout, training: (any Optimizer)?) {
        self.layout = layout
        values = FloatBuffer(count: layout.extent)
        self.training = training.map { optimizer in
            let moments = optimizer.momentNames.map { _ in
                let moments = FloatBuffer(count: layout.extent)
                if optimizer.initialMoment != 0 { moments.fill(optimizer.initialMoment) }
                return moments
            }
            return Training(optimizer: optimizer, gradients: FloatBuffer(count: layout.extent), moments: moments)
        }
        tables = layout.parameters.filter(\.isSparse).map {
            ParameterRows(rows: $0.shape[0], columns: $0.shape[1], training: training)
        }
    }

    /// The weights of another store, with gradients of its own: for a thread that goes backward over its part of a batch.
    public init(sharing other: ParameterStore) {
        guard let training = other.training else { preconditionFailure("a network without gradients cannot share") }
        layout = other.layout
        values = other.values
        self.training = Training(
            optimizer: training.optimizer, gradients: FloatBuffer(count: layout.extent), moments: [])
        precondition(other.tables.isEmpty, "sparse gradients are not shared among threads")
        tables = []
        packedWeights = other.packedWeights
    }

    /// Chooses weights of two dimensions that `packWeights` will pack, for this store and those made to share its weights
    /// from now on.
    public func planPacking(_ weights: [Parameter]) { packedWeights = PackedWeights(weights) }

    /// Packs weights of two dimensions for good: for a network that is only used.
    public func packConstants(_ weights: [(Parameter, WeightPrecision)], compute: Compute) {
        precondition(training == nil, "weights that are trained are no constants")
        packedWeights = PackedWeights(constants: weights, in: self, compute)
    }

    /// Moves the gradients of `others` to this store: they are added in the order given, whatever the threads, and cleared.
    public func addGradients(of others: some Sequence<ParameterStore>, compute: Compute) {
        guard let sum = training?.gradients else { preconditionFailure("a network without gradients has none to add") }
        let sources = others.compactMap { $0.training?.gradients.start }
        let count = sum.count
        let block = 1 << 14
        compute.pool.forEach((count + block - 1) / block) { index in
            let start = index * block, size = min(block, count - start)
            for source in sources {
                Vector.add(source + start, to: sum.start + start, count: size)
                (source + start).update(repeating: 0, count: size)
            }
        }
    }

    /// A weight of two dimensions as a matrix; one of one dimension as a single row.
    public func value(_ parameter: Parameter) -> Matrix {
        if !borrowed.isEmpty, let matrix = borrowed[parameter.place] { return matrix }
        guard parameter.isSparse else { return view(parameter, of: values) }
        let table = rows(parameter)
        return Matrix(table.values, rows: table.rows, columns: table.columns)
    }

    /// Uses the weights of `parameter` where they are, in a mapped file for example, instead of memory of its own. Nobody
    /// writes to them: this network is only used.
    public func borrow(_ parameter: Parameter, at start: UnsafePointer<Float>, from lender: AnyObject) {
        precondition(training == nil, "weights that are trained are not borrowed")
        let columns = parameter.shape.last ?? 1
        borrowed[parameter.place] = Matrix(
            UnsafeMutablePointer(mutating: start), rows: parameter.count / max(1, columns), columns: columns)
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
        for parameter in layout.parameters { value(parameter).copy(from: other.value(parameter)) }
    }

    /// Where backward passes add the gradient of `parameter`.
    public func gradient(_ parameter: Parameter) -> Matrix {
        guard let training else { preconditionFailure("a network without gradients cannot go backward") }
        return view(parameter, of: training.gradients)
    }

    /// `parameter`'s part of a buffer of this layout.
    public func view(_ parameter: Parameter, of buffer: FloatBuffer) -> Matrix {
        precondition(!parameter.isSparse, "\(parameter.name) has its own memory")
        let columns = parameter.shape.last ?? 1
        return Matrix(buffer.start + parameter.offset, rows: parameter.count / max(1, columns), columns: columns)
    }

    /// Memory of the weights, and of everything that training keeps beside them.
    public var bytes: Int {
        values.bytes * (1 + (training.map { 1 + $0.moments.count } ?? 0)) + tables.reduce(0) { $0 + $1.bytes }
    }

    /// The same for one parameter; the gradients of a sparse one are not counted.
    public func bytes(of parameter: Parameter) -> Int {
        let moments = training?.moments.count ?? 0
        return 4 * parameter.count * (1 + moments + (training != nil && !parameter.isSparse ? 1 : 0))
    }

    /// What the optimiser keeps beside weights and gradients.
    public var momentBytes: Int {
        (training?.moments ?? []).reduce(0) { $0 + $1.bytes } + tables.reduce(0) { $0 + $1.moments.reduce(0) { $0 + $1.bytes } }
    }

    /// The gradient of the last update: what machines that train together send each other in a step. Of sparse parameters the
    /// rows that were touched, with their numbers.
    public var gradientBytes: Int {
        let dense = layout.parameters.reduce(0) { $0 + ($1.isSparse ? 0 : 4 * $1.count) }
        return dense + tables.reduce(0) { $0 + $1.updatedCount * 4 * ($1.columns + 1) }
    }

    /// How to make an update of the gradient that has been added up.
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
        /// What the loss is multiplied by: of the mean over positions, the number of steps makes ELMo's sum over a window.
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
    public func update(_ update: Update, compute: Compute) -> Double {
        let norm = squaredNorm(compute).squareRoot() * update.gradientScale
        apply(update, norm: norm, compute)
        return norm
    }

    /// Of the whole gradient, as it was added up.
    public func squaredNorm(_ compute: Compute) -> Double {
        guard let training else { preconditionFailure("a network without gradients cannot be updated") }
        compute.enter(.optimiser, of: .optimiser)
        defer { compute.enter(.other, of: .other) }
        let dense = compute.norm(training.gradients.start, count: training.gradients.count)
        return tables.reduce(dense * dense) { $0 + $1.squaredNorm(compute) }
    }

    /// `update` with the norm given, of this gradient and others that are clipped together.
    public func apply(_ update: Update, norm: Double, _ compute: Compute) {
        guard let training else { preconditionFailure("a network without gradients cannot be updated") }
        guard norm.isFinite else { return }
        compute.enter(.optimiser, of: .optimiser)
        defer { compute.enter(.other, of: .other) }
        let scale = update.gradientScale
        packedWeights?.expire()
        var step = OptimizerStep(number: update.step, rate: update.rate, scale: Float(scale))
        if let clip = update.clip, norm > clip { step.scale = Float(scale * clip / norm) }
        let whole = WeightRun(
            weights: values.start, gradients: training.gradients.start, firstMoments: training.moments[0].start,
            secondMoments: training.moments.count > 1 ? training.moments[1].start : nil, count: values.count)
        if update.weightDecay == 0 { training.optimizer.update(whole, step, compute: compute) }
        for parameter in layout.parameters {
            step.weightDecay = parameter.isMatrix ? update.weightDecay : 0
            if parameter.isSparse {
                tables[parameter.offset].update(step, compute: compute)
            } else if update.weightDecay != 0 {
                let range = parameter.offset..<parameter.offset + parameter.count
                training.optimizer.update(whole.part(range), step, compute: compute)
            }
        }
    }
}

extension ParameterStore {
    /// Whether every weight of `parameter` is a number.
    public func isFinite(_ parameter: Parameter) -> Bool {
        Vector.isFinite(value(parameter).start, count: parameter.count)
    }
}
