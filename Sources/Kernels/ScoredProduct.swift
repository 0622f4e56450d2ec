internal import CKernels
internal import Glibc
internal import Parallel

// Products that are scored as they are computed, a few candidates at a time, and never stored: writing and reading them would take
// more time and memory than computing them.
extension ProcessorBackend {
    /// Returns the product of each row of `left` with one column of `right`, equal bit for bit to the element of the whole product.
    /// - `columns`: a column for each row, [rows]; if negative, the result is NaN.
    public func values(_ left: Matrix, _ right: PackedFactor, at columns: [Int]) -> [Float] {
        let panels = checked(left, right)
        precondition(columns.count == left.rows && columns.allSatisfy { $0 < panels.columns })
        return [Float](unsafeUninitializedCapacity: left.rows) { values, count in
            guard let values = values.baseAddress else { return }
            values.initialize(repeating: .nan, count: left.rows)
            count = left.rows
            let group = ScoreJob.groupRows, kernels = kernels
            pool.forEach((left.rows + group - 1) / group) { task in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: panels.width) { tile in
                    guard let tile = tile.baseAddress else { return }
                    for row in task * group..<min((task + 1) * group, left.rows) where columns[row] >= 0 {
                        for first in stride(from: 0, to: panels.depth, by: ProcessorBackend.blockDepth) {
                            // A row by itself lies in a panel as it does in its matrix.
                            kernels.multiply(
                                1, panels.width, min(ProcessorBackend.blockDepth, panels.depth - first), left.row(row) + first,
                                panels.panel(columns[row] / panels.width) + first * panels.width, tile, panels.width, first > 0)
                        }
                        values[row] = tile[columns[row] % panels.width]
                    }
                }
            }
        }
    }

    /// Sums the scores of all columns of `right` for each row of `left`; see `candidateScores`.
    /// - `targets`: [rows].
    /// - `moments`: whether to compute mean and variance of the values.
    public func scoreSums(
        _ left: Matrix, _ right: PackedFactor, prior: Matrix, scale: Float, targets: [ScoreTarget], moments: Bool
    ) -> [ScoreSums] {
        let panels = checked(left, right)
        precondition(targets.count == left.rows && prior.columns == panels.columns)
        operations += 2 * Double(left.rows) * Double(panels.columns) * Double(panels.depth)
        return [ScoreSums](unsafeUninitializedCapacity: left.rows) { sums, count in
            guard let sums = sums.baseAddress else { return }
            count = left.rows
            let job = ScoreJob(
                left: left, right: panels, prior: prior.start, scale: scale, moments: moments, sums: sums, kernels: kernels,
                threads: pool.threads)
            targets.withUnsafeBufferPointer { targets in
                guard let targets = targets.baseAddress else { return }
                // Tasks run in rounds, so that only some of them hold memory.
                for first in stride(from: 0, to: job.tasks, by: ScoreJob.most) {
                    let tasks = min(ScoreJob.most, job.tasks - first)
                    let memory = scratch(tasks * job.memory)
                    pool.forEach(tasks) { task in job.run(first + task, targets, memory + task * job.memory) }
                }
            }
        }
    }

    private func checked(_ left: Matrix, _ right: PackedFactor) -> RightPanels {
        let panels = right.panels(kernels)
        precondition(left.columns == panels.depth, "product of \(left.columns) and \(panels.depth) x \(panels.columns)")
        return panels
    }
}

/// A product and the scores of its elements, split into tasks by rows of the left factor.
private struct ScoreJob {
    let left: Matrix
    let right: RightPanels
    let prior: UnsafePointer<Float>
    let scale: Float
    let moments: Bool
    let sums: UnsafeMutablePointer<ScoreSums>
    let kernels: ProcessorKernels
    /// Rows in a task.
    let rows: Int

    /// Maximum rows in a task: the right factor is read once for all of them.
    static let groupRows = 64
    /// Columns whose values exist at one time: with the rows of a task they fit the second-level cache.
    private static let strip = 1024
    /// Distance in floats between rows of values: not a power of two, or rows would evict each other from the cache.
    private static let stride = strip + 16
    /// Tasks that hold memory at one time.
    static let most = 256

    init(
        left: Matrix, right: RightPanels, prior: UnsafePointer<Float>, scale: Float, moments: Bool,
        sums: UnsafeMutablePointer<ScoreSums>, kernels: ProcessorKernels, threads: Int
    ) {
        self.left = left
        self.right = right
        self.prior = prior
        self.scale = scale
        self.moments = moments
        self.sums = sums
        self.kernels = kernels
        // Few rows are still shared among all threads.
        let shares = (left.rows + threads - 1) / threads
        rows = max(1, min(Self.groupRows, (shares + kernels.rows - 1) / kernels.rows * kernels.rows))
    }

    var tasks: Int { (left.rows + rows - 1) / rows }

    /// Floats of scratch memory for a task.
    var memory: Int { LeftPanels.size(rows: rows, depth: right.depth) + rows * Self.stride }

    func run(_ task: Int, _ targets: UnsafePointer<ScoreTarget>, _ memory: UnsafeMutablePointer<Float>) {
        let range = task * rows..<min((task + 1) * rows, left.rows)
        let panels = LeftPanels(memory, rows: range.count, depth: right.depth, kernels: kernels)
        panels.pack(left.operand, row: range.lowerBound, column: 0, panels: 0..<panels.count)
        let values = memory + LeftPanels.size(rows: rows, depth: right.depth)
        withUnsafeTemporaryAllocation(of: ContourScoreLanes.self, capacity: range.count) { lanes in
            guard let lanes = lanes.baseAddress else { return }
            lanes.initialize(repeating: Self.begin, count: range.count)
            let width = Self.strip / right.width
            for first in Swift.stride(from: 0, to: right.count, by: width) {
                let strip = first..<min(first + width, right.count)
                multiply(panels, strip, into: values)
                let column = first * right.width
                for row in 0..<range.count {
                    let target = targets[range.lowerBound + row]
                    kernels.addScores(
                        values + row * Self.stride, prior + column, min(strip.count * right.width, right.columns - column), scale,
                        target.value, target.prior, moments, lanes + row)
                }
            }
            for row in 0..<range.count { (sums + range.lowerBound + row).initialize(to: ScoreSums(lanes[row])) }
        }
    }

    /// Computes products with some panels of the right factor.
    private func multiply(_ left: LeftPanels, _ strip: Range<Int>, into values: UnsafeMutablePointer<Float>) {
        for first in Swift.stride(from: 0, to: left.depth, by: ProcessorBackend.blockDepth) {
            let depth = min(ProcessorBackend.blockDepth, left.depth - first)
            for index in strip {
                let column = (index - strip.lowerBound) * right.width
                for panel in 0..<left.count {
                    let rows = left.rows(panel)
                    kernels.multiply(
                        rows.count, min(right.width, right.columns - index * right.width), depth,
                        left.panel(row: rows.lowerBound, height: rows.count, depth: first),
                        right.panel(index) + first * right.width, values + rows.lowerBound * Self.stride + column, Self.stride,
                        first > 0)
                }
            }
        }
    }

    private static let begin: ContourScoreLanes = {
        var lanes = ContourScoreLanes()
        withUnsafeMutableBytes(of: &lanes.highest) { bytes in
            bytes.bindMemory(to: Float.self).update(repeating: CONTOUR_LOWEST_SCORE)
        }
        return lanes
    }()
}

/// The standing of a target among the candidates at one position.
///
/// ```swift
/// let scores = backend.candidateScores(left, weights, prior: prior, targets: [3, 17])
/// print(scores[0].higherScores + 1)        // rank of the right word
/// ```
public struct CandidateScores: Sendable, Equatable {
    /// Number of candidates whose value is above the target's.
    public let higherValues: Int
    /// Number of candidates whose score is above the target's.
    public let higherScores: Int
    /// log p(target) under the softmax of the scores.
    public let logProbability: Double

    /// Creates the standing of a target from sums over all candidates.
    /// - `targetScore`: NaN ranks below all candidates.
    /// - `count`: number of all candidates.
    public init(_ sums: ScoreSums, targetScore: Double, count: Int) {
        let isNumber = targetScore == targetScore
        higherValues = isNumber ? sums.higherValues : count
        higherScores = isNumber ? sums.higherScores : count
        logProbability = targetScore - sums.logTotal
    }
}

/// The target that candidates at one position are compared with. Its score is scale x value + prior, like theirs.
///
/// ```swift
/// let target = ScoreTarget(value: 0.8, prior: -7.5)
/// ```
public struct ScoreTarget: Sendable {
    /// The target's product with the prediction, and its prior.
    public let value, prior: Float

    /// Creates a target.
    public init(value: Float, prior: Float) {
        self.value = value
        self.prior = prior
    }

    /// Creates a score to compare with where the target is not among the candidates.
    public init(score: Float) { self.init(value: 0, prior: score) }

    /// A target above which no candidate scores.
    public static let none = ScoreTarget(score: .infinity)
}

/// Sums over the scores of candidates at one position.
///
/// ```swift
/// var sums = part
/// sums.add(otherPart)
/// print(sums.logTotal)
/// ```
public struct ScoreSums: Sendable {
    /// Numbers of candidates whose value, and whose score, is above the target's.
    public private(set) var higherValues = 0, higherScores = 0
    private var highest = -Double.infinity
    /// Sums over candidates of e^(score - highest) times 1, the value, and the value squared.
    private var zeroth = 0.0, first = 0.0, second = 0.0

    /// Creates sums over no candidates.
    public init() {}

    /// Creates sums computed by another backend.
    /// - `sums`: sums of e^(score - highest) times 1, the value, and the value squared.
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

    /// Adds other candidates of the same position, whose scores are greater by `offset` than those that were summed.
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

    /// log of the sum of e^score; -infinity without candidates.
    public var logTotal: Double { highest + log(zeroth) }
    /// Mean of the values under the softmax of the scores, if moments were requested.
    public var mean: Double { first / zeroth }
    /// Variance of the values under the softmax of the scores, if moments were requested.
    public var variance: Double { second / zeroth - mean * mean }
}
