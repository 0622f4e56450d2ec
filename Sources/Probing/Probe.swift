public import Kernels

/// What the frozen vectors of an encoder are worth in a labelled task: a linear classifier for every token, on a mix of the
/// layers that it learns (Peters et al. 2018, equation 1), and nothing else that could learn.
///
/// Adam makes the mean cross-entropy small; after each epoch the held-out sentences are scored, and the best epoch's
/// classifier, the first of equals, is the one that is tested.
public struct Probe: Sendable {
    public var epochs = 10

    // The same for all systems and tasks.
    /// Tokens of a step: few, so that a text of some hundred sentences makes steps enough in as many epochs.
    public static let batch = 32
    /// Of the first step; falls in a straight line to nothing after the last.
    public static let rate = 2e-3
    /// Decoupled, of the classifier's matrix.
    public static let weightDecay = 0.01

    public init() {}

    public struct Result: Sendable, Equatable {
        /// On the test text.
        public let score: ProbeScore
        /// The share of each layer, from the input layer on, and the factor of the mix.
        public let layerShares: [Double]
        public let gamma: Double
        /// Which epoch was the best, from 1.
        public let epoch: Int
    }

    /// Fits a classifier and tests it.
    /// - Parameters:
    ///   - training, test: of the task's texts; standardised.
    ///   - seed: of the weights at the beginning and of the order of tokens.
    public func run(
        _ task: ProbeTask, training: ProbeFeatures, test: ProbeFeatures, seed: UInt64, _ compute: Compute
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
