import Differentiation
import Files
@_spi(HostMemory) public import Kernels
public import Layers
internal import Parallel

/// The training of a task network: passes over the examples in random batches. The result is the network after the pass with the best
/// score on a development set.
public final class TaskTrainer<Network: TaskNetwork> {
    /// The network that is trained.
    public let network: Network
    /// The weights of the network.
    public let parameters: ParameterStore
    private let schedule: TaskSchedule
    private let tape: Tape
    private let seed: UInt64
    /// The weights of the layer mix; `nil` without an encoder.
    private let shares: Parameter?
    private let best: FloatBuffer

    /// The state of training after a pass over the training set.
    public struct Progress: Sendable {
        /// The number of the pass, from 1.
        public let epoch: Int
        /// The mean loss of the batches.
        public let loss: Double
        /// The score on the development set, from 0 to 1.
        public let score: Double
        /// True if no earlier pass has a better score.
        public let isBest: Bool
        /// The learning rate of the pass.
        public let rate: Double
        /// The training time in seconds, without the scoring.
        public let seconds: Double
        /// The number of words in the training set.
        public let words: Int
    }

    /// The end of training.
    public struct Outcome: Sendable {
        /// The number of the best pass, from 1.
        public let bestEpoch: Int
        /// The score of the best pass on the development set.
        public let bestScore: Double
        /// The number of passes that ran.
        public let epochs: Int
    }

    /// Makes a trainer with newly initialised weights.
    /// - `make`: declares the network in a plan.
    public init(
        _ schedule: TaskSchedule, seed: UInt64, on backend: ProcessorBackend, _ make: (inout Plan) -> (Network, VectorInput)
    ) {
        self.schedule = schedule
        self.seed = seed
        var plan = Plan(backend, capacity: WindowCapacity(batch: 1, rows: 1), isTraining: true)
        let input: VectorInput
        (network, input) = make(&plan)
        shares = input.weights
        let rule: any Optimizer = switch schedule.rule {
        case .adam: Adam(epsilon: 1e-8)
        case .adadelta: Adadelta()
        }
        parameters = ParameterStore(plan.own, training: rule, backend: backend)
        best = FloatBuffer(count: parameters.values.count)
        tape = Tape(parameters, on: backend)
        var random = Random(seed: seed, stream: "task weights")
        network.initialize(parameters, random: &random)
    }

    /// The size of the network and of the largest batch in bytes.
    public var bytes: Int { parameters.bytes + best.bytes + tape.bytes }

    /// Trains until the score no longer improves, and leaves the weights of the best pass in the network. Throws `ToolError` with
    /// status `dataError` if a loss or a gradient is not a finite number, and what `vectors` throw.
    /// - `development`: returns the score of the network on the development set.
    /// - `shouldStop`: called between batches; true ends training in the same way as the end of patience.
    public func train(
        _ examples: [Network.Example], _ vectors: some FrozenVectors, shouldStop: () -> Bool = { false },
        development: (TaskTrainer) throws -> Double, onProgress: (Progress) -> Void
    ) throws -> Outcome {
        var step = 0, rate = schedule.rate, bestScore = -Double.infinity, bestEpoch = 0, sinceHalving = 0, epoch = 0
        while epoch < schedule.epochs && epoch - bestEpoch < schedule.patience {
            epoch += 1
            let start = monotonicSeconds()
            var loss = 0.0, words = 0, count = 0, isStopped = false
            for batch in batches(examples, epoch: epoch) {
                isStopped = shouldStop()
                if isStopped { break }
                step += 1
                loss += try learn(batch.map { examples[$0] }, vectors, step: step, rate: rate, epoch: epoch)
                count += 1
                for index in batch { words += network.length(of: examples[index]) }
            }
            if isStopped && epoch > 1 {
                epoch -= 1
                break
            }
            let seconds = monotonicSeconds() - start, score = try development(self), isBest = score > bestScore
            if isBest {
                (bestScore, bestEpoch, sinceHalving) = (score, epoch, 0)
                best.copy(from: parameters.values)
            } else {
                sinceHalving += 1
            }
            onProgress(
                Progress(
                    epoch: epoch, loss: loss / Double(max(1, count)), score: score, isBest: isBest, rate: rate, seconds: seconds,
                    words: words))
            if let patience = schedule.halvingPatience, sinceHalving > patience {
                rate /= 2
                sinceHalving = 0
            }
            if isStopped { break }
        }
        parameters.values.copy(from: best)
        return Outcome(bestEpoch: bestEpoch, bestScore: bestScore, epochs: epoch)
    }

    /// Trains on one batch. Returns its mean loss.
    private func learn(
        _ batch: [Network.Example], _ vectors: some FrozenVectors, step: Int, rate: Double, epoch: Int
    ) throws -> Double {
        try vectors.prepare(sentences(of: batch))
        tape.begin(.training(seed: seed, step: step))
        network.addLoss(batch, vectors, on: tape)
        tape.backward()
        if schedule.mixPenalty > 0, let shares { addPenalty(shares) }
        if let bound = schedule.greatestElement { tape.backend.clip(parameters.gradients(0..<parameters.values.count), to: bound) }
        let norm = parameters.update(ParameterStore.Update(step: step, rate: Float(rate), clip: schedule.greatestNorm))
        guard tape.loss.isFinite && norm.isFinite else {
            throw ToolError(
                .dataError,
                "training stopped in pass \(epoch), batch \(step): the \(tape.loss.isFinite ? "gradient" : "loss") is no number; a smaller "
                    + "--rate may help")
        }
        return tape.loss
    }

    private func sentences(of batch: [Network.Example]) -> [Int] { batch.flatMap { network.sentences(of: $0) } }

    /// Adds the gradient of the penalty: twice the weights times the penalty's factor.
    private func addPenalty(_ parameter: Parameter) {
        let values = parameters.value(parameter), gradient = parameters.gradient(parameter)
        for index in 0..<values.columns { gradient.start[index] += Float(2 * schedule.mixPenalty) * values.start[index] }
    }

    /// Returns batches of examples of about the same length, in random order.
    private func batches(_ examples: [Network.Example], epoch: Int) -> [[Int]] {
        var random = Random(seed: seed, stream: "task batches", number: epoch)
        // Lengths vary by a tenth at random, so that batches differ from pass to pass.
        let keys = examples.map { Double(network.length(of: $0)) * random.uniform(in: 0.9..<1.1) }
        let order = examples.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
        var batches = stride(from: 0, to: order.count, by: schedule.batch).map { Array(order[$0..<min(order.count, $0 + schedule.batch)]) }
        batches.shuffle(using: &random)
        return batches
    }

    /// Returns the prediction for each example. Throws what `vectors` throw.
    public func predict(_ examples: [Network.Example], _ vectors: some FrozenVectors) throws -> [Network.Prediction] {
        let order = examples.indices.sorted { (network.length(of: examples[$0]), $0) < (network.length(of: examples[$1]), $1) }
        var predictions = [Network.Prediction?](repeating: nil, count: examples.count)
        for first in stride(from: 0, to: order.count, by: schedule.batch) {
            let batch = order[first..<min(order.count, first + schedule.batch)]
            let batchExamples = batch.map { examples[$0] }
            try vectors.prepare(sentences(of: batchExamples))
            tape.begin(.inference)
            for (index, prediction) in zip(batch, network.predict(batchExamples, vectors, on: tape)) {
                predictions[index] = prediction
            }
        }
        return predictions.compactMap { $0 }
    }
}
