public import Probing

/// Tells whether two systems differ by more than chance would have it: a permutation test for pairs, by approximate randomisation (Noreen
/// 1989). The systems' results of a sentence (a document, a passage) are swapped at random, and the p-value is how often the difference of
/// the scores is at least as large then as it was.
public struct PairedTest: Sendable {
    /// A score that is a function of counts which are added over sentences.
    public enum Statistic: Sendable {
        /// Counts are those that are right, and all.
        case accuracy
        /// Counts are those that are correct, found and expected.
        case f1
        /// Counts are recall's numerator and denominator and precision's, of one measure after the other: the mean of their F1.
        case meanF1

        /// The score of added counts, from 0 to 1.
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

    /// The results that are swapped together.
    public enum Swaps: Sendable {
        /// A sentence's results, of all seeds together: the question is whether the systems would differ on other sentences. It does
        /// not take what both systems do alike with every seed for several observations.
        case sentences
        /// A sentence's results of one seed: the question is whether these trained networks differ on these sentences. With several seeds it
        /// finds smaller differences, and takes seeds for further sentences.
        case sentencesWithinSeeds
    }

    /// The outcome of a test.
    public struct Outcome: Sendable, Equatable {
        /// The first system's score less the second one's, in the mean over seeds.
        public let difference: Double
        /// The probability of a difference as large, in either direction, if the systems were alike. It is never below 1 / (trials + 1).
        public let p: Double

        public init(difference: Double, p: Double) {
            (self.difference, self.p) = (difference, p)
        }
    }

    public let trials: Int
    public let seed: UInt64

    public init(trials: Int = 10_000, seed: UInt64 = 1) {
        precondition(trials > 0, "a test has at least one trial")
        (self.trials, self.seed) = (trials, seed)
    }

    /// - Parameters:
    ///   - first, second: counts by seed, and by sentence, of two systems on the same sentences: [seeds × sentences × counts].
    ///   - statistic: the score; the difference is that of its means over seeds.
    public func compare(
        _ first: [[[Double]]], _ second: [[[Double]]], by statistic: Statistic, swapping swaps: Swaps = .sentences
    ) -> Outcome {
        let sentences = first.first?.count ?? 0, width = first.first?.first?.count ?? 0
        precondition(
            first.count == second.count && sentences > 0 && (first + second).allSatisfy { $0.count == sentences },
            "two systems have the same seeds and sentences")
        var trial = Trial(first, second, width, statistic)
        let observed = trial.difference
        // What only rounding makes smaller is as large.
        let bound = abs(observed) - 1e-12
        var generator = SplitMix(state: seed), asLarge = 0
        for _ in 0..<trials {
            trial.restart()
            switch swaps {
            case .sentences:
                for sentence in trial.differing where generator.nextBit() {
                    for seed in first.indices { trial.swap(seed, sentence) }
                }
            case .sentencesWithinSeeds:
                for seed in first.indices {
                    for sentence in trial.differing where generator.nextBit() { trial.swap(seed, sentence) }
                }
            }
            if abs(trial.difference) >= bound { asLarge += 1 }
        }
        return Outcome(difference: observed, p: Double(asLarge + 1) / Double(trials + 1))
    }
}

/// The added counts of two systems after some swaps.
private struct Trial {
    private let width: Int
    private let statistic: PairedTest.Statistic
    /// The counts that a swap adds to the first system's and takes from the second one's: [seeds × sentences × width].
    private let changes: [[Double]]
    private let firstSums, secondSums: [[Double]]
    private var moved: [[Double]]
    /// The sentences on which the systems differ with some seed; to swap others changes nothing.
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

    /// The difference of both systems' means over seeds.
    var difference: Double {
        var sum = 0.0
        for seed in moved.indices {
            sum += statistic.value(of: zip(firstSums[seed], moved[seed]).map { $0 + $1 })
            sum -= statistic.value(of: zip(secondSums[seed], moved[seed]).map { $0 - $1 })
        }
        return sum / Double(moved.count)
    }
}

/// SplitMix64 (Steele et al. 2014), bit by bit.
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
