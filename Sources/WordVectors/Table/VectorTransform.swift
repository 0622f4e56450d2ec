import Files
import Kernels
import Parallel
import Shards

/// The changes to make to the vectors of a table.
public struct TransformConfiguration: Sendable, Equatable {
    /// True if the mean vector is subtracted.
    public var centre = false
    /// Number of leading principal directions to remove after subtracting the mean vector.
    public var directions = 0
    /// True if every vector is scaled to unit norm after the other changes.
    public var normalise = false

    /// Creates a configuration that changes nothing.
    public init() {}
}

/// The transform that was applied to the vectors of a table and is applied to all later ones: v becomes v - mean, then v - sum over
/// i of (u_i . v) u_i, which removes the leading principal directions (Mu and Viswanath 2018, "All-but-the-Top"), and then v / |v|;
/// each of the three is optional. Zeros, which are not vectors, stay zeros.
public struct VectorTransform: Sendable, Equatable {
    /// The mean, [dimension], or empty.
    let offset: [Float]
    /// The directions u_i, unit vectors, [directions][dimension].
    let directions: [[Float]]
    let normalises: Bool

    /// The transform that changes nothing.
    static let none = VectorTransform(offset: [], directions: [], normalises: false)

    var isNone: Bool { self == .none }

    /// Transforms each row of a matrix [rows, dimension] in place.
    func apply(_ rows: Matrix) {
        rows.subtract(offset, directions: directions)
        if normalises { rows.normalize() }
    }

    /// Transforms all rows in place, on several threads.
    func apply(_ rows: RowMatrix, threads: Int) {
        guard !isNone else { return }
        ThreadPool(threads: threads).map(rows.count, together: 1024) { apply(rows.row($0)) }
    }
}

extension VectorTransform {
    /// The covariance of wider vectors would not fit into memory.
    private static let widest = 8192

    /// Measures mean and directions on the rows `ids`, whose vectors come from `file`. Throws `ToolError` with status
    /// `configuration` if there are fewer directions.
    init(_ configuration: TransformConfiguration, _ rows: RowMatrix, ids: [Int], file: String, threads: Int) throws {
        let dimension = rows.dimension, count = configuration.directions
        guard count == 0 || count < dimension && dimension <= Self.widest else {
            throw ToolError(
                .configuration, "\(file): \(count) directions cannot be removed from vectors of \(dimension) numbers"
                    + (count < dimension ? "; \(Self.widest) numbers are the most" : ""))
        }
        guard configuration.centre || count > 0 else {
            self.init(offset: [], directions: [], normalises: configuration.normalise)
            return
        }
        let mean = rows.matrix.mean(of: ids)
        let directions = count == 0
            ? []
            : ProcessorBackend(pool: ThreadPool(threads: threads))
                .principalDirections(of: rows.matrix, ids: ids, less: mean, count: count)
        self.init(offset: mean, directions: directions, normalises: configuration.normalise)
    }

    // The form of a transform in a table.
    private static let offsetName = "transform.offset", directionsName = "transform.directions"

    var fields: ShardFields {
        [
            "centre": String(!offset.isEmpty), "remove-directions": String(directions.count),
            "normalise": String(normalises),
        ]
    }

    func forEachTensor(_ body: (String, [Int], [Float]) throws -> Void) throws {
        if !offset.isEmpty { try body(Self.offsetName, [offset.count], offset) }
        if !directions.isEmpty { try body(Self.directionsName, [directions.count, offset.count], directions.flatMap(\.self)) }
    }

    /// Reads the transform from a table; `none` if it has none. Throws `ToolError.data`.
    init(_ stored: StoredGenerator) throws {
        let fields = stored.fields, dimension = stored.dimension
        let count = fields["remove-directions"].map { Int($0) ?? -1 } ?? 0
        guard count >= 0, count < max(1, dimension) else {
            throw stored.error(
                "header", "remove-directions is \(fields["remove-directions"] ?? ""), and must be from 0 to \(dimension - 1)")
        }
        let isCentred = try fields.truth("centre", file: stored.file)
        guard isCentred || count == 0 else {
            throw stored.error("header", "remove-directions is \(count), and must be 0 where centre is not true")
        }
        let values = count == 0 ? [] : try stored.values(Self.directionsName, shape: [count, dimension])
        self.init(
            offset: isCentred ? try stored.values(Self.offsetName, shape: [dimension]) : [],
            directions: (0..<count).map { Array(values[$0 * dimension..<($0 + 1) * dimension]) },
            normalises: try fields.truth("normalise", file: stored.file))
    }
}

/// A generator whose vectors are transformed like those of its table.
final class TransformedGenerator: OutOfVocabularyGenerator {
    let base: any OutOfVocabularyGenerator
    private let transform: VectorTransform

    /// Returns `base` itself if there is nothing to do.
    static func make(
        _ base: (any OutOfVocabularyGenerator)?, _ transform: VectorTransform
    ) -> (any OutOfVocabularyGenerator)? {
        guard let base, !transform.isNone else { return base }
        return TransformedGenerator(base, transform)
    }

    private init(_ base: any OutOfVocabularyGenerator, _ transform: VectorTransform) {
        self.base = base
        self.transform = transform
    }

    var dimension: Int { base.dimension }
    var source: VectorSource { base.source }
    var fields: ShardFields { base.fields }

    func forEachTensor(_ body: (String, [Int], [Float]) throws -> Void) throws {
        try base.forEachTensor(body)
    }

    func vector(for word: UnsafeRawBufferPointer, into row: Matrix) -> Bool {
        guard base.vector(for: word, into: row) else { return false }
        transform.apply(row)
        return true
    }

    func fill(_ ids: [Int], of words: WordTable, into rows: RowMatrix, threads: Int) -> [Bool] {
        let made = base.fill(ids, of: words, into: rows, threads: threads)
        for (id, made) in zip(ids, made) where made { transform.apply(rows.row(id)) }
        return made
    }
}
