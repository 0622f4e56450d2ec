internal import Parallel

/// The memory and the margin of the max-margin loss,
///
///     max(0, margin + cos(p, t') - cos(p, t)),
///
/// t' being the most informative negative (Lazaridou, Dinu and Baroni 2015; Kumar and Tsvetkov 2019, arXiv:1812.04616).
///
/// t' is, of the targets at the other positions of the window, the one of another word (whose vector differs) that is
/// nearest to the prediction by cosine. It is the one that violates the margin most, so the loss is the maximum over
/// all negatives, and continuous. To look for it in the whole vocabulary would cost what a softmax does; a window has
/// its words at hand, frequent ones more often. Positions that do not count, and zero vectors, are no negatives; where
/// there is none at all, the loss is 0. A zero vector has cosine 0 and no gradient.
///
/// The cosines of all predictions with all targets are products of blocks.
public struct MaxMargin: Sendable {
    public let margin: Double
    /// [rows, size]: the unit vectors of the targets that can be negatives, one after the other.
    public let negatives: Matrix
    /// [blockRows, blockColumns]: products of some predictions with some negatives.
    public let products: Matrix
    /// [rows]: the row that each negative is the target of.
    public let places: Numbers
    /// [1, rows] and [rows]: the greatest product of each row so far, p·t' / |t'|, and with which negative; -1: none.
    public let nearestProducts: Matrix
    public let nearest: Numbers

    public static let blockRows = 256
    public static let blockColumns = 1024

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
            // Written so that NaN is noticed.
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

    /// Fills `negatives` and `places`; the result is the part of them that is in use.
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

    /// The search through one block of products, cut by rows for the threads.
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

        /// Returns true if the target vectors of two rows differ; most differ in the first number.
        private func isAnotherWord(_ one: Int, _ other: Int) -> Bool {
            let (one, other) = (target.row(one), target.row(other))
            for index in 0..<target.columns where one[index] != other[index] { return true }
            return false
        }
    }
}
