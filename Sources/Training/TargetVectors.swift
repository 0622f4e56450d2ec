import Files
package import Kernels
package import Model

/// The frozen vectors of words as targets of the contrastive loss: those of the table, whitened by frequency if requested, and
/// mixed with a random vector of the word.
package struct TargetVectors {
    private let words: CorpusWords
    private let whitening: Whitening?
    private let randomShare: Float

    /// Throws `ToolError` if the table's file cannot be read.
    package init(_ configuration: EncoderConfiguration, _ words: CorpusWords) throws {
        self.words = words
        randomShare = Float(configuration.randomShare)
        whitening = try configuration.whitensTargets ? words.vectors.map { try Whitening($0) } : nil
    }

    /// Writes the vectors of words that have been met to `matrix` [words, size]; a word without one gets zeros. Throws `ToolError`
    /// if the table's file cannot be read. Allocates nothing.
    /// - Parameter scratch: memory for as many vectors.
    package func gather(_ numbers: [UInt32], into matrix: Matrix, scratch: Matrix, _ backend: some Backend) throws {
        try words.gather(numbers, into: matrix)
        change(matrix, scratch: scratch, backend) { index, body in words.withSpelling(numbers[index], body) }
    }

    /// Turns unit vectors of words, [words, size], into targets.
    /// - Parameter spelling: calls its argument with the spelling of word `index`.
    package func change(
        _ matrix: Matrix, scratch: Matrix, _ backend: some Backend,
        spelling: (_ index: Int, _ body: (UnsafeRawBufferPointer) -> Void) -> Void
    ) {
        whitening?.apply(to: matrix, scratch: scratch, backend)
        guard randomShare > 0 else { return }
        for index in 0..<matrix.rows {
            let row = matrix.rows(index..<index + 1)
            guard !row.isZero else { continue }
            spelling(index) { row.mixSigns(seed: XXH64.hash($0), share: randomShare) }
        }
    }
}

/// The linear map after which the vectors of a table have mean zero and identity covariance, with words weighted by their frequency
/// in the text (Yokoi et al. 2024), and are scaled to unit norm again: x to L^-1 (x - mean), where L L^T is the covariance.
private final class Whitening: Sendable {
    private let mean: [Float]
    /// The transposed inverse of L, [size, size].
    private let factor: FloatBuffer
    private let size: Int

    /// Number of rows of the table processed at once.
    private static let block = 4096
    /// Share of the mean variance that is added to each variance, so that directions without variance are not blown up, and the
    /// minimum added: more than the rounding errors of sums in which one word outweighs all others.
    private static let floor = 1e-3, leastFloor = 1e-5

    init(_ table: WordRows) throws {
        size = table.dimension
        let backend = ProcessorBackend(), block = Self.block, size = size
        let memory = FloatBuffer(count: block * size), scaled = FloatBuffer(count: block * size)
        let square = FloatBuffer(count: size * size)
        var sums = [Double](repeating: 0, count: size), products = [Double](repeating: 0, count: size * size), total = 0.0
        try table.forEachBlock(of: block, into: Matrix(memory, rows: block, columns: size)) { first, vectors in
            let weighted = Matrix(scaled, rows: vectors.rows, columns: size)
            backend.copy(vectors, to: weighted)
            for row in 0..<vectors.rows {
                let count = table.count(ofRow: first + UInt32(row)).map { Double($0) } ?? 0
                if !vectors.rows(row..<row + 1).isZero { total += count }
                backend.scale(weighted.rows(row..<row + 1), by: Float(count))
            }
            for (column, sum) in backend.columnSums(of: weighted).enumerated() { sums[column] += sum }
            let product = Matrix(square, rows: size, columns: size)
            backend.multiply(vectors.transposed, weighted, into: product)
            for (index, value) in backend.read(product).enumerated() { products[index] += Double(value) }
        }
        let mean = sums.map { $0 / max(1, total) }
        var covariance = products.map { $0 / max(1, total) }
        for row in 0..<size { for column in 0..<size { covariance[row * size + column] -= mean[row] * mean[column] } }
        let variance = (0..<size).reduce(0.0) { $0 + covariance[$1 * size + $1] } / Double(size)
        for index in 0..<size { covariance[index * size + index] += max(Self.floor * variance, Self.leastFloor) }
        self.mean = mean.map { Float($0) }
        factor = FloatBuffer(count: size * size)
        let inverse = Self.inverseOfFactor(covariance, size)
        let transposed = (0..<size * size).map { Float(inverse[$0 % size * size + $0 / size]) }
        Matrix(factor, rows: size, columns: size).copy(from: transposed)
    }

    /// Returns the inverse of the lower triangle L of a positive definite matrix L L^T (Cholesky).
    private static func inverseOfFactor(_ matrix: [Double], _ size: Int) -> [Double] {
        var lower = [Double](repeating: 0, count: size * size), inverse = lower
        for row in 0..<size {
            for column in 0...row {
                var sum = matrix[row * size + column]
                for place in 0..<column { sum -= lower[row * size + place] * lower[column * size + place] }
                lower[row * size + column] = row == column ? max(sum, 1e-30).squareRoot() : sum / lower[column * size + column]
            }
        }
        for column in 0..<size {
            for row in column..<size {
                var sum = row == column ? 1.0 : 0
                for place in column..<row { sum -= lower[row * size + place] * inverse[place * size + column] }
                inverse[row * size + column] = sum / lower[row * size + row]
            }
        }
        return inverse
    }

    func apply(to vectors: Matrix, scratch: Matrix, _ backend: some Backend) {
        let scratch = scratch.rows(0..<vectors.rows)
        vectors.subtract(mean, directions: [])
        backend.copy(vectors, to: scratch)
        backend.multiply(scratch, Matrix(factor, rows: size, columns: size), into: vectors)
        backend.normalize(vectors)
    }
}
