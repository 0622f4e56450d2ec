public import Kernels

/// A distance between predicted and target vectors: a value, which declares in a `Plan` what memory it needs.
public protocol EmbeddingLoss: Sendable {
    /// Adds the distances of all rows, each times its factor, to `loss`, and writes their gradient.
    ///
    /// - Parameters:
    ///   - prediction, target: [n, size]
    ///   - factors: [n], 0 for positions that have no target.
    ///   - gradient: [n, size], written where one is wanted; may not be `prediction`'s memory.
    ///
    /// The loss is NaN if a prediction that counts is not a number.
    func add(
        prediction: Matrix, target: Matrix, factors: Scalars, gradient: Matrix?, to loss: Scalars, _ run: Run)
}

extension Distance: EmbeddingLoss {
    public func add(
        prediction: Matrix, target: Matrix, factors: Scalars, gradient: Matrix?, to loss: Scalars, _ run: Run
    ) {
        run.backend.addDistance(self, prediction, target, factors: factors, gradient: gradient, loss: loss)
    }
}

/// max(0, margin + cos(p, t') - cos(p, t)), t' being the most informative negative of the window; see `MaxMargin`.
public struct MaxMarginLoss: EmbeddingLoss {
    public let margin: Double
    private let rows: Int
    private let negatives, products, nearestProducts: MatrixSlot
    private let places, nearest: NumberSlot

    /// - Parameters:
    ///   - rows: the most there are in one call.
    ///   - size: of the vectors.
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
