internal import Parallel

/// The margin and scratch memory of the max-margin loss,
///
///     max(0, margin + cos(p, t') - cos(p, t)),
/// where t' is the most informative negative (Lazaridou, Dinu and Baroni 2015; Kumar and Tsvetkov 2019, arXiv:1812.04616).
/// t' being the most informative negative (Lazaridou, Dinu and Baroni 2015; Kumar and Tsvetkov 2019, arXiv:1812.04616).
///
/// Among the targets at other positions of the window, t' is the one nearest to the prediction by cosine whose word, and so whose
/// vector, differs. It violates the margin most, so the loss is continuous and the maximum over all negatives. Searching the whole
/// vocabulary would cost as much as a softmax; the words of a window are at hand, frequent ones more often. Positions of factor 0
/// and zero vectors are not used as negatives; without any negative the loss is 0. A zero vector has cosine 0 and no gradient.
/// there is none at all, the loss is 0. A zero vector has cosine 0 and no gradient.
/// Cosines of all predictions with all targets are computed as products of blocks.
///
/// ```swift
/// backend.addMaxMargin(margin, prediction, target, factors: factors, gradient: nil, loss: loss)
/// ```
/// The cosines of all predictions with all targets are products of blocks.
public struct MaxMargin: Sendable {
    /// The margin in cosine, such as 0.5.
    public let margin: Double
    /// Unit vectors of the targets that can be negatives, one after another, [rows, size].
    public let negatives: Matrix
    /// Products of one block of predictions with one block of negatives, [blockRows, blockColumns].
    public let products: Matrix
    /// The row whose target each negative is, [rows].
    public let places: Numbers
    /// Largest product of each row so far, p·t' / |t'|, [1, rows].
    public let nearestProducts: Matrix
    /// The negative with the largest product of each row so far, or -1 for none, [rows].
    public let nearest: Numbers

    /// Predictions in a block.
    public static let blockRows = 256
    /// Negatives in a block.
    public static let blockColumns = 1024

    /// Creates the loss over scratch memory of the shapes given at the properties.
    public init(
        margin: Double, negatives: Matrix, products: Matrix, places: Numbers, nearestProducts: Matrix, nearest: Numbers
    ) {
        self.margin = margin
        self.negatives = negatives
        self.products = products
        self.places = places
        self.nearestProducts = nearestProducts
        self.nearest = nearest
    }
}

extension ProcessorBackend {
    public func addMaxMargin(
        _ margin: MaxMargin, _ prediction: Matrix, _ target: Matrix, factors: Scalars, gradient: Matrix?, loss: Scalars
    ) {
        let size = prediction.columns
        precondition(prediction.rows <= margin.negatives.rows && target.columns == size && size == margin.negatives.columns)
        let unit = gatherNegatives(margin, target, factors)
        findNearest(margin, prediction, target, unit)
        var sum = 0.0
        for row in 0..<prediction.rows {
            let gradient = gradient?.row(row)
            gradient?.update(repeating: 0, count: size)
            let weight = factors[row]
            guard weight != 0 else { continue }
            let p = prediction.row(row), t = target.row(row)
            let norm = Vector.norm(p, count: size), targetNorm = Vector.norm(t, count: size)
            let inverse = norm == 0 ? 0 : 1 / norm
            let targetInverse = targetNorm == 0 ? 0 : 1 / targetNorm
            let cosine = Vector.dot(p, t, count: size) * inverse * targetInverse
            let negative = margin.nearest[row] < 0 ? nil : unit.row(Int(margin.nearest[row]))
            let negativeCosine = negative.map { Vector.dot(p, $0, count: size) * inverse } ?? -.infinity
            let violation = margin.margin + negativeCosine - cosine
            // The comparison fails for NaN, which therefore reaches the loss.
            guard !(violation <= 0) else { continue }
            sum += weight * violation
            guard let gradient, let negative else { continue }
            // d(cos(p, t') - cos(p, t))/dp = (t' / |t'| - t / |t| - (cos(p, t') - cos(p, t)) p / |p|) / |p|
            let away = Float(weight * inverse)
            let towards = Float(weight * inverse * targetInverse)
            let along = Float(weight * (negativeCosine - cosine) * inverse * inverse)
            for index in 0..<size {
                gradient[index] = away * negative[index] - towards * t[index] - along * p[index]
            }
        }
        loss[0] += sum
    }

    /// Fills `negatives` and `places`, and returns the part of `negatives` in use.
    private func gatherNegatives(_ margin: MaxMargin, _ target: Matrix, _ factors: Scalars) -> Matrix {
        var count = 0
        for row in 0..<target.rows where factors[row] != 0 {
            let unit = margin.negatives.row(count)
            unit.update(from: target.row(row), count: target.columns)
            guard Vector.normalize(unit, count: target.columns) > 0 else { continue }
            margin.places[count] = Int32(row)
            count += 1
        }
        return margin.negatives.rows(0..<count)
    }

    private func findNearest(_ margin: MaxMargin, _ prediction: Matrix, _ target: Matrix, _ unit: Matrix) {
        margin.nearestProducts.fill(-.infinity)
        margin.nearest.fill(-1)
        for row in stride(from: 0, to: prediction.rows, by: MaxMargin.blockRows) {
            let rows = row..<min(row + MaxMargin.blockRows, prediction.rows)
            for column in stride(from: 0, to: unit.rows, by: MaxMargin.blockColumns) {
                let columns = column..<min(column + MaxMargin.blockColumns, unit.rows)
                let products = Matrix(margin.products.start, rows: rows.count, columns: columns.count)
                multiply(prediction.rows(rows), unit.rows(columns).transposed, into: products, adding: false)
                pool.run(
                    Search(
                        margin: margin, products: products, target: target, firstRow: rows.lowerBound,
                        firstNegative: columns.lowerBound))
            }
        }
    }

    /// The search through one block of products, split by rows among the threads.
    private struct Search: ParallelJob {
        let margin: MaxMargin
        let products, target: Matrix
        let firstRow, firstNegative: Int

        private static let rowsPerTask = 32

        var tasks: Int { (products.rows + Self.rowsPerTask - 1) / Self.rowsPerTask }

        func run(_ task: Int) {
            let first = task * Self.rowsPerTask
            for index in first..<min(first + Self.rowsPerTask, products.rows) {
                let row = firstRow + index, values = products.row(index)
                var best = margin.nearestProducts.start[row], negative = margin.nearest[row]
                for column in 0..<products.columns where values[column] > best {
                    guard isAnotherWord(Int(margin.places[firstNegative + column]), row) else { continue }
                    (best, negative) = (values[column], Int32(firstNegative + column))
                }
                margin.nearestProducts.start[row] = best
                margin.nearest[row] = negative
            }
        }

        /// Returns true if two rows have different target vectors; most differ in the first component.
        private func isAnotherWord(_ one: Int, _ other: Int) -> Bool {
            let (one, other) = (target.row(one), target.row(other))
            for index in 0..<target.columns where one[index] != other[index] { return true }
            return false
        }
    }
}
