internal import Files
public import Kernels
internal import Layers
internal import Model
internal import Parallel

/// A benchmark of single layers, namely recurrent ones and those that are expensive for large vocabularies: the forward and backward
/// pass over a window's words, without the optimiser.
public struct LayerBenchmark: Sendable {
    /// A layer to measure.
    public enum Layer: String, CaseIterable, Sendable {
        /// The continuous output, and the full softmax.
        case continuous, softmax
        /// The sampled softmax.
        case sampledSoftmax = "sampled-softmax"
        /// The adaptive softmax.
        case adaptiveSoftmax = "adaptive-softmax"
        /// The character encoder.
        case characters
        /// Layers with elementwise recurrences.
        case qrnn, sru

        /// True for layers that have no vocabulary, and are as wide as their inputs.
        public var isRecurrent: Bool { self == .qrnn || self == .sru }
    }

    /// The measurements of a layer.
    public struct Result: Sendable {
        /// The seconds of each run, after one that does not count.
        public let seconds: [Double]
        /// The fraction of the time of all runs that the products of a recurrent layer take.
        public let productShare: Double
    }

    /// The layer to measure.
    public var layer: Layer
    /// The number of words of the vocabulary or, for `characters`, of distinct words of the window. Recurrent layers have none.
    public var classes: Int
    /// The number of positions of a window.
    public var rows = 2560
    /// The width of the encoder's output, and of a recurrent layer.
    public var width = 512
    /// The number of sequences side by side in a recurrent layer, which makes `rows` / `batch` steps.
    public var batch = 128
    /// The number of sampled words of the sampled softmax.
    public var negatives = 8192
    /// The largest memory of logits in bytes.
    public var logitsBytes = 512 << 20
    /// The words that `characters` reads; there must be at least `classes` of them.
    public var words: [String] = []
    private let threads: Int
    /// The number of runs.
    public var runs = 5
    /// The kernels to use.
    public var kernels = ProcessorKernels.fastest
    /// The width of a target of `continuous`.
    private static let vectorSize = 300

    /// Makes a benchmark of a layer.
    public init(_ layer: Layer, classes: Int, threads: Int) {
        self.layer = layer
        self.classes = classes
        self.threads = threads
    }

    /// The cut-offs of the adaptive softmax, which are smaller for a vocabulary of less than 400,000 words.
    public var cutoffs: [Int] { classes >= 400_000 ? [40_000, 200_000] : [max(1, classes / 20), max(2, classes / 4)] }

    /// The reason why these sizes make no layer, or need more memory than the process may have; `nil` if there is none.
    public var complaint: String? {
        if layer.isRecurrent && rows % batch != 0 { return "\(rows) positions are not so many steps of \(batch) sequences" }
        if layer == .sampledSoftmax && negatives >= classes { return "\(negatives) negatives of \(classes) classes" }
        if layer == .characters && words.count < classes { return "\(classes) distinct words of \(words.count) in the file" }
        if layer == .adaptiveSoftmax,
            let complaint = AdaptiveSoftmaxOutput.complaint(cutoffs: cutoffs, classes: classes) {
            return complaint
        }
        if bytes > Self.usableShare * Double(memoryLimit()) {
            let beside = layer.isRecurrent ? "" : " and \(classes) \(layer == .characters ? "words" : "classes")"
            return "\(rows) rows of \(width) numbers\(beside) take more memory than there is"
        }
        return nil
    }

    /// The fraction of the memory that a layer may take; the rest is for the program and its threads.
    private static let usableShare = 0.9

    /// The memory of the layer in bytes: weights and gradients, logits, and everything with rows.
    private var bytes: Double {
        let plan = declared(ProcessorBackend()).plan
        let bill = plan.bill + plan.own.bill(training: NoOptimizer(), names: 1)
        // The gradient of touched rows grows by doubling.
        let touched = layer == .sampledSoftmax ? 3 * min(classes, negatives + rows) * (width + 1) : 0
        return bill.reduce(4 * Double(touched)) { $0 + Double($1.bytes) }
    }

    /// Measures the layer.
    public func run() -> Result {
        let backend = ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels)
        let (plan, prepare) = declared(backend)
        let parameters = ParameterStore(plan.own, training: NoOptimizer(), backend: backend)
        let run = Run(parameters, memory: PassMemory(plan), backend: backend, mode: .training(seed: 1, step: 0))
        let pass = prepare(run, parameters)
        func products() -> Double { Phase.allCases.filter(\.isProduct).reduce(0) { $0 + backend.phaseTimes[$1] } }
        func timed(_ step: Int) -> Double {
            let time = seconds { pass(step) }
            parameters.clearSparseGradients()
            return time
        }
        _ = timed(0)
        let before = products(), times = (1...runs).map(timed)
        return Result(seconds: times, productShare: (products() - before) / times.reduce(0, +))
    }

    /// A function that prepares the passes of a layer, and returns a function that makes the pass with a given number.
    private typealias Preparation = (Run, ParameterStore) -> (_ step: Int) -> Void

    private func declared(_ backend: ProcessorBackend) -> (plan: Plan, prepare: Preparation) {
        let capacity = WindowCapacity(batch: layer.isRecurrent ? batch : 1, rows: rows)
        var plan = Plan(backend, capacity: capacity, isTraining: true)
        let prepare = layer.isRecurrent ? declareRecurrent(in: &plan)
            : layer == .characters ? declareCharacters(in: &plan) : declareOutput(in: &plan)
        return (plan, prepare)
    }

    private func declareOutput(in plan: inout Plan) -> Preparation {
        let output: any OutputLayer = switch layer {
        case .continuous, .characters, .qrnn, .sru:
            ContinuousOutput(
                "output", inputs: width, outputs: Self.vectorSize, loss: Distance.cosine, rows: rows, in: &plan)
        case .softmax:
            SoftmaxOutput("output", inputs: width, classes: classes, rows: rows, logitsBytes: logitsBytes, in: &plan)
        case .sampledSoftmax:
            SampledSoftmaxOutput(
                "output", inputs: width, classes: classes, negatives: negatives, rows: rows, logitsBytes: logitsBytes,
                in: &plan)
        case .adaptiveSoftmax:
            AdaptiveSoftmaxOutput(
                "output", inputs: width, classes: classes, cutoffs: cutoffs, rows: rows, logitsBytes: logitsBytes, in: &plan)
        }
        // Words follow Zipf's law, as the sampler assumes.
        let sampler = LogUniformSampler(classes: classes, count: 1, in: &plan)
        let (states, gradient) = (plan.matrix(rows: rows, columns: width), plan.matrix(rows: rows, columns: width))
        let vectors = plan.matrix(rows: rows, columns: Self.vectorSize)
        let numbers = plan.numbers(rows), loss = plan.scalars(1)
        return { run, parameters in
            var random = Random(seed: 1, stream: "layers")
            output.initialize(parameters, random: &random)
            for slot in [states, vectors] { fill(run.matrix(slot, rows: rows), &random) }
            let targets = run.numbers(numbers)
            for row in 0..<rows { targets[row] = Int32(sampler.draw(&random)) }
            return { step in
                output.accumulate(
                    run.matrix(states, rows: rows),
                    layer == .continuous ? .vectors(run.matrix(vectors, rows: rows)) : .classes(targets), weights: nil,
                    draw: Draw(seed: 1, step: step), statesGradient: run.matrix(gradient, rows: rows), loss: run.scalars(loss),
                    run)
            }
        }
    }

    private func declareCharacters(in plan: inout Plan) -> Preparation {
        let input = CharacterInput("input", shape: .elmo, outputs: width, words: max(rows, classes), in: &plan)
        let slot = plan.matrix(rows: rows, columns: width)
        return { run, parameters in
            var random = Random(seed: 1, stream: "layers")
            input.initialize(parameters, random: &random)
            let batch = SpellingBatch(rows: max(rows, classes), longest: CharacterInput.Shape.elmo.longest)
            for word in words.prefix(classes) {
                _ = Array(word.utf8).withUnsafeBytes { batch.append(.spelled($0)) }
            }
            for row in 0..<rows { batch.places[row] = Int32(row % classes) }
            let gradient = run.matrix(slot, rows: rows), shape = WindowShape(steps: rows, batch: 1)
            fill(gradient, &random)
            return { _ in
                _ = input.forward(.spellings(batch.spellings), shape, run)
                input.backward(
                    .spellings(batch.spellings), outputGradient: gradient, inputGradient: nil, adding: false, shape, run)
            }
        }
    }

    private func declareRecurrent(in plan: inout Plan) -> Preparation {
        let recurrent: any RecurrentLayer = layer == .qrnn
            ? QRNN("layer", inputs: width, options: QRNN.Options(cell: width), in: &plan)
            : SRU("layer", inputs: width, options: SRU.Options(cell: width), in: &plan)
        let shape = WindowShape(steps: rows / batch, batch: batch)
        let (input, slopes) = (plan.matrix(rows: rows, columns: width), plan.matrix(rows: rows, columns: width))
        let inputGradient = plan.matrix(rows: rows, columns: width)
        return { run, parameters in
            var random = Random(seed: 1, stream: "layers")
            recurrent.initialize(parameters, random: &random)
            for slot in [input, slopes] { fill(run.matrix(slot, rows: rows), &random) }
            return { _ in
                let input = run.matrix(input, rows: rows)
                _ = recurrent.forward(input, shape, run)
                recurrent.backward(
                    input, outputGradient: run.matrix(slopes, rows: rows), inputGradient: run.matrix(inputGradient, rows: rows),
                    adding: false, shape, run)
            }
        }
    }

    private func fill(_ matrix: Matrix, _ random: inout Random) {
        matrix.copy(from: (0..<matrix.rows * matrix.columns).map { _ in Float(random.uniform() - 0.5) })
    }
}

/// An optimiser without moments, so that large layers fit in memory.
private struct NoOptimizer: Optimizer {
    var momentNames: [String] { [] }
    var initialMoment: Float { 0 }

    func update(_ run: WeightRun, _ step: OptimizerStep, on backend: any Backend) {
        preconditionFailure("these weights are only measured")
    }
}
