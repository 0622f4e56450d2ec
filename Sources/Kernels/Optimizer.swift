internal import Parallel

/// A rule that turns gradients into new weights in one pass over memory: clipping, moments, weight decay, update, and clearing the
/// gradient for the next step.
///
/// ```swift
/// let rule: any Optimizer = Adam()
/// rule.update(run, OptimizerStep(number: 1, rate: 1e-3), on: backend)
/// ```
public protocol Optimizer: Sendable {
    /// Names of the one or two numbers that the rule keeps for each weight.
    var momentNames: [String] { get }
    /// Value of these numbers before the first update.
    var initialMoment: Float { get }

    /// Updates a run of weights and clears its gradients.
    func update(_ run: WeightRun, _ step: OptimizerStep, on backend: any Backend)
}

/// Weights with what belongs to each: the gradient, and one or two numbers kept by the optimiser.
///
/// ```swift
/// let run = WeightRun(weights: weights, gradients: gradients, firstMoments: first, secondMoments: second)
/// ```
public struct WeightRun: Sendable {
    /// Matrices of one shape, unless `rows` gives the rows of weights and moments to which the rows of gradients belong.
    public let weights, gradients, firstMoments: Matrix
    /// The second number of each weight; `nil` for a rule that keeps only one.
    public let secondMoments: Matrix?
    /// The rows of weights and moments to which the rows of `gradients` belong; `nil` means all rows, in order.
    public let rows: Numbers?

    /// Creates a run of weights; see the properties for shapes.
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
    /// A piece of the weights and what belongs to them.
    struct Piece {
        let weights, gradients, first: UnsafeMutablePointer<Float>
        /// The second moments, or `first` again for a rule that keeps only one.
        let second: UnsafeMutablePointer<Float>
        let count: Int
    }

    /// Rows in a task.
    private static let group = 64

    /// Number of tasks into which the run is split.
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

/// An update of a run, split into tasks.
protocol WeightPass: ParallelJob {
    var part: WeightRun { get }

    func update(_ piece: WeightRun.Piece)
}

extension WeightPass {
    var tasks: Int { part.tasks }

    func run(_ task: Int) { part.forEachPiece(of: task, update) }
}

/// The numbers of one update beside the weights and gradients.
///
/// ```swift
/// let step = OptimizerStep(number: 1, rate: 1e-3, weightDecay: 0.01)
/// ```
public struct OptimizerStep: Sendable {
    /// 1 for the first update.
    public var number: Int
    /// Learning rate.
    public var rate: Float
    /// Factor applied to all gradients: for clipping, and for the mean over accumulated windows.
    public var scale: Float = 1
    /// Weight decay, decoupled from the gradient (Loshchilov and Hutter 2019): each update subtracts rate x decay x w from w.
    public var weightDecay: Float = 0
    /// True if a device should leave the gradients of a run without `rows` uncleared, because most will be overwritten.
    public var keepsGradients = false

    /// Creates the numbers of an update.
    public init(number: Int, rate: Float, scale: Float = 1, weightDecay: Float = 0) {
        self.number = number
        self.rate = rate
        self.scale = scale
        self.weightDecay = weightDecay
    }
}
