import Files
import Kernels
import Parallel
public import Shards

/// Fits a `MimickModel` to words that have a vector.
///
/// A step of Adam takes several groups of words of equal length; threads share the groups, and their gradients are
/// added in the groups' order, so the model does not depend on the number of threads.
public struct MimickTrainer {
    /// How far the fit is, after each epoch.
    public struct Progress: Sendable {
        public let epoch: Int
        public let epochs: Int
        /// Squared distance per number of standardised vectors: 1 is what the mean vector reaches.
        public let loss: Double
        public let heldOutLoss: Double
        public let isBest: Bool
    }

    /// A fitted model and the known words that it has not seen.
    public struct Fit {
        public let model: MimickModel
        /// Ids of the words fitted to, and of those held out.
        public let fitted: [Int]
        public let heldOut: [Int]
        public let bestEpoch: Int
    }

    /// Fewer words than this with a vector make no model.
    public static let fewestWords = 20

    private let configuration: MimickConfiguration
    private let threads: Int

    public init(_ configuration: MimickConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// Fits a model to the words of `words` that `lookup` found, whose ids ascend from the most frequent word on.
    ///
    /// - Parameter counts: how often each word occurs, for `frequencyPower`.
    /// Throws `ToolError`: `dataError` for too few words, `configuration` for a fit that diverges.
    public func fit(
        _ words: WordTable, counts: [UInt64], _ lookup: VectorLookup, progress: (Progress) throws -> Void
    ) throws -> Fit {
        let known = Array((0..<words.count).filter { lookup.found[$0] }.prefix(configuration.words))
        guard known.count >= Self.fewestWords else {
            throw ToolError(
                .dataError,
                "only \(known.count) words of the vocabulary have a vector, too few to fit a character model; "
                    + "check that vocabulary and vectors are of one language and case")
        }
        let split = split(known)
        let data = MimickData(words, counts: counts, lookup.rows, known: known, split, configuration)
        let fitting = MimickFitting(data, configuration, pool: ThreadPool(threads: threads))
        var best = (loss: Double.infinity, epoch: 0)
        for epoch in 1...max(1, configuration.epochs) {
            let loss = fitting.epoch(epoch)
            guard loss.isFinite else {
                throw ToolError(
                    .configuration, "the character model diverged in epoch \(epoch); a smaller learning rate helps")
            }
            let heldOutLoss = fitting.heldOutLoss()
            let isBest = heldOutLoss < best.loss
            if isBest {
                best = (heldOutLoss, epoch)
                fitting.keep()
            }
            try progress(
                Progress(
                    epoch: epoch, epochs: configuration.epochs, loss: loss, heldOutLoss: heldOutLoss, isBest: isBest))
            if epoch - best.epoch >= configuration.patience { break }
        }
        let model = MimickModel(parameters: fitting.best, characters: data.characters, standard: data.standard)
        return Fit(
            model: model, fitted: split.fitted.map { known[$0] }, heldOut: split.heldOut.map { known[$0] },
            bestEpoch: best.epoch)
    }

    /// Positions in `known`: at least one is held out.
    private func split(_ known: [Int]) -> (fitted: [Int], heldOut: [Int]) {
        var random = Random(seed: configuration.seed, stream: "mimick held-out words")
        var order = Array(known.indices)
        random.shuffle(&order)
        let count = max(1, min(known.count / 2, Int(Double(known.count) * configuration.heldOut)))
        return (order[count...].sorted(), order[..<count].sorted())
    }
}
