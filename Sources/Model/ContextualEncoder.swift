internal import Files
public import Kernels
public import Layers
public import Parallel

/// The whole encoder: its directions, each a model of its own, which work in parallel on the threads of one pool.
public final class ContextualEncoder {
    /// Sizes and options of the network.
    public let configuration: EncoderConfiguration
    /// The directions in the order of `configuration.directions`.
    public let directions: [DirectionModel]
    let hasOutput: Bool
    /// Units of a model that reads subwords, in the order of their numbers, marks first. Stored in its file.
    public var units: [String] = []
    /// The record of its training; several if its directions were trained separately. Stored in its file.
    public var records: [TrainingRecord] = []
    /// The file that the weights lie in, if they do.
    var file: MappedFile?
    /// The digest in that file.
    var fileDigest: String?
    /// Threads shared by the directions.
    public let pool: ThreadPool
    private var sharedNorm = 0.0

    /// Allocates the encoder.
    /// - `capacity`: the largest window or batch of sentences it will process.
    /// - `training`: the rule that will update the weights; `nil` if the encoder will not be trained.
    /// - `hasOutput`: whether it will predict; encoding needs no output layers.
    /// - `kernels`: one of `ProcessorKernels.available`.
    /// - `backends`: backends of a device, one for each direction, or a single one if the directions share layers; empty to use the
    ///   processor.
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

    /// All weights: those of each direction, then those of shared layers.
    public var stores: [ParameterStore] {
        directions.map(\.parameters) + [directions.first?.sharedParameters].compactMap { $0 }
    }

    /// Maximum number of steps that the encoder sees at once; `nil` if there is no maximum, because it carries a state.
    public var longestSequence: Int? { configuration.encoder.family.longestSequence }

    /// Backends of all directions, in order.
    public var backends: [any Backend] { directions.map(\.backend) }

    /// Sets random weights. The same seed gives the same weights.
    public func initialize(seed: UInt64) { for model in directions { model.initialize(seed: seed) } }

    /// True if directions can be trained in parallel: not if they add to the same gradients. On a device, they run in parallel when
    /// they are started one after another.
    @usableFromInline var isDivisible: Bool { !configuration.sharesLayers && directions[0].backend.computesInHostMemory }

    /// Runs `job`, which has a task for each direction, either in parallel on the available threads, or one after another on all
    /// threads. A direction's results depend neither on the other direction nor on the threads. Directions that share layers take
    /// turns. Inlined, because an unspecialised generic function allocates memory.
    @inlinable
    public func runDirections(sideBySide: Bool, _ job: some ParallelJob) {
        precondition(job.tasks == directions.count)
        if sideBySide && isDivisible { pool.run(job) } else { for index in directions.indices { job.run(index) } }
    }

    /// Calls `body` with the index of each direction, like `runDirections`; allocates memory.
    public func forEachDirection(sideBySide: Bool, _ body: (Int) -> Void) {
        if sideBySide && isDivisible { pool.forEach(directions.count, body) } else { directions.indices.forEach(body) }
    }

    /// Clips the gradient of direction `index`, updates its weights, and clears the gradient. If layers are shared, the first
    /// direction's call updates everything, by the mean of the directions' losses, and the other calls return the same norm.
    /// - Returns: the norm before clipping. If it is not finite, nothing was updated.
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

    /// Multiplications and additions in all products so far.
    public var operations: Double {
        var sum = 0.0
        // Directions that share layers may share a backend.
        for (index, model) in directions.enumerated() where index == 0 || model.backend !== directions[0].backend {
            sum += model.backend.operations
        }
        return sum
    }

    /// Bytes of the optimiser's numbers; see `ParameterStore`.
    public var momentBytes: Int { stores.reduce(0) { $0 + $1.momentBytes } }
    /// Bytes of the last update's gradient; see `ParameterStore`.
    public var gradientBytes: Int { stores.reduce(0) { $0 + $1.gradientBytes } }

    /// Number of trainable weights of all directions.
    public var parameterCount: Int { stores.reduce(0) { $0 + $1.layout.count } }

    // MARK: - Inference

    /// Number of layers of a direction, including the input layer.
    public var layerCount: Int { directions.first?.layerCount ?? 0 }

    /// Width of a layer's output, with all directions side by side.
    public var layerWidth: Int { directions.count * configuration.width }

    /// Packs weights once for all later passes. For a model that is not trained.
    public func packWeights(_ precision: WeightPrecision = .float32) {
        for model in directions {
            model.packWeights(precision)
            // Keep each weight in memory once rather than twice.
            file?.release()
        }
    }

    /// True if directions encode in parallel, each on one thread: not if there are more threads than directions.
    public var runsSideBySide: Bool { pool.threads <= directions.count && directions[0].backend.computesInHostMemory }

    /// Runs a batch of sentences through all directions, each starting from the zero state.
    ///
    /// - Parameters:
    ///   - inputs: words for each direction, time-major, sorted by descending sentence length, and reversed for the backward
    ///     direction.
    ///   - shape: the shape with the lengths of sentences.
    public func encode(_ inputs: [InputWords], shape: WindowShape) {
        precondition(inputs.count == directions.count)
        runEachDirection { directions[$0].encode(inputs[$0], shape: shape) }
    }

    /// True if each direction has a stream of a device, filled by a thread of its own: most of the host's work is then to start
    /// operations.
    private var hasStreams: Bool {
        pool.threads > 1 && !directions[0].backend.computesInHostMemory
            && directions.dropFirst().allSatisfy { $0.backend !== directions[0].backend }
    }

    /// Calls `body` with the index of each direction, in the way that is faster for encoding. Nothing shared is written, so
    /// directions that share layers may run in parallel.
    public func runEachDirection(_ body: (Int) -> Void) {
        if runsSideBySide || hasStreams { pool.forEach(directions.count, body) } else { directions.indices.forEach(body) }
    }
}
