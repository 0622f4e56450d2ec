public import Kernels

/// A distance between predicted and target vectors: a value that declares its scratch memory in a `Plan`.
///
/// ```swift
/// let loss: any EmbeddingLoss = Distance.cosine
/// ```
public protocol EmbeddingLoss: Sendable {
    /// Adds the distance of each row, times its factor, to `loss`, and writes the gradient if `gradient` is given.
    ///
    /// - `prediction`, `target`: [n, size]
    /// - `factors`: [n], 0 for positions without a target.
    /// - `gradient`: [n, size]; must not overlap `prediction`.
    ///
    /// The loss is NaN if a prediction with a nonzero factor contains NaN.
    func add(
        prediction: Matrix, target: Matrix, factors: Scalars, gradient: Matrix?, to loss: Scalars, _ run: Run)
}

extension Distance: EmbeddingLoss {
    /// Adds the distance of each row, times its factor, to `loss`, and writes the gradient if `gradient` is given.
    public func add(
        prediction: Matrix, target: Matrix, factors: Scalars, gradient: Matrix?, to loss: Scalars, _ run: Run
    ) {
        run.backend.addDistance(self, prediction, target, factors: factors, gradient: gradient, loss: loss)
    }
}

/// max(0, margin + cos(p, t') - cos(p, t)), where t' is the most informative negative of the window; see `MaxMargin`.
///
/// ```swift
/// let loss = MaxMarginLoss(margin: 0.5, rows: 320, size: 300, in: &plan)
/// ```
public struct MaxMarginLoss: EmbeddingLoss {
    /// The margin in cosine.
    public let margin: Double
    private let rows: Int
    private let negatives, products, nearestProducts: MatrixSlot
    private let places, nearest: NumberSlot

    /// Declares the memory of the loss.
    /// - `rows`: maximum number of rows in one call.
    /// - `size`: size of the vectors.
    public init(margin: Double = 0.5, rows: Int, size: Int, in plan: inout Plan) {
        self.margin = margin
        self.rows = rows
        negatives = plan.matrix(rows: rows, columns: size)
        products = plan.matrix(rows: min(rows, MaxMargin.blockRows), columns: min(rows, MaxMargin.blockColumns))
        nearestProducts = plan.matrix(rows: 1, columns: rows)
        places = plan.numbers(rows)
        nearest = plan.numbers(rows)
    }

    public func add(
        prediction: Matrix, target: Matrix, factors: Scalars, gradient: Matrix?, to loss: Scalars, _ run: Run
    ) {
        let memory = MaxMargin(
            margin: margin, negatives: run.matrix(negatives, rows: rows), products: run.vector(products),
            places: run.numbers(places), nearestProducts: run.vector(nearestProducts), nearest: run.numbers(nearest))
        run.backend.addMaxMargin(memory, prediction, target, factors: factors, gradient: gradient, loss: loss)
    }
}
