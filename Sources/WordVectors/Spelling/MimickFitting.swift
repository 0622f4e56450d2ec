import Glibc
import Kernels
import Parallel
import Shards

/// What a MIMICK model is fitted to: spellings, standardised targets, weights; words are numbered from 0.
struct MimickData {
    let spellings: WordSpellings
    let characters: CharacterTable
    let standard: TargetStandard
    /// [words, dimension]
    let targets: RowMatrix
    let weights: [Float]
    let fitted: [Int]
    let heldOut: [Int]

    /// A character must occur this often among the words fitted to; rarer ones are unknown.
    private static let fewestOccurrences = 2

    init(
        _ words: WordTable, counts: [UInt64], _ rows: RowMatrix, known: [Int], _ split: (fitted: [Int], heldOut: [Int]),
        _ configuration: MimickConfiguration
    ) {
        spellings = WordSpellings(words, ids: known, longest: MimickWorkspace.longestWord)
        characters = CharacterTable(words: spellings, ids: split.fitted, minimum: Self.fewestOccurrences)
        let standard = TargetStandard(rows, ids: split.fitted.map { known[$0] })
        self.standard = standard
        targets = RowMatrix(count: known.count, dimension: rows.dimension)
        for (index, id) in known.enumerated() {
            standard.target(rows.row(id), into: targets.pointer + index * rows.dimension)
        }
        var weights = known.map { id in
            configuration.frequencyPower == 0 ? 1 : pow(Float(max(1, counts[id])), configuration.frequencyPower)
        }
        let mean = weights.reduce(0, +) / Float(weights.count)
        for index in weights.indices { weights[index] /= mean }
        self.weights = weights
        (fitted, heldOut) = split
    }
}

/// The state of a fit: parameters, moments, and a workspace and gradients for each group of a step.
final class MimickFitting {
    private let data: MimickData
    private let configuration: MimickConfiguration
    private let compute: Compute
    private let parameters, firstMoments, secondMoments: MimickParameters
    private let gradients: [MimickParameters]
    private let workspaces: [MimickWorkspace]
    private let adam = Adam(epsilon: 1e-8)
    /// The gradient's norm is clipped to this.
    private let clip = 5.0
    private var step = 0
    /// The parameters of the last `keep`.
    let best: MimickParameters

    init(_ data: MimickData, _ configuration: MimickConfiguration, pool: ThreadPool) {
        self.data = data
        self.configuration = configuration
        compute = Compute(pool: pool)
        let shape = MimickShape(
            characters: data.characters.count, embedding: configuration.embedding, hidden: configuration.hidden,
            dimension: data.targets.dimension)
        parameters = MimickParameters(shape)
        parameters.initialise(seed: configuration.seed)
        firstMoments = MimickParameters(shape)
        secondMoments = MimickParameters(shape)
        best = MimickParameters(shape)
        let slots = max(1, configuration.batch / MimickWorkspace.groupSize)
        gradients = (0..<slots).map { _ in MimickParameters(shape) }
        workspaces = (0..<slots).map { _ in MimickWorkspace(shape) }
    }

    /// Goes once over the words; returns their mean loss on the way.
    func epoch(_ epoch: Int) -> Double {
        var random = Random(seed: configuration.seed, stream: "mimick order", number: epoch)
        let groups = WordGroups(data.spellings, data.fitted, shuffledBy: &random).groups
        let slots = gradients.count
        let steps = (groups.count + slots - 1) / slots
        var losses = [Double](repeating: 0, count: groups.count)
        losses.withUnsafeMutableBufferPointer { losses in
            for index in 0..<steps {
                let first = index * slots
                let count = min(slots, groups.count - first)
                let words = groups[first..<first + count].reduce(0) { $0 + $1.count }
                compute.pool.forEach(count) { slot in
                    losses[first + slot] = train(
                        groups[first + slot], slot: slot, words: words,
                        hiding: Random(
                            seed: configuration.seed, stream: "mimick hiding", number: epoch << 32 + first + slot))
                }
                let progress = (Double(epoch - 1) + Double(index) / Double(steps)) / Double(configuration.epochs)
                update(groups: count, rate: rate(progress))
            }
        }
        return losses.reduce(0, +) / Double(max(1, data.fitted.count))
    }

    func heldOutLoss() -> Double {
        let groups = WordGroups(data.spellings, data.heldOut).groups
        var losses = [Double](repeating: 0, count: groups.count)
        let slots = workspaces.count
        losses.withUnsafeMutableBufferPointer { losses in
            compute.pool.forEach(slots) { slot in
                for number in stride(from: slot, to: groups.count, by: slots) {
                    losses[number] = loss(groups[number], slot)
                }
            }
        }
        return losses.reduce(0, +) / Double(max(1, data.heldOut.count))
    }

    func keep() { best.buffer.copy(from: parameters.buffer) }

    private func train(_ group: [Int], slot: Int, words: Int, hiding: Random) -> Double {
        var hiding = hiding
        var characters = data.characters.numbers(data.spellings, group)
        if configuration.hidingRate > 0 {
            for index in characters.indices where hiding.uniform() < configuration.hidingRate { characters[index] = 0 }
        }
        return workspaces[slot].train(
            parameters, gradients[slot], characters: characters, group: group.count, targets: group.map(target),
            weights: group.map { data.weights[$0] }, scale: 1 / Float(words))
    }

    private func update(groups: Int, rate: Float) {
        let count = parameters.buffer.count
        let sum = gradients[0].buffer
        for slot in 1..<max(1, groups) {
            Vector.add(gradients[slot].buffer.start, to: sum.start, count: count)
            gradients[slot].buffer.fill(0)
        }
        step += 1
        let norm = compute.norm(sum.start, count: count)
        let run = WeightRun(
            weights: parameters.buffer.start, gradients: sum.start, firstMoments: firstMoments.buffer.start,
            secondMoments: secondMoments.buffer.start, count: count)
        adam.update(
            run, OptimizerStep(number: step, rate: rate, scale: norm > clip ? Float(clip / norm) : 1), compute: compute)
    }

    /// A warm-up of 100 steps, then half a cosine wave down to a twentieth.
    private func rate(_ progress: Double) -> Float {
        let warmUp = min(1, Float(step + 1) / 100)
        let cosine = 0.5 * (1 + cos(progress * Double.pi))
        return configuration.learningRate * warmUp * Float(0.05 + 0.95 * cosine)
    }

    private func loss(_ group: [Int], _ slot: Int) -> Double {
        let result = workspaces[slot].predict(
            parameters, characters: data.characters.numbers(data.spellings, group), group: group.count)
        let dimension = data.targets.dimension
        var total = 0.0
        for (row, index) in group.enumerated() {
            let predicted = result.row(row), target = target(index)
            for number in 0..<dimension { predicted[number] -= target[number] }
            total += Vector.dot(predicted, predicted, count: dimension) / Double(dimension)
        }
        return total
    }

    private func target(_ index: Int) -> UnsafePointer<Float> {
        UnsafePointer(data.targets.pointer + index * data.targets.dimension)
    }
}
