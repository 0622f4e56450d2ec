public import Probing

/// A significance test of the difference between two systems. It accounts for the choice of the test's sentences and for the choice of
/// the seeds.
///
/// The test swaps the systems' results of a sentence (or document, or passage) at random, which yields differences as between equal
/// systems (approximate randomisation, Noreen 1989). With one seed, the p-value is the fraction of such differences that are at least
/// as large as the observed one. With several seeds, the variance of such differences is added to the variance of the scores' means
/// over the seeds, and the difference is compared with Student's t distribution, with the degrees of freedom of Welch and
/// Satterthwaite. Both variances contain the chance in how a seed meets a sentence, so that p is rather too large than too small.
public struct PairedTest: Sendable {
    /// A score that is a function of counts which are added over sentences. Its raw value is its name in results.
    public enum Statistic: String, Sendable {
        /// The fraction of correct answers. The counts are the correct answers and all answers.
        case accuracy
        /// The F1 of spans. The counts are the correct, predicted and expected spans.
        case f1
        /// The mean F1 of several measures. The counts are the numerator and denominator of recall and those of precision, for one
        /// measure after the other.
        case meanF1

        /// Returns true if a sentence has this number of counts.
        fileprivate func takes(_ counts: Int) -> Bool {
            switch self {
            case .accuracy: counts == 2
            case .f1: counts == 3
            case .meanF1: counts > 0 && counts % 4 == 0
            }
        }

        /// Returns the score of added counts, from 0 to 1.
        public func value(of counts: [Double]) -> Double {
            switch self {
            case .accuracy: return counts[1] > 0 ? counts[0] / counts[1] : 0
            case .f1: return counts[1] + counts[2] > 0 ? 2 * counts[0] / (counts[1] + counts[2]) : 0
            case .meanF1:
                var sum = 0.0
                for first in stride(from: 0, to: counts.count, by: 4) {
                    let recall = counts[first + 1] > 0 ? counts[first] / counts[first + 1] : 0
                    let precision = counts[first + 3] > 0 ? counts[first + 2] / counts[first + 3] : 0
                    if recall + precision > 0 { sum += 2 * recall * precision / (recall + precision) }
                }
                return sum / Double(counts.count / 4)
            }
        }
    }

    /// The outcome of a test.
    public struct Outcome: Sendable, Equatable {
        /// The first system's score minus the second one's, as means over seeds.
        public let difference: Double
        /// The probability of a difference at least as large, in either direction, between equal systems on other sentences and with
        /// other seeds. With one seed it is `pOfSentences`.
        public let p: Double
        /// The probability of a difference at least as large between these trained networks on other sentences. It is never below 1 /
        /// (trials + 1).
        public let pOfSentences: Double
    }

    /// The number of random trials.
    public let trials: Int
    /// The seed of the random trials.
    public let seed: UInt64

    /// Makes a test.
    public init(trials: Int = 10_000, seed: UInt64 = 1) {
        precondition(trials > 0, "a test has at least one trial")
        (self.trials, self.seed) = (trials, seed)
    }

    /// Returns true if the counts, [seeds × sentences × counts], belong to one statistic and to the same sentences. `compare` needs
    /// such counts, and a file may lack them.
    public static func fits(_ counts: [[[Double]]], _ statistic: Statistic) -> Bool {
        guard let width = counts.first?.first?.count, statistic.takes(width), let sentences = counts.first?.count else { return false }
        return counts.allSatisfy { sentence in
            sentence.count == sentences && sentence.allSatisfy { $0.count == width && $0.allSatisfy { (0...1e15).contains($0) } }
        }
    }

    /// Tests the difference between two systems.
    /// - Parameters:
    ///   - first: the counts of the first system, [seeds × sentences × counts].
    ///   - second: the counts of the second system on the same sentences, [seeds × sentences × counts].
    ///   - statistic: the score. The difference is that of its means over seeds.
    public func compare(_ first: [[[Double]]], _ second: [[[Double]]], by statistic: Statistic) -> Outcome {
        let sentences = first.first?.count ?? 0, width = first.first?.first?.count ?? 0
        precondition(
            first.count == second.count && sentences > 0 && (first + second).allSatisfy { $0.count == sentences },
            "two systems have the same seeds and sentences")
        var trial = Trial(first, second, width, statistic)
        let observed = trial.difference
        // A difference that is smaller only by rounding counts as equally large.
        let bound = abs(observed) - 1e-12
        var generator = SplitMix(state: seed), asLarge = 0
        var squares = 0.0
        for _ in 0..<trials {
            trial.restart()
            // The results of a sentence with all seeds are swapped together: what both systems do in the same way with every seed is
            // one observation, not several.
            for sentence in trial.differing where generator.nextBit() {
                for seed in first.indices { trial.swap(seed, sentence) }
            }
            let difference = trial.difference
            squares += difference * difference
            if abs(difference) >= bound { asLarge += 1 }
        }
        let pOfSentences = Double(asLarge + 1) / Double(trials + 1), scores = trial.scores
        guard first.count > 1 else { return Outcome(difference: observed, p: pOfSentences, pOfSentences: pOfSentences) }
        let ofSentences = Variance(value: squares / Double(trials), degreesOfFreedom: Double(max(1, sentences - 1)))
        let variance = ofSentences + Self.varianceOfMean(scores.first) + Self.varianceOfMean(scores.second)
        let p = variance.value > 0
            ? StudentDistribution.twoSidedP(observed / variance.value.squareRoot(), degreesOfFreedom: variance.degreesOfFreedom) : 1
        return Outcome(difference: observed, p: p, pOfSentences: pOfSentences)
    }

    private struct Variance {
        var value, degreesOfFreedom: Double

        /// The variance of a sum of independent parts (Satterthwaite 1946).
        static func + (first: Self, second: Self) -> Self {
            let sum = first.value + second.value
            let fourth = first.value * first.value / first.degreesOfFreedom + second.value * second.value / second.degreesOfFreedom
            return Self(value: sum, degreesOfFreedom: fourth > 0 ? sum * sum / fourth : first.degreesOfFreedom)
        }
    }

    /// Returns the variance of the mean of some values.
    private static func varianceOfMean(_ values: [Double]) -> Variance {
        let count = Double(values.count), mean = values.reduce(0, +) / count
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return Variance(value: squares / (count - 1) / count, degreesOfFreedom: count - 1)
    }
}

extension PairedTest.Statistic {
    /// The smallest number of counts of a sentence.
    public var leastCounts: Int {
        switch self {
        case .accuracy: 2
        case .f1: 3
        case .meanF1: 4
        }
    }
}

/// The added counts of two systems after some swaps.
private struct Trial {
    private let width: Int
    private let statistic: PairedTest.Statistic
    /// The counts that a swap adds to the first system and subtracts from the second one, [seeds × sentences × width].
    private let changes: [[Double]]
    private let firstSums, secondSums: [[Double]]
    private var moved: [[Double]]
    /// The sentences on which the systems differ with at least one seed; a swap of other sentences changes nothing.
    let differing: [Int]

    init(_ first: [[[Double]]], _ second: [[[Double]]], _ width: Int, _ statistic: PairedTest.Statistic) {
        (self.width, self.statistic) = (width, statistic)
        func sums(_ seeds: [[[Double]]]) -> [[Double]] {
            seeds.map { sentences in
                sentences.reduce(into: [Double](repeating: 0, count: width)) { sums, counts in
                    for index in 0..<width { sums[index] += counts[index] }
                }
            }
        }
        firstSums = sums(first)
        secondSums = sums(second)
        let changes = zip(first, second).map { zip($0, $1).flatMap { zip($0, $1).map { $1 - $0 } } }
        differing = (first.first ?? []).indices.filter { sentence in
            changes.contains { $0[sentence * width..<(sentence + 1) * width].contains { $0 != 0 } }
        }
        self.changes = changes
        moved = first.map { _ in [Double](repeating: 0, count: width) }
    }

    mutating func restart() {
        for seed in moved.indices {
            for index in 0..<width { moved[seed][index] = 0 }
        }
    }

    mutating func swap(_ seed: Int, _ sentence: Int) {
        for index in 0..<width { moved[seed][index] += changes[seed][sentence * width + index] }
    }

    /// The scores of both systems with each seed, without swaps.
    var scores: (first: [Double], second: [Double]) {
        (firstSums.map { statistic.value(of: $0) }, secondSums.map { statistic.value(of: $0) })
    }

    /// The difference between both systems' means over seeds, after the swaps.
    var difference: Double {
        var sum = 0.0
        for seed in moved.indices {
            sum += statistic.value(of: zip(firstSums[seed], moved[seed]).map { $0 + $1 })
            sum -= statistic.value(of: zip(secondSums[seed], moved[seed]).map { $0 - $1 })
        }
        return sum / Double(moved.count)
    }
}

/// The random number generator SplitMix64 (Steele et al. 2014), bit by bit.
private struct SplitMix {
    var state: UInt64
    private var bits: UInt64 = 0
    private var left = 0

    init(state: UInt64) { self.state = state }

    mutating func nextBit() -> Bool {
        if left == 0 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            bits = mixed ^ (mixed >> 31)
            left = 64
        }
        defer {
            bits >>= 1
            left -= 1
        }
        return bits & 1 == 1
    }
}

extension Accuracy {
    /// The counts of `PairedTest.Statistic.accuracy`.
    public var counts: [Double] { [Double(correct), Double(total)] }
}

extension SpanCounts {
    /// The counts of `PairedTest.Statistic.f1`.
    public var counts: [Double] { [Double(correct), Double(found), Double(expected)] }
}

extension CoreferenceScore {
    /// The counts of `PairedTest.Statistic.meanF1`, of the three measures of `mean`.
    public var counts: [Double] {
        [muc, bCubed, ceafE].flatMap { [$0.recallNumerator, $0.recallDenominator, $0.precisionNumerator, $0.precisionDenominator] }
    }
}
