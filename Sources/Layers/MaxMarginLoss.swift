public import Kernels
internal import Parallel

/// max(0, margin + cos(p, t') - cos(p, t)), t' being the most informative negative (Lazaridou, Dinu and Baroni 2015;
/// Kumar and Tsvetkov 2019, arXiv:1812.04616).
///
/// t' is, of the targets at the other positions of the window, the one of another word (whose vector differs) that is
/// nearest to the prediction by cosine. It is the one that violates the margin most, so the loss is the maximum over
/// all negatives, and continuous. To look for it in the whole vocabulary would cost what a softmax does; a window has
/// its words at hand, frequent ones more often. Positions that do not count, and zero vectors, are no negatives; where
/// there is none at all, the loss is 0. A zero vector has cosine 0 and no gradient.
///
/// The cosines of all predictions with all targets are products of blocks. Not for several threads at once: it works in
/// memory of its own.
public final class MaxMarginLoss: EmbeddingLoss {
    public let margin: Double
    private let capacity: Int
    /// [negatives, size]: the unit vectors of the targets that can be negatives, one after the other.
    private let negatives: FloatBuffer
    /// [blockRows, blockColumns]: products of some predictions with some negatives.
    private let products: FloatBuffer
    /// [rows]: the row that each negative is the target of.
    private let places: UnsafeMutablePointer<Int>
    /// [rows]: the nearest negative that each row has met so far.
    private let nearest: UnsafeMutablePointer<Neighbour>

    private struct Neighbour {
        /// p·t' / |t'|
        var product = -Float.infinity
        var negative: Int?
    }

    private static let blockRows = 256
    private static let blockColumns = 1024

    /// - Parameters:
    ///   - rows: the most there are in one call.
    ///   - size: of the vectors.
    public init(margin: Double = 0.5, rows: Int, size: Int) {
        self.margin = margin
        capacity = rows
        negatives = FloatBuffer(count: rows * size)
        products = FloatBuffer(count: min(rows, Self.blockRows) * min(rows, Self.blockColumns))
        places = .allocate(capacity: rows)
        places.initialize(repeating: 0, count: rows)
        nearest = .allocate(capacity: rows)
        nearest.initialize(repeating: Neighbour(), count: rows)
    }

    deinit {
        places.deallocate()
        nearest.deallocate()
    }

    public func evaluate(
        prediction: Matrix, target: Matrix, weights: UnsafePointer<Float>?, gradient: Matrix?, _ compute: Compute
    ) -> Double {
        let size = prediction.columns
        precondition(prediction.rows <= capacity && target.columns == size && capacity * size == negatives.count)
        let factors = RowFactors(weights, rows: prediction.rows)
        let unit = gatherNegatives(target, factors)
        findNearest(prediction, target, unit, compute)
        var loss = 0.0
        for row in 0..<prediction.rows {
            let gradient = gradient?.row(row)
            gradient?.update(repeating: 0, count: size)
            let weight = factors[row]
            guard weight != 0 else { continue }
            let p = prediction.row(row)
            let t = target.row(row)
            let norm = Vector.norm(p, count: size)
            let targetNorm = Vector.norm(t, count: size)
            let inverse = norm == 0 ? 0 : 1 / norm
            let targetInverse = targetNorm == 0 ? 0 : 1 / targetNorm
            let cosine = Vector.dot(p, t, count: size) * inverse * targetInverse
            let negative = nearest[row].negative.map { unit.row($0) }
            let negativeCosine = negative.map { Vector.dot(p, $0, count: size) * inverse } ?? -.infinity
            let violation = margin + negativeCosine - cosine
            // Written so that NaN is noticed.
            guard !(violation <= 0) else { continue }
            loss += weight * violation
            guard let gradient, let negative else { continue }
            // d(cos(p, t') - cos(p, t))/dp = (t' / |t'| - t / |t| - (cos(p, t') - cos(p, t)) p / |p|) / |p|
            let away = Float(weight * inverse)
            let towards = Float(weight * inverse * targetInverse)
            let along = Float(weight * (negativeCosine - cosine) * inverse * inverse)
            for index in 0..<size {
                gradient[index] = away * negative[index] - towards * t[index] - along * p[index]
            }
        }
        return loss
    }

    public var activationBytes: Int {
        negatives.bytes + products.bytes + capacity * (MemoryLayout<Int>.stride + MemoryLayout<Neighbour>.stride)
    }

    /// Fills `negatives` and `places`; the result is the part of them that is in use.
    private func gatherNegatives(_ target: Matrix, _ factors: RowFactors) -> Matrix {
        let all = Matrix(negatives, rows: capacity, columns: target.columns)
        var count = 0
        for row in 0..<target.rows where factors[row] != 0 {
            let unit = all.row(count)
            unit.update(from: target.row(row), count: target.columns)
            guard Vector.normalize(unit, count: target.columns) > 0 else { continue }
            places[count] = row
            count += 1
        }
        return all.rows(0..<count)
    }

    private func findNearest(_ prediction: Matrix, _ target: Matrix, _ unit: Matrix, _ compute: Compute) {
        nearest.update(repeating: Neighbour(), count: prediction.rows)
        for row in stride(from: 0, to: prediction.rows, by: Self.blockRows) {
            let rows = row..<min(row + Self.blockRows, prediction.rows)
            for column in stride(from: 0, to: unit.rows, by: Self.blockColumns) {
                let columns = column..<min(column + Self.blockColumns, unit.rows)
                let products = Matrix(products, rows: rows.count, columns: columns.count)
                compute.multiply(prediction.rows(rows), unit.rows(columns).transposed, into: products)
                var search = Search(
                    products: products, target: target, places: places, nearest: nearest, firstRow: rows.lowerBound,
                    firstNegative: columns.lowerBound)
                compute.pool.forEach(search.tasks, context: &search) { context, task in
                    context.assumingMemoryBound(to: Search.self).pointee.run(task)
                }
            }
        }
    }

    /// The search through one block of products, cut by rows for the threads.
    private struct Search {
        let products, target: Matrix
        let places: UnsafeMutablePointer<Int>
        let nearest: UnsafeMutablePointer<Neighbour>
        let firstRow, firstNegative: Int

        private static let rowsPerTask = 32

        var tasks: Int { (products.rows + Self.rowsPerTask - 1) / Self.rowsPerTask }

        func run(_ task: Int) {
            let first = task * Self.rowsPerTask
            for index in first..<min(first + Self.rowsPerTask, products.rows) {
                let row = firstRow + index
                let products = products.row(index)
                var best = nearest[row]
                for column in 0..<self.products.columns where products[column] > best.product {
                    let negative = firstNegative + column
                    guard isAnotherWord(places[negative], row) else { continue }
                    best = Neighbour(product: products[column], negative: negative)
                }
                nearest[row] = best
            }
        }

        /// Whether the target vectors of two rows differ; most differ in the first number.
        private func isAnotherWord(_ one: Int, _ other: Int) -> Bool {
            let (one, other) = (target.row(one), target.row(other))
            for index in 0..<target.columns where one[index] != other[index] { return true }
            return false
        }
    }
}
