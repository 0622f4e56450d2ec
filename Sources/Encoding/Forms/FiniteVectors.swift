import Files
@_spi(HostMemory) import Kernels

/// Sees that only numbers are written: weights may be numbers, and what they make of a sentence not.
public final class FiniteVectors: VectorWriter {
    private let writer: any VectorWriter
    private let model: String
    private var sentences = 0

    /// - Parameter model: its name, for messages.
    public init(_ writer: any VectorWriter, of model: String) {
        self.writer = writer
        self.model = model
    }

    public func begin(_ words: [String]) throws {
        sentences += 1
        try writer.begin(words)
    }

    /// Throws `ToolError` with status `dataError` for a value that is infinite or no number.
    public func append(_ values: UnsafeBufferPointer<Float>) throws {
        if let start = values.baseAddress, !Vector.isFinite(start, count: values.count) {
            throw ToolError.data(model, "sentence \(sentences)", "the model makes vectors of it that hold what is no number")
        }
        try writer.append(values)
    }

    public func end() throws { try writer.end() }
    public func finish() throws { try writer.finish() }
}
