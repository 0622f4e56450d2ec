internal import Files
public import Kernels
public import Layers
public import Parallel

/// The whole encoder: its directions, each a model of its own, side by side on the threads of one pool.
public final class ContextualEncoder {
    public let configuration: EncoderConfiguration
    /// In the order of `configuration.directions`.
    public let directions: [DirectionModel]
    let hasOutput: Bool
    /// The units of a model that reads units of words, in the order of their numbers, marks first. Kept in its file.
    public var units: [String] = []
    /// The record of its training; several records if its directions were trained apart. Kept in its file.
    public var records: [TrainingRecord] = []
    /// The file that the weights lie in, if they do.
    var file: MappedFile?
    /// The digest in that file.
    var fileDigest: String?
    public let pool: ThreadPool
    private var sharedNorm = 0.0

    /// - Parameters:
    ///   - capacity: the largest window or batch of sentences it will see.
    ///   - training: how it will be trained; `nil` if it will not.
    ///   - hasOutput: whether it will predict; encoding needs no output layers.
    ///   - kernels: one of `ProcessorKernels.available`.
    ///   - backends: of a device, one for each direction, or one if the directions share layers; none: the processor computes.
    public init(
        _ configuration: EncoderConfiguration, capacity: WindowCapacity, training: (any Optimizer)?,
        hasOutput: Bool = true, pool: ThreadPool, kernels: ProcessorKernels = .fastest, backends: [any Backend] = []
    ) {
        self.hasOutput = hasOutput
        self.configuration = configuration
        self.pool = pool
        var directions: [DirectionModel] = []
        for (index, direction) in configuration.directions.enumerated() {
            let backend = backends.isEmpty
                ? ProcessorBackend(pool: pool, kernels: kernels) : backends[configuration.sharesLayers ? 0 : index]
            directions.append(
                DirectionModel(
                    direction, configuration, capacity: capacity, training: training, hasOutput: hasOutput,
                    backend: backend, sharing: directions.first))
        }
        self.directions = directions
    }

    /// All weights: of each direction, then of the layers that they share.
    public var stores: [ParameterStore] {
        directions.map(\.parameters) + [directions.first?.sharedParameters].compactMap { $0 }
    }

    /// The steps of a sequence that the encoder sees at once at most; `nil`: any number, because it carries a state on.
    public var longestSequence: Int? { configuration.encoder.family.longestSequence }

    /// The backends of all directions, in their order.
    public var backends: [any Backend] { directions.map(\.backend) }

    public func initialize(seed: UInt64) { for model in directions { model.initialize(seed: seed) } }

    /// True if directions can be trained side by side: not if they add to the same gradients. On a device they run side by side
    /// when they are started one after the other.
    @usableFromInline var isDivisible: Bool { !configuration.sharesLayers && directions[0].backend.computesInHostMemory }

    /// Runs `job`, which has a task for each direction: at once where there are threads, or one after the other, each on all
    /// threads. What a direction computes does not depend on the other, nor on the threads. Directions that share layers take
    /// turns. Inlined, because a generic function that is not specialised allocates memory.
    @inlinable
    public func runDirections(sideBySide: Bool, _ job: some ParallelJob) {
        precondition(job.tasks == directions.count)
        if sideBySide && isDivisible { pool.run(job) } else { for index in directions.indices { job.run(index) } }
    }

    /// Runs `body` for every direction, by its index, in the same way, with an allocation.
    public func forEachDirection(sideBySide: Bool, _ body: (Int) -> Void) {
        if sideBySide && isDivisible { pool.forEach(directions.count, body) } else { directions.indices.forEach(body) }
    }

    /// Clips the gradient of direction `index`, updates its weights, clears the gradient. Where layers are shared, the
    /// first direction's turn updates everything, by the mean of the directions' losses, and the others give its norm.
    /// - Returns: the norm before clipping; if it is not finite, nothing was updated.
    public func update(_ update: ParameterStore.Update, direction index: Int) -> Double {
        guard let shared = directions[index].sharedParameters else { return directions[index].update(update) }
        guard index == 0 else { return sharedNorm }
        var update = update
        update.windows *= directions.count
        var square = shared.squaredNorm()
        for model in directions { square += model.parameters.squaredNorm() }
        sharedNorm = square.squareRoot() * update.gradientScale
        for model in directions { model.parameters.apply(update, norm: sharedNorm) }
        shared.apply(update, norm: sharedNorm)
        return sharedNorm
    }

    /// Multiplications and additions of all products so far.
    public var operations: Double {
        var sum = 0.0
        // Directions that share layers may share a backend.
        for (index, model) in directions.enumerated() where index == 0 || model.backend !== directions[0].backend {
            sum += model.backend.operations
        }
        return sum
    }

    /// Memory of the optimiser's numbers, and of the gradient of the last update; see `ParameterStore`.
    public var momentBytes: Int { stores.reduce(0) { $0 + $1.momentBytes } }
    public var gradientBytes: Int { stores.reduce(0) { $0 + $1.gradientBytes } }

    /// Trainable weights of all directions.
    public var parameterCount: Int { stores.reduce(0) { $0 + $1.layout.count } }

    // MARK: - Inference

    public var layerCount: Int { directions.first?.layerCount ?? 0 }

    /// Width of a layer's output, all directions side by side.
    public var layerWidth: Int { directions.count * configuration.width }

    /// Packs weights once for all passes to come. For a model that is not trained.
    public func packWeights(_ precision: WeightPrecision = .float32) {
        for model in directions {
            model.packWeights(precision)
            // Each weight is in memory once, not twice.
            file?.release()
        }
    }

    /// True if directions encode side by side, each on a thread: not where there are more threads than directions.
    public var runsSideBySide: Bool { pool.threads <= directions.count && directions[0].backend.computesInHostMemory }

    /// Runs a batch of sentences through all directions, each from the zero state.
    ///
    /// - Parameters:
    ///   - inputs: for each direction its words, time-major; sentences longest first, reversed for the backward direction.
    ///   - shape: with the sentences' lengths.
    public func encode(_ inputs: [InputWords], shape: WindowShape) {
        precondition(inputs.count == directions.count)
        runEachDirection { directions[$0].encode(inputs[$0], shape: shape) }
    }

    /// True if each direction has a stream of a device, which a thread of its own fills: starting operations is most of the host's
    /// work then.
    private var hasStreams: Bool {
        pool.threads > 1 && !directions[0].backend.computesInHostMemory
            && directions.dropFirst().allSatisfy { $0.backend !== directions[0].backend }
    }

    /// Runs `body` for every direction, by its index, in the way that is faster for encoding. Nothing that is shared is
    /// written, so that directions that share layers may run at once.
    public func runEachDirection(_ body: (Int) -> Void) {
        if runsSideBySide || hasStreams { pool.forEach(directions.count, body) } else { directions.indices.forEach(body) }
    }
}
