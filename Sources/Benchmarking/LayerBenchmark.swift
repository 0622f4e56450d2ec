internal import Files
public import Kernels
internal import Layers
internal import Model
internal import Parallel

/// A benchmark of single layers that are expensive for large vocabularies: a window's words forth and back, without the
/// optimiser.
public struct LayerBenchmark: Sendable {
    public enum Layer: String, CaseIterable, Sendable {
        case continuous, softmax
        case sampledSoftmax = "sampled-softmax"
        case adaptiveSoftmax = "adaptive-softmax"
        case characters
    }

    public var layer: Layer
    /// The number of words of the vocabulary; of `characters`, of distinct words of the window.
    public var classes: Int
    /// The number of positions of a window.
    public var rows = 2560
    /// The width of the encoder's output.
    public var width = 512
    public var negatives = 8192
    public var logitsBytes = 512 << 20
    /// The words that `characters` reads, at least `classes` of them.
    public var words: [String] = []
    private let threads: Int
    public var runs = 5
    public var kernels = ProcessorKernels.fastest
    /// The width of a target of `continuous`.
    private static let vectorSize = 300

    public init(_ layer: Layer, classes: Int, threads: Int) {
        self.layer = layer
        self.classes = classes
        self.threads = threads
    }

    /// The cut-offs of the adaptive softmax: smaller ones for a vocabulary of less than 400,000 words.
    public var cutoffs: [Int] { classes >= 400_000 ? [40_000, 200_000] : [max(1, classes / 20), max(2, classes / 4)] }

    /// Why these sizes make no layer, or take more memory than the process may have; `nil` if they do not.
    public var complaint: String? {
        if layer == .sampledSoftmax && negatives >= classes { return "\(negatives) negatives of \(classes) classes" }
        if layer == .characters && words.count < classes { return "\(classes) distinct words of \(words.count) in the file" }
        if layer == .adaptiveSoftmax,
            let complaint = AdaptiveSoftmaxOutput.complaint(cutoffs: cutoffs, classes: classes) {
            return complaint
        }
        if bytes > Self.usableShare * Double(memoryLimit()) {
            return "\(rows) rows of \(width) numbers and \(classes) \(layer == .characters ? "words" : "classes") take more "
                + "memory than there is"
        }
        return nil
    }

    /// The share of the memory that a layer may take; the rest is the program's, and its threads'.
    private static let usableShare = 0.9

    /// An estimate of the bytes that the layer takes, and not too few: weights and gradients, logits, and all that has rows.
    private var bytes: Double {
        let classes = Double(classes), rows = Double(rows), width = Double(width), negatives = Double(negatives)
        // States and gradient, and both again where a layer gathers or scales them; the vectors of all, and of targets.
        let window = 4 * rows * (6 * width + 3 * Double(Self.vectorSize))
        switch layer {
        case .continuous:
            return window + 8 * width * Double(Self.vectorSize)
        case .softmax:
            return window + 8 * classes * (width + 1) + logits(classes)
        case .sampledSoftmax:
            // Gradients of the rows touched grow by doubling; what was drawn lies together, with its gradient.
            return window + 4 * classes * (width + 3) + 4 * (3 * min(classes, negatives + rows) + 2 * negatives) * (width + 1)
                + logits(classes)
        case .adaptiveSoftmax:
            let ends = cutoffs.map(Double.init) + [classes]
            let clusters = zip(ends, ends.dropFirst()).enumerated().reduce(0) {
                $0 + ($1.element.1 - $1.element.0 + width) * width / Double(1 << (2 * ($1.offset + 1)))
            }
            return window + 8 * ((ends[0] + Double(ends.count)) * width + clusters) + logits(classes)
        case .characters:
            // 16 numbers a letter, 2048 features a word, ELMo's filters and highways, the projection.
            let words = max(rows, classes)
            return window + 4 * words * (2 * 60 * 16 + 14 * 2048 + 2 * width) + 8 * 2048 * (width + 12 * 2048)
        }
    }

    private func logits(_ classes: Double) -> Double {
        min(4 * classes * Double(rows), max(4 * classes * 32, Double(logitsBytes)))
    }

    /// Returns the seconds of each run, after one that is not counted.
    public func run() -> [Double] { layer == .characters ? runCharacters() : runOutput() }

    private func runOutput() -> [Double] {
        let backend = ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels)
        var plan = Plan(backend, capacity: WindowCapacity(batch: 1, rows: rows), isTraining: true)
        let output: any OutputLayer = switch layer {
        case .continuous, .characters:
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
                "output", inputs: width, classes: classes, cutoffs: cutoffs, rows: rows, logitsBytes: logitsBytes,
                in: &plan)
        }
        // Words follow Zipf's law, as the sampler takes for granted.
        let sampler = LogUniformSampler(classes: classes, count: 1, in: &plan)
        let (states, gradient) = (plan.matrix(rows: rows, columns: width), plan.matrix(rows: rows, columns: width))
        let vectors = plan.matrix(rows: rows, columns: Self.vectorSize)
        let numbers = plan.numbers(rows), loss = plan.scalars(1)
        let (run, parameters) = pass(plan, backend)
        var random = Random(seed: 1, stream: "layers")
        output.initialize(parameters, random: &random)
        for slot in [states, vectors] { fill(run.matrix(slot, rows: rows), &random) }
        let targets = run.numbers(numbers)
        for row in 0..<rows { targets[row] = Int32(sampler.draw(&random)) }
        return measure(parameters) { step in
            output.accumulate(
                run.matrix(states, rows: rows),
                layer == .continuous ? .vectors(run.matrix(vectors, rows: rows)) : .classes(targets), weights: nil,
                draw: Draw(seed: 1, step: step), statesGradient: run.matrix(gradient, rows: rows), loss: run.scalars(loss),
                run)
        }
    }

    private func pass(_ plan: Plan, _ backend: ProcessorBackend) -> (Run, ParameterStore) {
        let parameters = ParameterStore(plan.own, training: NoOptimizer(), backend: backend)
        return (Run(parameters, memory: PassMemory(plan), backend: backend, mode: .training(seed: 1, step: 0)), parameters)
    }

    private func fill(_ matrix: Matrix, _ random: inout Random) {
        matrix.copy(from: (0..<matrix.rows * matrix.columns).map { _ in Float(random.uniform() - 0.5) })
    }

    private func runCharacters() -> [Double] {
        let backend = ProcessorBackend(pool: ThreadPool(threads: threads), kernels: kernels)
        var plan = Plan(backend, capacity: WindowCapacity(batch: 1, rows: rows), isTraining: true)
        let input = CharacterInput("input", shape: .elmo, outputs: width, words: max(rows, classes), in: &plan)
        let slot = plan.matrix(rows: rows, columns: width)
        let (run, parameters) = pass(plan, backend)
        var random = Random(seed: 1, stream: "layers")
        input.initialize(parameters, random: &random)
        let batch = SpellingBatch(rows: max(rows, classes), longest: CharacterInput.Shape.elmo.longest)
        for word in words.prefix(classes) {
            _ = Array(word.utf8).withUnsafeBytes { batch.append(.spelled($0)) }
        }
        for row in 0..<rows { batch.places[row] = Int32(row % classes) }
        let gradient = run.matrix(slot, rows: rows), shape = WindowShape(steps: rows, batch: 1)
        fill(gradient, &random)
        return measure(parameters) { _ in
            _ = input.forward(.spellings(batch.spellings), shape, run)
            input.backward(
                .spellings(batch.spellings), outputGradient: gradient, inputGradient: nil, adding: false, shape, run)
        }
    }

    private func measure(_ parameters: ParameterStore, _ pass: (Int) -> Void) -> [Double] {
        (0...runs).map { run in
            let time = seconds { pass(run) }
            parameters.clearSparseGradients()
            return time
        }.dropFirst().map { $0 }
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
