public import Kernels

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

/// All weights of a network in one piece of memory, and what training adds: gradients and Adam's two moments, each one
/// piece of the same layout, so that clipping and updating are single passes.
public final class ParameterStore {
    public let layout: ParameterLayout
    public let values: FloatBuffer
    /// `nil` in a network that is only used.
    public let training: Training?

    public struct Training {
        public let gradients: FloatBuffer
        public let firstMoments: FloatBuffer
        public let secondMoments: FloatBuffer
    }

    public init(_ layout: ParameterLayout, training: Bool) {
        self.layout = layout
        values = FloatBuffer(count: layout.extent)
        self.training =
            training
            ? Training(
                gradients: FloatBuffer(count: layout.extent), firstMoments: FloatBuffer(count: layout.extent),
                secondMoments: FloatBuffer(count: layout.extent)) : nil
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

    public var bytes: Int { values.bytes * (training == nil ? 1 : 4) }

    /// Scales the gradient to at most `clip` in norm, updates all weights, and clears the gradient.
    ///
    /// Does nothing to the weights, and keeps the gradient for inspection, if the norm is not finite.
    /// - Parameters:
    ///   - step: 1 for the first update.
    ///   - clip: greatest Euclidean norm of the whole gradient; `nil` for none.
    /// - Returns: the norm before clipping.
    @discardableResult
    public func update(_ adam: Adam, step: Int, rate: Float, clip: Double?, compute: Compute) -> Double {
        guard let training else { preconditionFailure("a network without gradients cannot be updated") }
        let norm = compute.norm(training.gradients.start, count: training.gradients.count)
        guard norm.isFinite else { return norm }
        var scale = 1.0
        if let clip, norm > clip { scale = clip / norm }
        adam.update(
            weights: values.start, gradients: training.gradients.start, firstMoments: training.firstMoments.start,
            secondMoments: training.secondMoments.start, count: values.count, step: step, rate: rate,
            scale: Float(scale), compute: compute)
        return norm
    }
}

extension ParameterStore {
    /// Whether every weight of `parameter` is a number.
    public func isFinite(_ parameter: Parameter) -> Bool {
        Vector.isFinite(value(parameter).start, count: parameter.count)
    }
}
