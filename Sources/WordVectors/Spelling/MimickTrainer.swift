import Files
import Glibc
import Kernels
import Layers
import Parallel
public import Shards

/// The distance between a character model's vectors and their targets that a fit minimises.
public enum MimickLoss: String, Sendable, CaseIterable {
    /// Squared distance, as in the paper.
    case squared
    /// 1 - cosine, which `train` minimises for its predictions.
    case cosine
}

/// Sizes and training settings of a `MimickModel`. The default sizes are those of Pinter et al. 2017.
public struct MimickConfiguration: Sendable, Equatable {
    /// Size of a character's embedding.
    public var embedding = 20
    /// The part that reads characters.
    public var reader = CharacterReader.lstm(hidden: 50)
    /// The loss to minimise.
    public var loss = MimickLoss.squared
    /// Maximum number of known words used for fitting, from the most frequent on.
    public var words = 100_000
    /// Share of these words that is held out, for early stopping and for the report.
    public var heldOut = 0.05
    /// Maximum number of epochs.
    public var epochs = 30
    /// Number of epochs without a lower held-out loss after which the fit ends.
    public var patience = 4
    /// Number of words in a step of the optimiser.
    public var batch = 256
    /// Maximum learning rate of Adam, which decreases to a twentieth over the epochs along a cosine.
    public var learningRate: Float = 0.01
    /// Share of characters that are hidden during the fit, so that the unknown character's vector is trained.
    public var hidingRate = 0.01
    /// The weight of a word is its count to this power, scaled to a mean of 1; 0 gives all words the same weight.
    public var frequencyPower: Float = 0
    /// Seed of the fit.
    public var seed: UInt64 = 1

    /// Creates the default configuration.
    public init() {}

    /// The model's name in reports.
    var name: String {
        switch reader {
        case .lstm: "MIMICK"
        case .convolution: "character CNN"
        }
    }
}

/// Fits a `MimickModel` to words that have a vector.
///
/// A step of Adam takes several groups of words of equal length. Threads share the groups, and their gradients are added in the
/// order of the groups, so that the model does not depend on the number of threads.
public struct MimickTrainer {
    /// The state of the fit after an epoch.
    public struct Progress: Sendable {
        /// Number of the epoch, from 1.
        public let epoch: Int
        /// Maximum number of epochs.
        public let epochs: Int
        /// Squared distance for each number of standardised vectors, where the mean vector has 1; or 1 - cosine.
        public let heldOutLoss: Double
    }

    /// Minimum number of words with a vector.
    public static let fewestWords = 20

    private let configuration: MimickConfiguration
    private let threads: Int

    /// Creates a trainer.
    public init(_ configuration: MimickConfiguration, threads: Int) {
        self.configuration = configuration
        self.threads = threads
    }

    /// Fits a model to the words of `words` that `lookup` found, whose ids ascend from the most frequent word on. Throws
    /// `ToolError`: `dataError` for too few words, `configuration` for a fit that diverges.
    ///
    /// - `counts`: occurrences of each word, for `frequencyPower`.
    public func fit(
        _ words: WordTable, counts: [UInt64], _ lookup: VectorLookup, progress: (Progress) throws -> Void
    ) throws -> SpellingFit {
        let known = try lookup.known(most: configuration.words, toFit: "a character model")
        let split = HeldOutWords(of: Array(known.indices), share: configuration.heldOut, seed: configuration.seed)
        let fitting = MimickFitting(
            words, known, counts: counts, lookup.rows, split, configuration, pool: ThreadPool(threads: threads))
        var best = (loss: Double.infinity, epoch: 0)
        let start = monotonicSeconds()
        var epochs = 0
        for epoch in 1...max(1, configuration.epochs) {
            guard fitting.epoch(epoch).isFinite else {
                throw ToolError(
                    .configuration, "the character model diverged in epoch \(epoch); a smaller learning rate helps")
            }
            epochs = epoch
            let heldOutLoss = fitting.heldOutLoss()
            if heldOutLoss < best.loss {
                best = (heldOutLoss, epoch)
                fitting.keep()
            }
            try progress(Progress(epoch: epoch, epochs: configuration.epochs, heldOutLoss: heldOutLoss))
            if epoch - best.epoch >= configuration.patience { break }
        }
        return SpellingFit(
            generator: fitting.model, name: configuration.name, fitted: split.fitted.map { known[$0] },
            heldOut: split.heldOut.map { known[$0] }, epochs: epochs, bestEpoch: best.epoch,
            seconds: monotonicSeconds() - start)
    }
}

/// The state of a fit: the words, the network's weights and moments, and the memory of a thread for each group of a step.
///
/// A step takes several groups of words. Threads share the groups, and their gradients are added in the order of the groups, so
/// that the model does not depend on the number of threads. Words are numbered from 0.
final class MimickFitting {
    private let configuration: MimickConfiguration
    /// Spellings as numbers of characters.
    private let spellings: WordSpellings
    private let characters: CharacterTable
    private let standard: DirectionStandard
    /// Standardised directions, [words, dimension].
    private let targets: RowMatrix
    private let weights: [Float]
    private let split: HeldOutWords
    private let network: MimickNetwork
    private let compute: ProcessorBackend
    private let parameters: ParameterStore
    private let workspaces: [MimickWorkspace]
    private var step = 0
    /// The weights at the last `keep`.
    private let best: ParameterStore

    /// A character must occur this often among the words fitted to; rarer ones are unknown.
    private static let fewestOccurrences = 2
    /// Maximum norm of the gradient.
    private static let clip = 5.0

    /// - Parameters:
    ///   - ids: numbers of the words in `words`, `counts` and `rows`.
    ///   - split: places in `ids`.
    init(
        _ words: WordTable, _ ids: [Int], counts: [UInt64], _ rows: RowMatrix, _ split: HeldOutWords,
        _ configuration: MimickConfiguration, pool: ThreadPool
    ) {
        self.configuration = configuration
        self.split = split
        let spellings = WordSpellings(words, ids: ids)
        characters = CharacterTable(words: spellings, ids: split.fitted, minimum: Self.fewestOccurrences)
        self.spellings = spellings.numbered(by: characters)
        standard = DirectionStandard(rows.matrix, ids: split.fitted.map { ids[$0] })
        targets = RowMatrix(count: ids.count, dimension: rows.dimension)
        for (index, id) in ids.enumerated() { standard.standardize(rows.row(id), into: targets.row(index)) }
        weights = frequencyWeights(ids.map { counts[$0] }, power: configuration.frequencyPower)
        let compute = ProcessorBackend(pool: pool)
        let network = MimickNetwork(
            MimickShape(
                characters: characters.count, embedding: configuration.embedding, reader: configuration.reader,
                dimension: rows.dimension), compute, isTraining: true)
        let parameters = ParameterStore(network.layout, training: Adam(epsilon: 1e-8), backend: compute)
        network.initialize(parameters, seed: configuration.seed)
        parameters.planPacking(network.packedWeights)
        parameters.packWeights()
        best = ParameterStore(network.layout, training: nil, backend: compute)
        workspaces = (0..<max(1, configuration.batch / MimickNetwork.groupSize)).map { _ in
            MimickWorkspace(network, ParameterStore(sharing: parameters), ProcessorBackend())
        }
        self.compute = compute
        self.network = network
        self.parameters = parameters
    }

    /// Runs through the words once, and returns their mean loss on the way.
    func epoch(_ epoch: Int) -> Double {
        var random = Random(seed: configuration.seed, stream: "mimick order", number: epoch)
        var groups = spellings.groups(split.fitted, shuffledBy: &random)
        let steps = (groups.count + workspaces.count - 1) / workspaces.count
        var loss = 0.0
        for index in 0..<steps {
            let first = index * workspaces.count
            let count = min(workspaces.count, groups.count - first)
            // The longest first, so that the threads end at about the same time.
            groups[first..<first + count].sort { letters($0) > letters($1) }
            let weight = groups[first..<first + count].joined().reduce(0) { $0 + Double(weights[$1]) }
            let losses = compute.pool.map(count) { place in
                var hiding = Random(
                    seed: configuration.seed, stream: "mimick hiding", number: epoch << 32 + first + place)
                let rate = configuration.hidingRate, workspace = workspaces[place]
                take(groups[first + place], workspace) { rate > 0 && hiding.uniform() < rate }
                return workspace.train(distance, scale: Float(1 / weight) / Float(divisor)) / Double(divisor)
            }
            for value in losses { loss += value }
            parameters.addGradients(of: workspaces[..<count].lazy.map(\.parameters))
            step += 1
            let progress = (Double(epoch - 1) + Double(index) / Double(steps)) / Double(configuration.epochs)
            parameters.update(.init(step: step, rate: rate(progress), clip: Self.clip))
            parameters.packWeights()
        }
        return loss / Double(max(1, split.fitted.count))
    }

    /// Returns the weighted loss over the held-out words.
    func heldOutLoss() -> Double {
        let groups = spellings.groups(split.heldOut)
        let losses = compute.pool.map(workspaces.count) { place in
            stride(from: place, to: groups.count, by: workspaces.count).map { number in
                take(groups[number], workspaces[place]) { false }
                return workspaces[place].measure(distance) / Double(divisor)
            }
        }
        let sum = groups.indices.reduce(0) { $0 + losses[$1 % workspaces.count][$1 / workspaces.count] }
        return sum / split.heldOut.reduce(0) { $0 + Double(weights[$1]) }
    }

    func keep() { best.values.copy(from: parameters.values) }

    /// The model with the weights at the last `keep`.
    var model: MimickModel {
        var standard = standard
        standard.isDirection = configuration.loss == .cosine
        return MimickModel(MimickNetwork(network.shape, compute), best, characters: characters, standard: standard)
    }

    private func letters(_ group: [Int]) -> Int { group.count * (group.first.map(spellings.length) ?? 0) }

    /// Passes a group of words with targets and weights to a workspace.
    private func take(_ group: [Int], _ workspace: MimickWorkspace, isHidden: () -> Bool) {
        workspace.take(group, of: spellings, isHidden: isHidden)
        let targets = workspace.targets
        for (row, word) in group.enumerated() { targets.rows(row..<row + 1).copy(from: self.targets.row(word)) }
        workspace.weights.copy(from: group.map { weights[$0] })
    }

    private var distance: Distance { configuration.loss == .squared ? .squared : .cosine }

    /// Squared distances are divided by the dimension, so that the mean vector's loss is 1.
    private var divisor: Int { configuration.loss == .squared ? targets.dimension : 1 }

    /// Returns the learning rate: a warm-up of 100 steps, then half a cosine wave down to a twentieth.
    private func rate(_ progress: Double) -> Float {
        let warmUp = min(1, Float(step) / 100)
        let cosine = 0.5 * (1 + cos(progress * Double.pi))
        return configuration.learningRate * warmUp * Float(0.05 + 0.95 * cosine)
    }
}
