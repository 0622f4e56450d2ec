import Files
import Glibc
import Kernels

/// A generator that was fitted to known words, and the known words that it has not seen.
public struct SpellingFit {
    public let generator: any OutOfVocabularyGenerator
    /// What kind of generator it is, for reports.
    public let name: String
    /// Ids of the words fitted to, and of those held out, most frequent first.
    public let fitted: [Int]
    public let heldOut: [Int]
    /// For a model fitted in epochs, how many there were, and the one it was taken from.
    public internal(set) var epochs: Int?
    public internal(set) var bestEpoch: Int?
    /// Whether it was fitted before, maybe to the very words that are called held out here.
    public internal(set) var wasGiven = false
    /// What the fit took.
    public let seconds: Double
}

extension VectorLookup {
    /// Ids of the words that have a vector, from the most frequent on: `most` at most, if the words ascend so. Throws `ToolError`
    /// with status `dataError` if there are too few to fit `model` to.
    func known(most: Int, toFit model: String) throws -> [Int] {
        let known = Array(found.indices.lazy.filter { found[$0] }.prefix(most))
        guard known.count >= MimickTrainer.fewestWords else {
            throw ToolError(
                .dataError,
                "only \(known.count) words of the vocabulary have a vector, too few to fit \(model); "
                    + "check that vocabulary and vectors are of one language and case")
        }
        return known
    }
}

/// What words that occur so often weigh in a fit: their counts to a power, with a mean of 1.
func frequencyWeights(_ counts: [UInt64], power: Float) -> [Float] {
    let weights = counts.map { pow(Float(max(1, $0)), power) }
    let mean = weights.reduce(0, +) / Float(weights.count)
    return weights.map { $0 / mean }
}

/// Known words in two parts: those that a generator is fitted to, and those that it is stopped by and judged on.
///
/// The same words, share and seed give the same parts, so that generators can be compared.
public struct HeldOutWords: Sendable {
    /// Positions among the known words, ascending.
    public let fitted: [Int]
    public let heldOut: [Int]

    /// At least one of `count` words is held out, at most half.
    public init(count: Int, share: Double, seed: UInt64) {
        var random = Random(seed: seed, stream: "mimick held-out words")
        var order = Array(0..<count)
        random.shuffle(&order)
        let few = max(1, min(count / 2, Int(Double(count) * share)))
        fitted = order[few...].sorted()
        heldOut = order[..<few].sorted()
    }
}
