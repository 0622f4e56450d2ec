internal import Files
internal import Kernels
internal import Layers
internal import Model
internal import Parallel

/// The layers that a vocabulary makes dear, alone: a window's words forth and back, without the optimiser.
public struct LayerBenchmark: Sendable {
    public enum Layer: String, CaseIterable, Sendable {
        case continuous, softmax
        case sampledSoftmax = "sampled-softmax"
        case adaptiveSoftmax = "adaptive-softmax"
        case characters
    }

    public var layer: Layer
    /// Words of the vocabulary; of `characters`, distinct words of the window.
    public var classes: Int
    /// Positions of a window.
    public var rows = 2560
    /// Of the encoder's output.
    public var width = 512
    public var negatives = 8192
    /// Of the adaptive softmax; `nil`: 40,000 and 200,000, or less of a smaller vocabulary.
    public var cutoffs: [Int]?
    public var logitsBytes = 512 << 20
    /// Of `characters`: words to read, at least `classes` of them.
    public var words: [String] = []
    public var threads: Int
    public var runs = 5

    public init(_ layer: Layer, classes: Int, threads: Int) {
        self.layer = layer
        self.classes = classes
        self.threads = threads
    }

    /// The cut-offs used.
    public var effectiveCutoffs: [Int] {
        cutoffs ?? (classes >= 400_000 ? [40_000, 200_000] : [max(1, classes / 20), max(2, classes / 4)])
    }

    /// Why these sizes make no layer; `nil` if they do.
    public var complaint: String? {
        if layer == .sampledSoftmax && negatives >= classes { return "\(negatives) negatives of \(classes) classes" }
        if layer == .characters && words.count < classes { return "\(classes) distinct words of \(words.count) in the file" }
        // Weights, their gradient, and logits.
        let needed = layer == .characters ? 0 : 8 * Double(classes) * Double(width) + Double(logitsBytes)
        if needed > Double(memoryLimit()) { return "\(classes) classes take more memory than there is" }
        return nil
    }

    /// Seconds of each run, after one that is not counted.
    public func run() -> [Double] { layer == .characters ? runCharacters() : runOutput() }

    private func runOutput() -> [Double] {
        var layout = ParameterLayout()
        let output: any OutputLayer = switch layer {
        case .continuous, .characters:
            ContinuousOutput("output", inputs: width, outputs: 300, loss: CosineLoss(), rows: rows, in: &layout)
        case .softmax:
            SoftmaxOutput("output", inputs: width, classes: classes, rows: rows, logitsBytes: logitsBytes, in: &layout)
        case .sampledSoftmax:
            SampledSoftmaxOutput(
                "output", inputs: width, classes: classes, negatives: negatives, rows: rows, logitsBytes: logitsBytes,
                in: &layout)
        case .adaptiveSoftmax:
            AdaptiveSoftmaxOutput(
                "output", inputs: width, classes: classes, cutoffs: effectiveCutoffs, rows: rows, logitsBytes: logitsBytes,
                in: &layout)
        }
        let parameters = ParameterStore(layout, training: NoOptimizer())
        var random = Random(seed: 1, stream: "layers")
        output.initialize(parameters, random: &random)
        let states = FloatBuffer(count: rows * width), gradient = FloatBuffer(count: rows * width)
        for index in 0..<states.count { states.start[index] = Float(random.uniform() - 0.5) }
        let vectors = FloatBuffer(count: rows * 300)
        for index in 0..<vectors.count { vectors.start[index] = Float(random.uniform() - 0.5) }
        // Words follow Zipf's law, as the sampler takes for granted.
        let sampler = LogUniformSampler(classes: classes, count: 1)
        let targets = (0..<rows).map { _ in
            sampler.draw(&random)
            return sampler.drawn[0]
        }
        let compute = Compute(pool: ThreadPool(threads: threads))
        return targets.withUnsafeBufferPointer { targets in
            measure(parameters) { step in
                _ = output.accumulate(
                    Matrix(states, rows: rows, columns: width),
                    layer == .continuous
                        ? .vectors(Matrix(vectors, rows: rows, columns: 300)) : .classes(targets.baseAddress!),
                    weights: nil, draw: Draw(seed: 1, step: step), statesGradient: Matrix(gradient, rows: rows, columns: width),
                    parameters, compute)
            }
        }
    }

    private func runCharacters() -> [Double] {
        var layout = ParameterLayout()
        let input = CharacterInput("input", shape: .elmo, outputs: width, rows: max(rows, classes), training: true, in: &layout)
        let parameters = ParameterStore(layout, training: NoOptimizer())
        var random = Random(seed: 1, stream: "layers")
        input.initialize(parameters, random: &random)
        let batch = SpellingBatch(rows: max(rows, classes))
        for word in words.prefix(classes) {
            _ = Array(word.utf8).withUnsafeBytes { batch.append(.spelled($0)) }
        }
        for row in 0..<rows { batch.places[row] = Int32(row % classes) }
        let output = FloatBuffer(count: rows * width), gradient = FloatBuffer(count: rows * width)
        for index in 0..<gradient.count { gradient.start[index] = Float(random.uniform() - 0.5) }
        let compute = Compute(pool: ThreadPool(threads: threads))
        return measure(parameters) { _ in
            input.forward(
                .spellings(batch.spellings), into: Matrix(output, rows: rows, columns: width), parameters, compute)
            input.backward(
                .spellings(batch.spellings), outputGradient: Matrix(gradient, rows: rows, columns: width), parameters,
                compute)
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

/// Keeps no moments: large layers alone fit in memory then.
private struct NoOptimizer: Optimizer {
    var momentNames: [String] { [] }
    var initialMoment: Float { 0 }

    func update(_ run: WeightRun, _ step: OptimizerStep, compute: Compute) {
        preconditionFailure("these weights are only measured")
    }
}
