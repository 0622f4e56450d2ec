import Files
import Glibc
import Kernels

/// A generator that was fitted to known words, and the known words that it has not seen.
public struct SpellingFit {
    /// The generator.
    public let generator: any OutOfVocabularyGenerator
    /// Kind of generator, for reports.
    public let name: String
    /// Ids of the words fitted to, most frequent first.
    public let fitted: [Int]
    /// Ids of the held-out words, most frequent first.
    public let heldOut: [Int]
    /// Number of epochs of the fit; `nil` for a fit without epochs.
    public internal(set) var epochs: Int?
    /// The epoch from which the model was taken; `nil` for a fit without epochs.
    public internal(set) var bestEpoch: Int?
    /// True if it was fitted earlier, possibly to the very words called held out here.
    public internal(set) var wasGiven = false
    /// Duration of the fit in seconds.
    public let seconds: Double
}

extension VectorLookup {
    /// Returns the ids of the words that have a vector, from the most frequent on and at most `most`, if ids ascend in this order.
    /// Throws `ToolError` with status `dataError` if there are too few to fit `model` to.
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

/// Returns the weights of words in a fit: their counts to a power, scaled to a mean of 1.
func frequencyWeights(_ counts: [UInt64], power: Float) -> [Float] {
    let weights = counts.map { pow(Float(max(1, $0)), power) }
    let mean = weights.reduce(0, +) / Float(weights.count)
    return weights.map { $0 / mean }
}

/// Known words in two parts: those that a generator is fitted to, and those used for early stopping and evaluation.
///
/// Equal words, shares and seeds give equal parts, so that generators can be compared.
public struct HeldOutWords: Sendable {
    /// Words to fit to, in the given order.
    public let fitted: [Int]
    /// Held-out words, in the given order.
    public let heldOut: [Int]

    /// Holds out a share of the words `ids`: at least one, at most half.
    public init(of ids: [Int], share: Double, seed: UInt64) {
        var random = Random(seed: seed, stream: "mimick held-out words")
        var order = Array(ids.indices)
        random.shuffle(&order)
        let few = max(1, min(ids.count / 2, Int(Double(ids.count) * share)))
        fitted = order[few...].sorted().map { ids[$0] }
        heldOut = order[..<few].sorted().map { ids[$0] }
    }
}
