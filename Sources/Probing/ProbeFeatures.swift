public import Files
@_spi(HostMemory) public import Kernels
import Parallel

/// Vectors for every token of a text: what a classifier sees of it.
public final class ProbeFeatures {
    public let tokens, layers, width: Int
    private let buffer: FloatBuffer

    public init(tokens: Int, layers: Int, width: Int) {
        self.tokens = tokens
        self.layers = layers
        self.width = width
        buffer = FloatBuffer(count: tokens * layers * width)
    }

    /// [tokens, layers x width]: the layers of a token one after the other. Valid as long as this object.
    public var matrix: Matrix { Matrix(buffer, rows: tokens, columns: layers * width) }

    /// Throws `ToolError` with status `usage` if so many vectors do not fit into memory.
    /// - Parameters:
    ///   - tokens: of all texts together.
    ///   - available: bytes.
    public static func check(tokens: Int, layers: Int, width: Int, name: String, available: Int = memoryLimit()) throws {
        let needed = 4 * Double(tokens) * Double(layers) * Double(width)
        guard needed > Double(available) else { return }
        func gibibytes(_ bytes: Double) -> String { "\((bytes / Double(1 << 30) * 10).rounded() / 10) GiB" }
        throw ToolError(
            .usage,
            "\(name): \(layers) x \(width) numbers for each of \(tokens) tokens take \(gibibytes(needed)), and there are "
                + "\(gibibytes(Double(available))); --sentences takes fewer")
    }

    /// Subtracts from each column a mean and divides by a deviation: those of `rows` of `reference`, [tokens, the same
    /// columns]. Columns that are constant there become zero.
    public static func standardise(_ all: [ProbeFeatures], by reference: ProbeFeatures, rows: [Int], _ compute: Compute) {
        let source = reference.matrix
        let targets = all.map(\.matrix)
        let block = 64
        compute.pool.forEach((source.columns + block - 1) / block) { index in
            let first = index * block, count = min(block, source.columns - first)
            var means = [Double](repeating: 0, count: count), squares = means
            for row in rows {
                let values = source.row(row) + first
                for column in 0..<count { means[column] += Double(values[column]) }
            }
            for column in 0..<count { means[column] /= Double(max(1, rows.count)) }
            for row in rows {
                let values = source.row(row) + first
                for column in 0..<count {
                    let difference = Double(values[column]) - means[column]
                    squares[column] += difference * difference
                }
            }
            let factors = (0..<count).map { column in
                let deviation = (squares[column] / Double(max(1, rows.count))).squareRoot()
                // What is left of a constant is the rounding of its mean.
                return deviation > 1e-6 * abs(means[column]) ? 1 / deviation : 0
            }
            for target in targets {
                for row in 0..<target.rows {
                    let values = target.row(row) + first
                    for column in 0..<count { values[column] = Float((Double(values[column]) - means[column]) * factors[column]) }
                }
            }
        }
    }
}
