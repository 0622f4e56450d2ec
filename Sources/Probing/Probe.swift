public import Kernels
import Layers

/// A probe of an encoder's frozen vectors in a labelled task: a linear classifier of every token, on a learned mix of the layers
/// (Peters et al. 2018, equation 1), and nothing else that learns.
///
/// Adam minimises the mean cross-entropy. After each epoch the held-out sentences are scored, and the classifier of the best epoch,
/// the first of equals, is tested.
public struct Probe: Sendable {
    /// Number of epochs.
    public var epochs = 10

    // The same for all systems and tasks.
    /// Tokens in a step; few, so that a text of a few hundred sentences makes enough steps in the same number of epochs.
    public static let batch = 32
    /// Learning rate of the first step, which decreases linearly to 0 after the last.
    public static let rate = 2e-3
    /// Decoupled weight decay of the classifier's matrix.
    public static let weightDecay = 0.01

    /// Creates a probe of 10 epochs.
    public init() {}

    /// The outcome of a probe.
    public struct Result: Sendable, Equatable {
        /// Score on the test text.
        public let score: ProbeScore
        /// Weight of each layer in the mix, starting with the input layer.
        public let layerShares: [Double]
        /// Factor of the mix.
        public let gamma: Double
        /// Number of the best epoch, from 1.
        public let epoch: Int
    }

    /// Fits a classifier and tests it.
    /// - `training`, `test`: standardised features of the task's texts.
    /// - `seed`: seed of the initial weights and of the order of tokens.
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

/// A linear classifier of tokens on a learned mix of their layers: softmax(W y + b), where y is the `ScalarMix`.
final class LayerClassifier {
    private let mix: ScalarMix
    private let output: SoftmaxOutput
    private let parameters: ParameterStore
    /// The saved weights, with the same layout.
    private let kept: ParameterStore
    private let run: Run
    private let rows, classes: Int
    /// [rows, layers x width], [rows, width], [rows, classes].
    private let input, gradient, logits: MatrixSlot
    /// Tokens and classes of a step, [rows].
    private let tokens, targets: Numbers
    private let loss: ScalarSlot
    private var step = 0

    /// - Parameter rows: maximum number of tokens in a step.
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

    /// Weight of each layer in the mix, [layers].
    var layerShares: [Double] { mix.layerShares(run) }
    var gamma: Double { Double(run.backend.read(parameters.value(mix.gain))[0]) }

    func keep() { kept.copyValues(of: parameters) }
    func restore() { parameters.copyValues(of: kept) }

    /// Makes a step of Adam on the mean loss of `tokens`, at most `rows`.
    /// - Parameter labels: class of each token of the features.
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

    /// Returns the most probable class of each of `tokens`; the first of equals.
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

    /// Gathers the layers of tokens.
    private func gather(_ features: ProbeFeatures, _ tokens: ArraySlice<Int>) -> Matrix {
        let input = run.matrix(input, rows: tokens.count)
        for (row, token) in tokens.enumerated() { self.tokens[row] = Int32(token) }
        run.backend.gather(self.tokens, of: features.matrix, into: input)
        return input
    }
}
