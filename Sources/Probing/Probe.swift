public import Kernels
import Layers

/// A test of the frozen vectors of an encoder in a labelled task: a linear classifier for every token, on a mix of the
/// layers that it learns (Peters et al. 2018, equation 1), and nothing else that could learn.
///
/// Adam makes the mean cross-entropy small; after each epoch the held-out sentences are scored, and the best epoch's
/// classifier, the first of equals, is the one that is tested.
public struct Probe: Sendable {
    public var epochs = 10

    // The same for all systems and tasks.
    /// Tokens of a step: few, so that a text of some hundred sentences makes steps enough in as many epochs.
    public static let batch = 32
    /// The rate of the first step; it falls in a straight line to nothing after the last.
    public static let rate = 2e-3
    /// Decoupled, of the classifier's matrix.
    public static let weightDecay = 0.01

    public init() {}

    public struct Result: Sendable, Equatable {
        /// The score on the test text.
        public let score: ProbeScore
        /// The share of each layer, from the input layer on, and the factor of the mix.
        public let layerShares: [Double]
        public let gamma: Double
        /// The number of the best epoch, from 1.
        public let epoch: Int
    }

    /// Fits a classifier and tests it.
    /// - Parameters:
    ///   - training, test: the standardised features of the task's texts.
    ///   - seed: the seed of the first weights and of the order of tokens.
    public func run(
        _ task: ProbeTask, training: ProbeFeatures, test: ProbeFeatures, seed: UInt64, _ compute: ProcessorBackend
    ) -> Result {
        var random = Random(seed: seed, stream: "probe")
        let classifier = LayerClassifier(
            layers: training.layers, width: training.width, classes: task.classes, rows: Self.batch, random: &random, compute)
        let heldOut = task.heldOut.flatMap { Array($0) }
        var order = task.fitted
        let steps = epochs * ((order.count + Self.batch - 1) / Self.batch)
        var step = 0, best: (value: Double, epoch: Int)?
        for epoch in 1...epochs {
            random.shuffle(&order)
            for start in stride(from: 0, to: order.count, by: Self.batch) {
                let rate = Self.rate * Double(steps - step) / Double(steps)
                step += 1
                classifier.train(
                    training, tokens: order[start..<min(start + Self.batch, order.count)], labels: task.training.targets,
                    rate: Float(rate), decay: Float(Self.weightDecay))
            }
            let score = task.score(classifier.predict(training, tokens: heldOut), task.heldOut, of: task.training)
            if score.value > best?.value ?? -1 {
                best = (score.value, epoch)
                classifier.keep()
            }
        }
        classifier.restore()
        let predictions = classifier.predict(test, tokens: Array(0..<test.tokens))
        return Result(
            score: task.score(predictions, task.test.sentences, of: task.test), layerShares: classifier.layerShares,
            gamma: classifier.gamma, epoch: best?.epoch ?? epochs)
    }
}

/// A linear classifier of tokens on a learned mix of their layers: softmax(W y + b), y the `ScalarMix`.
final class LayerClassifier {
    private let mix: ScalarMix
    private let output: SoftmaxOutput
    private let parameters: ParameterStore
    /// The weights that were kept, of the same layout.
    private let kept: ParameterStore
    private let run: Run
    private let rows, classes: Int
    /// [rows, layers x width], [rows, width], [rows, classes]
    private let input, gradient, logits: MatrixSlot
    /// [rows]: the tokens and the classes of a step.
    private let tokens, targets: Numbers
    private let loss: ScalarSlot
    private var step = 0

    /// - Parameter rows: the most tokens of a step.
    init(layers: Int, width: Int, classes: Int, rows: Int, random: inout Random, _ backend: any Backend) {
        self.rows = rows
        self.classes = classes
        var plan = Plan(backend, capacity: WindowCapacity(batch: rows, rows: rows), isTraining: true)
        mix = ScalarMix("mix", layers: layers, width: width, rows: rows, in: &plan)
        output = SoftmaxOutput("classifier", inputs: width, classes: classes, rows: rows, in: &plan)
        input = plan.matrix(rows: rows, columns: layers * width)
        gradient = plan.matrix(rows: rows, columns: width)
        logits = plan.matrix(rows: rows, columns: classes)
        let (tokenSlot, targetSlot) = (plan.numbers(rows), plan.numbers(rows))
        loss = plan.scalars(1)
        parameters = ParameterStore(plan.own, training: Adam(), backend: backend)
        kept = ParameterStore(plan.own, training: nil, backend: backend)
        run = Run(parameters, memory: PassMemory(plan), backend: backend)
        (tokens, targets) = (run.numbers(tokenSlot), run.numbers(targetSlot))
        mix.initialize(parameters, random: &random)
        output.initialize(parameters, random: &random)
    }

    /// The share of each layer in the mix, [layers], and the factor of it all.
    var layerShares: [Double] { mix.layerShares(run) }
    var gamma: Double { Double(run.backend.read(parameters.value(mix.gain))[0]) }

    func keep() { kept.copyValues(of: parameters) }
    func restore() { parameters.copyValues(of: kept) }

    /// A step of Adam on the mean loss of `tokens`, at most `rows`.
    /// - Parameter labels: [tokens of the features], the class of each.
    func train(_ features: ProbeFeatures, tokens: ArraySlice<Int>, labels: [Int32], rate: Float, decay: Float) {
        let input = gather(features, tokens), shape = WindowShape(steps: 1, batch: tokens.count)
        let mixed = mix.forward(input, shape, run), gradient = run.matrix(gradient, rows: tokens.count)
        for (row, token) in tokens.enumerated() { targets[row] = labels[token] }
        step += 1
        output.accumulate(
            mixed, .classes(targets), weights: nil, draw: Draw(seed: 0, step: step), statesGradient: gradient,
            loss: run.scalars(loss), run)
        mix.backward(input, outputGradient: gradient, inputGradient: nil, adding: false, shape, run)
        var update = ParameterStore.Update(step: step, rate: rate, clip: nil)
        update.weightDecay = decay
        parameters.update(update)
    }

    /// The likeliest class of each of `tokens`; the first of equals.
    func predict(_ features: ProbeFeatures, tokens: [Int]) -> [Int32] {
        var predictions: [Int32] = []
        predictions.reserveCapacity(tokens.count)
        for start in stride(from: 0, to: tokens.count, by: rows) {
            let part = tokens[start..<min(start + rows, tokens.count)]
            let mixed = mix.forward(gather(features, part), WindowShape(steps: 1, batch: part.count), run)
            let logits = run.matrix(logits, rows: part.count)
            run.backend.multiply(mixed, parameters.value(output.softmax.weight).transposed, into: logits)
            if let bias = output.softmax.bias { run.backend.addRow(parameters.value(bias), to: logits) }
            let values = run.backend.read(logits)
            for row in 0..<part.count {
                var best = 0
                for label in 1..<max(1, classes) where values[row * classes + label] > values[row * classes + best] { best = label }
                predictions.append(Int32(best))
            }
        }
        return predictions
    }

    /// The layers of tokens.
    private func gather(_ features: ProbeFeatures, _ tokens: ArraySlice<Int>) -> Matrix {
        let input = run.matrix(input, rows: tokens.count)
        for (row, token) in tokens.enumerated() { self.tokens[row] = Int32(token) }
        run.backend.gather(self.tokens, of: features.matrix, into: input)
        return input
    }
}
