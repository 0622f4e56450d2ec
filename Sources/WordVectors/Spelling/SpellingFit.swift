import Files
import Glibc
import Kernels

/// A generator that was fitted to known words, and the known words that it has not seen.
public struct SpellingFit {
    public let generator: any OutOfVocabularyGenerator
    /// The kind of generator, for reports.
    public let name: String
    /// Ids of the words fitted to, and of those held out, most frequent first.
    public let fitted: [Int]
    public let heldOut: [Int]
    /// The number of epochs of the fit, and the one from which the model was taken; `nil` for a fit without epochs.
    public internal(set) var epochs: Int?
    public internal(set) var bestEpoch: Int?
    /// True if it was fitted before, maybe to the very words that are called held out here.
    public internal(set) var wasGiven = false
    /// The time that the fit took.
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

/// The weights in a fit of words that occur so often: their counts to a power, with a mean of 1.
func frequencyWeights(_ counts: [UInt64], power: Float) -> [Float] {
    let weights = counts.map { pow(Float(max(1, $0)), power) }
    let mean = weights.reduce(0, +) / Float(weights.count)
    return weights.map { $0 / mean }
}

/// Known words in two parts: those that a generator is fitted to, and those that it is stopped by and judged on.
///
/// Equal words, shares and seeds give equal parts, so that generators can be compared.
public struct HeldOutWords: Sendable {
    /// Words in the order in which they were given.
    public let fitted: [Int]
    public let heldOut: [Int]

    /// Holds out at least one of the words `ids`, at most half.
    public init(of ids: [Int], share: Double, seed: UInt64) {
        var random = Random(seed: seed, stream: "mimick held-out words")
        var order = Array(ids.indices)
        random.shuffle(&order)
        let few = max(1, min(ids.count / 2, Int(Double(ids.count) * share)))
        fitted = order[few...].sorted().map { ids[$0] }
        heldOut = order[..<few].sorted().map { ids[$0] }
    }
}
