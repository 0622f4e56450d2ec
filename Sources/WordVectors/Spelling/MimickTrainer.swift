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
        /// Squared distance per number of standardised vectors, where 1 is what the mean vector reaches; or 1 - cosine.
        public let loss: Double
        public let heldOutLoss: Double
        public let isBest: Bool
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
    ) throws -> SpellingFit {
        let known = Array((0..<words.count).filter { lookup.found[$0] }.prefix(configuration.words))
        guard known.count >= Self.fewestWords else {
            throw ToolError(
                .dataError,
                "only \(known.count) words of the vocabulary have a vector, too few to fit a character model; "
                    + "check that vocabulary and vectors are of one language and case")
        }
        let split = HeldOutWords(count: known.count, share: configuration.heldOut, seed: configuration.seed)
        let data = MimickData(words, counts: counts, lookup.rows, known: known, split, configuration)
        let fitting = MimickFitting(data, configuration, pool: ThreadPool(threads: threads))
        var best = (loss: Double.infinity, epoch: 0)
        let start = monotonicSeconds()
        var epochs = 0
        for epoch in 1...max(1, configuration.epochs) {
            let loss = fitting.epoch(epoch)
            guard loss.isFinite else {
                throw ToolError(
                    .configuration, "the character model diverged in epoch \(epoch); a smaller learning rate helps")
            }
            epochs = epoch
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
        var standard = data.standard
        standard.isDirection = configuration.loss == .cosine
        let model = MimickModel(MimickNetwork(fitting.network.shape), fitting.best, characters: data.characters, standard: standard)
        return SpellingFit(
            generator: model, name: configuration.name, fitted: split.fitted.map { known[$0] },
            heldOut: split.heldOut.map { known[$0] }, epochs: epochs, bestEpoch: best.epoch,
            seconds: monotonicSeconds() - start)
    }
}
