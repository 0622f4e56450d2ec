internal import Parallel

/// A rule that turns gradients into new weights, all of it in one pass over memory: clipping, moments, weight decay,
/// update, and the gradient set to zero for the next step.
public protocol Optimizer: Sendable {
    /// Names of the numbers that the rule keeps for each weight, one or two.
    var momentNames: [String] { get }
    /// The value of these numbers before the first update.
    var initialMoment: Float { get }

    func update(_ run: WeightRun, _ step: OptimizerStep, on backend: any Backend)
}

/// Weights with what belongs to each: gradients, and one or two numbers that the rule keeps.
public struct WeightRun: Sendable {
    /// Matrices of one shape, unless `rows` says to which rows of weights and moments the rows of gradients belong.
    public let weights, gradients, firstMoments: Matrix
    /// `nil` for a rule that keeps one number only.
    public let secondMoments: Matrix?
    public let rows: Numbers?

    public init(weights: Matrix, gradients: Matrix, firstMoments: Matrix, secondMoments: Matrix?, rows: Numbers? = nil) {
        precondition(gradients.columns == weights.columns && (rows?.count ?? weights.rows) == gradients.rows)
        self.weights = weights
        self.gradients = gradients
        self.firstMoments = firstMoments
        self.secondMoments = secondMoments
        self.rows = rows
    }
}

extension WeightRun {
    /// Weights side by side, and what belongs to them.
    struct Piece {
        let weights, gradients, first: UnsafeMutablePointer<Float>
        /// `first` again for a rule that keeps one number only.
        let second: UnsafeMutablePointer<Float>
        let count: Int
    }

    /// Rows of a task.
    private static let group = 64

    /// Tasks that the run is cut into for the threads.
    var tasks: Int {
        rows == nil ? Reduction.blockCount(weights.rows * weights.columns) : gradients.rows.groups(of: Self.group)
    }

    func forEachPiece(of task: Int, _ body: (Piece) -> Void) {
        let second = secondMoments ?? firstMoments
        guard let rows else {
            let count = weights.rows * weights.columns, size = Reduction.blockSize(count), start = task * size
            return body(
                Piece(
                    weights: weights.start + start, gradients: gradients.start + start, first: firstMoments.start + start,
                    second: second.start + start, count: min(size, count - start)))
        }
        for index in gradients.rows.group(task, of: Self.group) {
            let row = Int(rows[index])
            body(
                Piece(
                    weights: weights.row(row), gradients: gradients.row(index), first: firstMoments.row(row),
                    second: second.row(row), count: weights.columns))
        }
    }
}

/// An update of a run, cut into tasks.
protocol WeightPass: ParallelJob {
    var part: WeightRun { get }

    func update(_ piece: WeightRun.Piece)
}

extension WeightPass {
    var tasks: Int { part.tasks }

    func run(_ task: Int) { part.forEachPiece(of: task, update) }
}

/// The numbers that one update needs beside the weights and gradients.
public struct OptimizerStep: Sendable {
    /// 1 for the first update.
    public var number: Int
    public var rate: Float
    /// A factor of all gradients: what clipping asks for, and the mean over accumulated windows.
    public var scale: Float = 1
    /// Decoupled from the gradient (Loshchilov and Hutter 2019): w loses rate x decay x w.
    public var weightDecay: Float = 0
    /// True if gradients of a run without rows stay as they are, on a device, because most of them will be overwritten.
    public var keepsGradients = false

    public init(number: Int, rate: Float, scale: Float = 1, weightDecay: Float = 0) {
        self.number = number
        self.rate = rate
        self.scale = scale
        self.weightDecay = weightDecay
    }
}
