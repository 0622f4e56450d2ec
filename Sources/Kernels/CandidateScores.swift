internal import CKernels
internal import Glibc

/// Where a target stands among candidates at one position.
public struct CandidateScores: Sendable, Equatable {
    /// Candidates whose value is above the target's.
    public let higherValues: Int
    /// Candidates whose score is above the target's.
    public let higherScores: Int
    /// log p(target) under the softmax over the scores.
    public let logProbability: Double

    /// - Parameters:
    ///   - targetScore: NaN is below all candidates.
    ///   - count: of all candidates.
    public init(_ sums: ScoreSums, targetScore: Double, count: Int) {
        let isNumber = targetScore == targetScore
        higherValues = isNumber ? sums.higherValues : count
        higherScores = isNumber ? sums.higherScores : count
        logProbability = targetScore - sums.logTotal
    }
}

/// What candidates are compared with at one position: a target's score is scale x value + prior, as theirs are.
public struct ScoreTarget: Sendable {
    public let value, prior: Float

    public init(value: Float, prior: Float) {
        self.value = value
        self.prior = prior
    }

    /// A score to be compared with, where the target is not among the candidates.
    public init(score: Float) { self.init(value: 0, prior: score) }

    /// No candidate's score is above this.
    public static let none = ScoreTarget(score: .infinity)
}

/// The scores of candidates at one position, added up.
public struct ScoreSums: Sendable {
    /// Candidates whose value, and whose score, is above the target's.
    public private(set) var higherValues = 0, higherScores = 0
    private var highest = -Double.infinity
    /// Of e^(score - highest), times 1, value and value squared.
    private var zeroth = 0.0, first = 0.0, second = 0.0

    /// No candidates.
    public init() {}

    /// Candidates added up by another backend.
    /// - Parameter sums: of e^(score - highest), times 1, value and value squared.
    public init(highest: Double, sums: (Double, Double, Double), higherValues: Int, higherScores: Int) {
        self.highest = highest
        (zeroth, first, second) = sums
        self.higherValues = higherValues
        self.higherScores = higherScores
    }

    init(_ lanes: ContourScoreLanes) {
        withUnsafeBytes(of: lanes.highest) { highest in
            withUnsafeBytes(of: lanes.sums) { sums in
                let highest = highest.bindMemory(to: Float.self), sums = sums.bindMemory(to: Double.self)
                let top = highest.reduce(CONTOUR_LOWEST_SCORE) { max($0, $1) }
                self.highest = Double(top)
                for lane in highest.indices where highest[lane] > CONTOUR_LOWEST_SCORE || highest[lane].isNaN {
                    let factor = exp(Double(highest[lane] - top))
                    zeroth += factor * sums[lane]
                    first += factor * sums[highest.count + lane]
                    second += factor * sums[2 * highest.count + lane]
                }
            }
        }
        higherValues = withUnsafeBytes(of: lanes.higher_values) { $0.bindMemory(to: Int32.self).reduce(0) { $0 + Int($1) } }
        higherScores = withUnsafeBytes(of: lanes.higher_scores) { $0.bindMemory(to: Int32.self).reduce(0) { $0 + Int($1) } }
    }

    /// Adds other candidates of the same position, whose scores are all `offset` more than they were when they were added up.
    public mutating func add(_ other: ScoreSums, offset: Double = 0) {
        higherValues += other.higherValues
        higherScores += other.higherScores
        guard other.highest > -.infinity else { return }
        let common = max(highest, other.highest + offset)
        let (own, others) = (exp(highest - common), exp(other.highest + offset - common))
        zeroth = own * zeroth + others * other.zeroth
        first = own * first + others * other.first
        second = own * second + others * other.second
        highest = common
    }

    /// log of the sum of e^score: -infinity of no candidates.
    public var logTotal: Double { highest + log(zeroth) }
    /// Mean and variance of the values under the softmax over the scores, if they were asked for.
    public var mean: Double { first / zeroth }
    public var variance: Double { second / zeroth - mean * mean }
}
