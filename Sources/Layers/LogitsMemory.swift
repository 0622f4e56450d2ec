internal import Kernels

/// Memory for the logits of a softmax over many classes, never more than was stated: rows are taken in chunks that fit.
/// Softmaxes that work one after the other may share it.
public final class LogitsMemory {
    let buffer: FloatBuffer

    /// Rows of a chunk, at least: a product with fewer would mostly pack its factors.
    static let leastRows = 32
    /// What a softmax takes unless told otherwise.
    public static let defaultBytes = 512 << 20

    /// - Parameters:
    ///   - bytes: the most to take.
    ///   - classes: of the largest softmax that all rows go through.
    ///   - rows: the most that come at once.
    ///   - others: of the largest softmax that few of them go through: in chunks, if they are more.
    public init(bytes: Int = defaultBytes, classes: Int, rows: Int, others: Int = 0) {
        let fitting = max(Self.leastRows, bytes / (4 * max(1, classes)))
        buffer = FloatBuffer(count: max(classes * min(rows, fitting), others * min(rows, Self.leastRows)))
    }

    /// Rows of a softmax over `classes` that fit.
    func rows(classes: Int) -> Int {
        let fitting = buffer.count / classes
        // Whole panels of the product, unless there is less.
        return fitting > LogitsMemory.leastRows ? fitting / LogitsMemory.leastRows * LogitsMemory.leastRows : fitting
    }

    public var bytes: Int { buffer.bytes }
}
