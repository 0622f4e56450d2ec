public import Kernels
internal import Parallel

/// A named tensor among the trainable weights of a network.
public struct Parameter: Sendable, Equatable {
    /// Its path, `forward.layer1.recurrent.weight` for example: the name in the model file too.
    public let name: String
    /// Row-major; one or two dimensions.
    public let shape: [Int]
    /// Where it starts in the store, in floats.
    let offset: Int

    public var count: Int { shape.reduce(1, *) }
}

/// The list of a network's parameters: layers declare theirs here, then one store holds them all.
public struct ParameterLayout: Sendable {
    public private(set) var parameters: [Parameter] = []
    /// Floats to allocate: each parameter starts on a cache line.
    private(set) var extent = 0

    public init() {}

    public mutating func declare(_ name: String, _ shape: [Int]) -> Parameter {
        precondition(!parameters.contains { $0.name == name }, "parameter \(name) is declared twice")
        let parameter = Parameter(name: name, shape: shape, offset: extent)
        parameters.append(parameter)
        extent += (parameter.count + 15) / 16 * 16
        return parameter
    }

    /// The number of trainable weights.
    public var count: Int { parameters.reduce(0) { $0 + $1.count } }
}

/// All weights of a network in one piece of memory, and what training adds: gradients and the optimiser's moments, each
/// one piece of the same layout, so that clipping and updating are single passes.
public final class ParameterStore {
    public let layout: ParameterLayout
    public let values: FloatBuffer
    /// `nil` in a network that is only used.
    public let training: Training?

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
    }

    /// The weights of another store, with gradients of its own: for a thread that goes backward over its part of a batch.
    public init(sharing other: ParameterStore) {
        guard let training = other.training else { preconditionFailure("a network without gradients cannot share") }
        layout = other.layout
        values = other.values
        self.training = Training(
            optimizer: training.optimizer, gradients: FloatBuffer(count: layout.extent), moments: [])
        packedWeights = other.packedWeights
    }

    /// Chooses weights of two dimensions that `packWeights` will pack, for this store and those made to share its weights
    /// from now on.
    public func planPacking(_ weights: [Parameter]) { packedWeights = PackedWeights(weights) }

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
    public func value(_ parameter: Parameter) -> Matrix { view(parameter, of: values) }

    /// Where backward passes add the gradient of `parameter`.
    public func gradient(_ parameter: Parameter) -> Matrix {
        guard let training else { preconditionFailure("a network without gradients cannot go backward") }
        return view(parameter, of: training.gradients)
    }

    /// `parameter`'s part of a buffer of this layout.
    public func view(_ parameter: Parameter, of buffer: FloatBuffer) -> Matrix {
        let columns = parameter.shape.last ?? 1
        return Matrix(buffer.start + parameter.offset, rows: parameter.count / max(1, columns), columns: columns)
    }

    /// Memory of the weights, and of everything that training keeps beside them.
    public var bytes: Int { values.bytes * (1 + (training.map { 1 + $0.moments.count } ?? 0)) }

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

        public init(step: Int, rate: Float, clip: Double?) {
            self.step = step
            self.rate = rate
            self.clip = clip
        }
    }

    /// Scales the gradient to at most `clip` in norm, updates all weights, and clears the gradient.
    ///
    /// Does nothing to the weights, and keeps the gradient for inspection, if the norm is not finite.
    /// - Returns: the norm before clipping.
    @discardableResult
    public func update(_ update: Update, compute: Compute) -> Double {
        guard let training else { preconditionFailure("a network without gradients cannot be updated") }
        compute.enter(.optimiser)
        defer { compute.enter(.other) }
        let mean = 1 / Double(update.windows)
        let norm = mean * compute.norm(training.gradients.start, count: training.gradients.count)
        guard norm.isFinite else { return norm }
        packedWeights?.expire()
        var step = OptimizerStep(number: update.step, rate: update.rate, scale: Float(mean))
        if let clip = update.clip, norm > clip { step.scale = Float(mean * clip / norm) }
        let whole = WeightRun(
            weights: values.start, gradients: training.gradients.start, firstMoments: training.moments[0].start,
            secondMoments: training.moments.count > 1 ? training.moments[1].start : nil, count: values.count)
        guard update.weightDecay != 0 else {
            training.optimizer.update(whole, step, compute: compute)
            return norm
        }
        for parameter in layout.parameters {
            step.weightDecay = parameter.shape.count > 1 ? update.weightDecay : 0
            training.optimizer.update(
                whole.part(parameter.offset..<parameter.offset + parameter.count), step, compute: compute)
        }
        return norm
    }
}

extension ParameterStore {
    /// Whether every weight of `parameter` is a number.
    public func isFinite(_ parameter: Parameter) -> Bool {
        Vector.isFinite(value(parameter).start, count: parameter.count)
    }
}
