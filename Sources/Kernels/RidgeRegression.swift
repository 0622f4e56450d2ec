public import Parallel

/// Weighted ridge regression: solves (A^T W A + P) R = A^T W T with diagonal W and P by conjugate gradients, preconditioned by the
/// diagonal (Hestenes and Stiefel 1952). All columns of T are solved at once, each with its own step lengths.
///
/// ```swift
/// let regression = RidgeRegression(
///     sparse, weights: rowWeights, penalties: penalties, steps: 50, tolerance: 1e-4, pool: pool)
/// let solution = regression.solve(targets)
/// ```
public struct RidgeRegression {
    private let matrix, transpose: SparseMatrix
    private let weights, penalties: [Float]
    /// 1 / the diagonal of A^T W A + P.
    private let inverse: [Float]
    private let steps: Int
    private let tolerance: Double
    private let pool: ThreadPool
    private var unknowns: Int { transpose.rows }

    /// Prepares the system.
    /// - `matrix`: A, [rows, unknowns].
    /// - `weights`: the diagonal of W, [rows].
    /// - `penalties`: the diagonal of P, [unknowns].
    /// - `steps`: maximum number of iterations; they stop when the residual has fallen to `tolerance` times its start.
    public init(
        _ matrix: SparseMatrix, weights: [Float], penalties: [Float], steps: Int, tolerance: Double, pool: ThreadPool
    ) {
        self.matrix = matrix
        transpose = matrix.transposed(columns: penalties.count)
        self.weights = weights
        self.penalties = penalties
        inverse = zip(transpose.squares(weights: weights), penalties).map { 1 / ($0 + $1) }
        self.steps = steps
        self.tolerance = tolerance
        self.pool = pool
    }

    /// Returns R [unknowns, width] for targets T [rows, width].
    public func solve(_ targets: Matrix) -> FloatBuffer {
        let width = targets.columns, size = unknowns * width
        let solution = FloatBuffer(count: size), residual = FloatBuffer(count: size)
        let direction = FloatBuffer(count: size), image = FloatBuffer(count: size)
        let rows = FloatBuffer(count: targets.rows * width), rowMatrix = Matrix(rows, rows: targets.rows, columns: width)
        guard unknowns > 0 else { return solution }
        func matrix(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: unknowns, columns: width) }
        rowMatrix.copy(from: targets)
        weigh(rowMatrix)
        transpose.multiply(rowMatrix, into: matrix(residual), pool: pool)
        precondition(residual, into: direction, width)
        var energy = products(residual, direction, width)
        let first = energy
        for _ in 0..<steps {
            // image = (A^T W A + P) direction
            self.matrix.multiply(matrix(direction), into: rowMatrix, pool: pool)
            weigh(rowMatrix)
            transpose.multiply(rowMatrix, into: matrix(image), pool: pool)
            forEachRow(width) { row in
                Vector.add(direction.start + row, times: penalties[row / width], to: image.start + row, count: width)
            }
            let curvature = products(direction, image, width)
            let steps = zip(energy, curvature).map { Float($1 > 0 ? $0 / $1 : 0) }
            forEachRow(width) { row in
                for column in 0..<width {
                    solution.start[row + column] += steps[column] * direction.start[row + column]
                    residual.start[row + column] -= steps[column] * image.start[row + column]
                }
            }
            precondition(residual, into: image, width)
            let next = products(residual, image, width)
            let ratios = zip(next, energy).map { Float($1 > 0 ? $0 / $1 : 0) }
            forEachRow(width) { row in
                for column in 0..<width {
                    direction.start[row + column] = image.start[row + column] + ratios[column] * direction.start[row + column]
                }
            }
            energy = next
            let limit = tolerance * tolerance
            if zip(energy, first).allSatisfy({ $0 <= limit * $1 }) { break }
        }
        return solution
    }

    private func weigh(_ rows: Matrix) {
        for row in weights.indices where weights[row] != 1 { Vector.scale(rows.row(row), by: weights[row], count: rows.columns) }
    }

    private func precondition(_ vector: FloatBuffer, into result: FloatBuffer, _ width: Int) {
        forEachRow(width) { row in
            Vector.scaled(vector.start + row, by: inverse[row / width], into: result.start + row, count: width)
        }
    }

    /// Calls `body` with the first index of each unknown's row.
    private func forEachRow(_ width: Int, _ body: (Int) -> Void) {
        let chunk = 1024
        pool.forEach((unknowns + chunk - 1) / chunk) { piece in
            for unknown in piece * chunk..<min(unknowns, (piece + 1) * chunk) { body(unknown * width) }
        }
    }

    /// Returns the scalar product of each column of two matrices. Sums of pieces are added in the order of the pieces.
    private func products(_ a: FloatBuffer, _ b: FloatBuffer, _ width: Int) -> [Double] {
        let chunk = 4096, pieces = (unknowns + chunk - 1) / chunk
        var partials = [Double](repeating: 0, count: pieces * width)
        partials.withUnsafeMutableBufferPointer { partials in
            nonisolated(unsafe) let partials = partials
            pool.forEach(pieces) { piece in
                for row in piece * chunk..<min(unknowns, (piece + 1) * chunk) {
                    for column in 0..<width {
                        partials[piece * width + column] +=
                            Double(a.start[row * width + column]) * Double(b.start[row * width + column])
                    }
                }
            }
        }
        return (0..<width).map { column in (0..<pieces).reduce(0) { $0 + partials[$1 * width + column] } }
    }
}
