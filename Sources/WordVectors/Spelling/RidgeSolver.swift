import Glibc
@_spi(HostMemory) import Kernels
import Parallel

/// Solves (A^T W A + ridge I) R = A^T W T by conjugate gradients, preconditioned by the diagonal (Hestenes and Stiefel
/// 1952), for all columns of T at once: each column has its own step lengths.
struct RidgeSolver {
    private let incidence: SubwordIncidence
    private let weights: [Float]
    private let configuration: SubwordConfiguration
    private let pool: ThreadPool
    /// The penalty on each n-gram's squared norm, [n-grams].
    private let penalties: [Float]
    /// One over the diagonal, [n-grams].
    private let inverse: [Float]

    init(_ incidence: SubwordIncidence, weights: [Float], _ configuration: SubwordConfiguration, pool: ThreadPool) {
        self.incidence = incidence
        self.weights = weights
        self.configuration = configuration
        self.pool = pool
        let penalties = incidence.lengths.map { length in
            configuration.ridge * pow(configuration.lengthPenalty, Float(configuration.maximum - length))
        }
        self.penalties = penalties
        inverse = zip(incidence.squares(weights: weights), penalties).map { 1 / ($0 + $1) }
    }

    /// `targets` is [words, width]; the result [n-grams, width].
    func solve(_ targets: Matrix) -> FloatBuffer {
        let nGrams = incidence.nGrams, width = targets.columns
        let size = nGrams * width
        let solution = FloatBuffer(count: size), residual = FloatBuffer(count: size)
        let direction = FloatBuffer(count: size), image = FloatBuffer(count: size)
        let words = FloatBuffer(count: targets.rows * width)
        guard nGrams > 0 else { return solution }
        func matrix(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: nGrams, columns: width) }
        Matrix(words, rows: targets.rows, columns: width).copy(from: targets)
        weigh(words, width)
        incidence.multiplyTransposed(
            Matrix(words, rows: targets.rows, columns: width), into: matrix(residual), pool: pool)
        precondition(residual, into: direction, width)
        var energy = products(residual, direction, width)
        let first = energy
        for _ in 0..<configuration.steps {
            // image = (A^T W A + ridge I) direction
            incidence.multiply(
                matrix(direction), into: Matrix(words, rows: targets.rows, columns: width), pool: pool)
            weigh(words, width)
            incidence.multiplyTransposed(
                Matrix(words, rows: targets.rows, columns: width), into: matrix(image), pool: pool)
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
            let limit = configuration.tolerance * configuration.tolerance
            if zip(energy, first).allSatisfy({ $0 <= limit * $1 }) { break }
        }
        return solution
    }

    private func weigh(_ words: FloatBuffer, _ width: Int) {
        for word in weights.indices where weights[word] != 1 {
            Vector.scale(words.start + word * width, by: weights[word], count: width)
        }
    }

    private func precondition(_ vector: FloatBuffer, into result: FloatBuffer, _ width: Int) {
        forEachRow(width) { row in
            let factor = inverse[row / width]
            for column in row..<row + width { result.start[column] = factor * vector.start[column] }
        }
    }

    /// Calls `body` with where each n-gram's row starts.
    private func forEachRow(_ width: Int, _ body: (Int) -> Void) {
        let chunk = 1024, nGrams = incidence.nGrams
        pool.forEach((nGrams + chunk - 1) / chunk) { piece in
            for nGram in piece * chunk..<min(nGrams, (piece + 1) * chunk) { body(nGram * width) }
        }
    }

    /// For each column the scalar product of two matrices' columns: sums of pieces, added in the pieces' order.
    private func products(_ a: FloatBuffer, _ b: FloatBuffer, _ width: Int) -> [Double] {
        let chunk = 4096, nGrams = incidence.nGrams
        let pieces = (nGrams + chunk - 1) / chunk
        var partials = [Double](repeating: 0, count: pieces * width)
        partials.withUnsafeMutableBufferPointer { partials in
            nonisolated(unsafe) let partials = partials
            pool.forEach(pieces) { piece in
                for row in piece * chunk..<min(nGrams, (piece + 1) * chunk) {
                    for column in 0..<width {
                        partials[piece * width + column] +=
                            Double(a.start[row * width + column]) * Double(b.start[row * width + column])
                    }
                }
            }
        }
        return (0..<width).map { column in
            (0..<pieces).reduce(0) { $0 + partials[$1 * width + column] }
        }
    }
}
