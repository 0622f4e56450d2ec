import Files
import Glibc
import Kernels
import Layers
import Parallel
public import Shards

/// What a character model's vectors are compared with their targets by.
public enum MimickLoss: String, Sendable, CaseIterable {
    /// Squared distance: the paper's.
    case squared
    /// 1 - cosine: what `train` asks of its predictions.
    case cosine
}

/// Sizes and training settings of a `MimickModel`. The sizes are those of Pinter et al. 2017.
public struct MimickConfiguration: Sendable, Equatable {
    /// Numbers in a character's embedding.
    public var embedding = 20
    public var reader = CharacterReader.lstm(hidden: 50)
    public var loss = MimickLoss.squared
    /// Known words are used for fitting from the most frequent on, up to this many.
    public var words = 100_000
    /// Of the words used, the share that is kept out of the fit, to stop by and to report on.
    public var heldOut = 0.05
    public var epochs = 30
    /// Epochs without a better held-out loss after which the fit ends.
    public var patience = 4
    /// Words in a step of the optimiser.
    public var batch = 256
    /// The largest rate of Adam; it falls to a twentieth over the epochs along a cosine.
    public var learningRate: Float = 0.01
    /// Share of characters that are hidden in the fit, so that the unknown character's vector is trained.
    public var hidingRate = 0.01
    /// A word of count c weighs c to this power (0: all the same), with a mean weight of 1.
    public var frequencyPower: Float = 0
    public var seed: UInt64 = 1

    public init() {}

    /// What reports call the model.
    var name: String {
        switch reader {
        case .lstm: "MIMICK"
        case .convolution: "character CNN"
        }
    }
}

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
        let known = try lookup.known(most: configuration.words, toFit: "a character model")
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

/// What a MIMICK model is fitted to: spellings, standardised targets, weights; words are numbered from 0.
struct MimickData {
    let spellings: WordSpellings
    let characters: CharacterTable
    /// The characters' numbers of all words, one word after the other, and where each word ends.
    let numbers: [Int32]
    let ends: [Int]
    let standard: DirectionStandard
    /// [words, dimension]
    let targets: RowMatrix
    let weights: [Float]
    let fitted: [Int]
    let heldOut: [Int]

    /// A character must occur this often among the words fitted to; rarer ones are unknown.
    private static let fewestOccurrences = 2

    init(
        _ words: WordTable, counts: [UInt64], _ rows: RowMatrix, known: [Int], _ split: HeldOutWords,
        _ configuration: MimickConfiguration
    ) {
        spellings = WordSpellings(words, ids: known, longest: MimickNetwork.longestWord)
        characters = CharacterTable(words: spellings, ids: split.fitted, minimum: Self.fewestOccurrences)
        var numbers: [Int32] = [], ends: [Int] = []
        for index in 0..<spellings.count {
            for scalar in spellings[index] { numbers.append(characters.number(of: scalar)) }
            ends.append(numbers.count)
        }
        self.numbers = numbers
        self.ends = ends
        let standard = DirectionStandard(rows.matrix, ids: split.fitted.map { known[$0] })
        self.standard = standard
        targets = RowMatrix(count: known.count, dimension: rows.dimension)
        for (index, id) in known.enumerated() {
            standard.standardize(rows.row(id), into: targets.row(index))
        }
        weights = frequencyWeights(known.map { counts[$0] }, power: configuration.frequencyPower)
        fitted = split.fitted
        heldOut = split.heldOut
    }
}

/// The state of a fit: the network's weights and moments, and for each group of a step what a thread needs.
///
/// A step takes several groups of words; threads share the groups, and their gradients are added in the groups' order,
/// so the model does not depend on the number of threads. A step allocates nothing.
final class MimickFitting {
    let network: MimickNetwork
    private let data: MimickData
    private let configuration: MimickConfiguration
    private let compute: ProcessorBackend
    private let parameters: ParameterStore
    private let slots: [Slot]
    /// The gradient's norm is clipped to this.
    private let clip = 5.0
    private var step = 0
    /// The weights of the last `keep`.
    let best: ParameterStore

    init(_ data: MimickData, _ configuration: MimickConfiguration, pool: ThreadPool) {
        self.data = data
        self.configuration = configuration
        compute = ProcessorBackend(pool: pool)
        let network = MimickNetwork(
            MimickShape(
                characters: data.characters.count, embedding: configuration.embedding, reader: configuration.reader,
                dimension: data.targets.dimension), isTraining: true)
        self.network = network
        let parameters = ParameterStore(network.layout, training: Adam(epsilon: 1e-8), backend: compute)
        network.initialize(parameters, seed: configuration.seed)
        parameters.planPacking(network.packedWeights)
        parameters.packWeights()
        self.parameters = parameters
        best = ParameterStore(network.layout, training: nil, backend: compute)
        let count = max(1, configuration.batch / MimickNetwork.groupSize)
        slots = (0..<count).map { _ in Slot(network, sharing: parameters, data) }
    }

    /// Goes once over the words; returns their mean loss on the way.
    func epoch(_ epoch: Int) -> Double {
        var random = Random(seed: configuration.seed, stream: "mimick order", number: epoch)
        var groups = WordGroups(data.spellings, data.fitted, shuffledBy: &random).groups
        let steps = (groups.count + slots.count - 1) / slots.count
        var loss = 0.0
        for index in 0..<steps {
            let first = index * slots.count
            let count = min(slots.count, groups.count - first)
            // The longest first, so that the threads end together.
            groups[first..<first + count].sort { letters($0) > letters($1) }
            var weight = 0.0
            for group in groups[first..<first + count] {
                for word in group { weight += Double(data.weights[word]) }
            }
            compute.pool.forEach(count) { slot in
                var hiding = Random(
                    seed: configuration.seed, stream: "mimick hiding", number: epoch << 32 + first + slot)
                slots[slot].take(groups[first + slot], data, hiding: configuration.hidingRate, &hiding)
                slots[slot].train(configuration.loss, scale: Float(1 / weight))
            }
            for slot in slots[..<count] { loss += slot.loss }
            parameters.addGradients(of: slots[..<count].lazy.map(\.parameters))
            step += 1
            let progress = (Double(epoch - 1) + Double(index) / Double(steps)) / Double(configuration.epochs)
            parameters.update(.init(step: step, rate: rate(progress), clip: clip))
            parameters.packWeights()
        }
        return loss / Double(max(1, data.fitted.count))
    }

    private func letters(_ group: [Int]) -> Int { group.count * (group.first.map(data.spellings.length) ?? 0) }

    func heldOutLoss() -> Double {
        let groups = WordGroups(data.spellings, data.heldOut).groups
        var losses = [Double](repeating: 0, count: groups.count)
        losses.withUnsafeMutableBufferPointer { losses in
            nonisolated(unsafe) let losses = losses
            compute.pool.forEach(slots.count) { slot in
                for number in stride(from: slot, to: groups.count, by: slots.count) {
                    var random = Random(seed: 0, stream: "mimick hiding")
                    slots[slot].take(groups[number], data, hiding: 0, &random)
                    slots[slot].measure(configuration.loss)
                    losses[number] = slots[slot].loss
                }
            }
        }
        return losses.reduce(0, +) / data.heldOut.reduce(0) { $0 + Double(data.weights[$1]) }
    }

    func keep() { best.values.copy(from: parameters.values) }

    /// A warm-up of 100 steps, then half a cosine wave down to a twentieth.
    private func rate(_ progress: Double) -> Float {
        let warmUp = min(1, Float(step) / 100)
        let cosine = 0.5 * (1 + cos(progress * Double.pi))
        return configuration.learningRate * warmUp * Float(0.05 + 0.95 * cosine)
    }
}

/// One group of a step: its words, and the memory and gradients of whoever works on it.
private final class Slot {
    let parameters: ParameterStore
    private let workspace: MimickWorkspace
    /// [group, dimension] and [group]
    private let targets, weights: FloatBuffer
    private let dimension: Int
    private var words = 0
    private var length = 0
    /// Of the last group: the sum over its words, each counted as often as its weight says.
    private(set) var loss = 0.0

    init(_ network: MimickNetwork, sharing parameters: ParameterStore, _ data: MimickData) {
        self.parameters = ParameterStore(sharing: parameters)
        workspace = MimickWorkspace(network)
        dimension = data.targets.dimension
        targets = FloatBuffer(count: MimickNetwork.groupSize * dimension)
        weights = FloatBuffer(count: MimickNetwork.groupSize)
    }

    /// Takes a group of words of one length, some of whose characters are hidden.
    func take(_ group: [Int], _ data: MimickData, hiding rate: Double, _ random: inout Random) {
        words = group.count
        length = group.first.map { data.spellings.length($0) } ?? 0
        let characters = workspace.characters(parameters, count: words * length)
        for (column, word) in group.enumerated() {
            let start = data.ends[word] - length
            for step in 0..<length {
                characters[step * words + column] =
                    rate > 0 && random.uniform() < rate ? 0 : data.numbers[start + step]
            }
            Matrix(targets, at: column * dimension, rows: 1, columns: dimension).copy(from: data.targets.row(word))
            Matrix(weights, at: column, rows: 1, columns: 1).fill(data.weights[word])
        }
    }

    private var matrices: (targets: Matrix, weights: Matrix) {
        (Matrix(targets, rows: words, columns: dimension), Matrix(weights, rows: 1, columns: words))
    }

    /// Adds the gradients of `scale` times the loss.
    func train(_ kind: MimickLoss, scale: Float) {
        let (targets, weights) = matrices, divisor = kind.divisor(dimension)
        loss = workspace.train(
            parameters, length: length, targets: targets, weights: weights, loss: kind.distance,
            scale: scale / Float(divisor)) / Double(divisor)
    }

    /// The loss alone.
    func measure(_ kind: MimickLoss) {
        let (targets, weights) = matrices
        loss = workspace.measure(
            parameters, length: length, targets: targets, weights: weights, loss: kind.distance
        ).loss / Double(kind.divisor(dimension))
    }
}

extension MimickLoss {
    fileprivate var distance: Distance { self == .squared ? .squared : .cosine }

    /// Squared distances count per number, so that the mean vector's loss is 1 whatever the dimension.
    fileprivate func divisor(_ dimension: Int) -> Int { self == .squared ? dimension : 1 }
}
