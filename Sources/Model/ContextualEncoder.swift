public import Kernels
public import Layers
public import Parallel

/// The whole encoder: its directions, each a model of its own, side by side on the threads of one pool.
public final class ContextualEncoder {
    public let configuration: EncoderConfiguration
    /// In the order of `configuration.directions`.
    public let directions: [DirectionModel]
    private let pool: ThreadPool

    /// - Parameters:
    ///   - capacity: the largest window or batch of sentences it will see.
    ///   - training: how it will be trained; `nil` if it will not.
    public init(
        _ configuration: EncoderConfiguration, capacity: WindowCapacity, training: (any Optimizer)?, pool: ThreadPool
    ) {
        self.configuration = configuration
        self.pool = pool
        directions = configuration.directions.map {
            DirectionModel($0, configuration, capacity: capacity, training: training, compute: Compute(pool: pool))
        }
    }

    public func initialize(seed: UInt64) { for model in directions { model.initialize(seed: seed) } }

    /// Runs `body` for every direction, by its index: at once where there are threads, or one after the other, each on
    /// all threads. What a direction computes does not depend on the other, nor on the threads.
    public func forEachDirection(sideBySide: Bool = true, _ body: (Int) -> Void) {
        if sideBySide {
            pool.forEach(directions.count) { body($0) }
        } else {
            for index in directions.indices { body(index) }
        }
    }

    /// The same without any allocation: `task` gets `context` and the index.
    public func forEachDirection(sideBySide: Bool, context: UnsafeRawPointer, _ task: ThreadPool.Task) {
        if sideBySide {
            pool.forEach(directions.count, context: context, task)
        } else {
            for index in directions.indices { task(context, index) }
        }
    }

    /// Trainable weights of all directions.
    public var parameterCount: Int { directions.reduce(0) { $0 + $1.parameters.layout.count } }

    // MARK: - Inference

    public var layerCount: Int { directions.first?.layerCount ?? 0 }

    /// Width of a layer's output, all directions side by side.
    public var layerWidth: Int { directions.count * configuration.projection }

    /// Runs a batch of sentences through all directions, each from the zero state.
    ///
    /// - Parameters:
    ///   - inputs: for each direction its input [rows, inputSize], time-major; sentences longest first, reversed for
    ///     the backward direction.
    ///   - shape: with the sentences' lengths.
    public func encode(_ inputs: [Matrix], shape: WindowShape) {
        precondition(inputs.count == directions.count)
        pool.forEach(directions.count) { directions[$0].encode(inputs[$0], shape: shape) }
    }

    /// Copies what layer `layer` gave for sentence `index` of the last batch, in the order of its text.
    /// - Parameter target: [length, layerWidth]: the directions' outputs side by side.
    public func copyLayer(
        _ layer: Int, sentence index: Int, length: Int, shape: WindowShape, into target: UnsafeMutablePointer<Float>
    ) {
        let width = configuration.projection
        for (position, model) in directions.enumerated() {
            let output = model.layerOutput(layer, shape: shape)
            for token in 0..<length {
                let step = model.direction == .forward ? token : length - 1 - token
                (target + token * layerWidth + position * width)
                    .update(from: output.row(step * shape.batch + index), count: width)
            }
        }
    }
}
