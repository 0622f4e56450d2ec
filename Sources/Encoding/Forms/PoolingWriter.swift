/// One vector for each layer of a whole sentence, from those of its tokens. To the form behind it a sentence is one token, its
/// text; a sentence without words has zeros.
public final class PoolingWriter: VectorWriter {
    /// How vectors become one.
    public enum Pooling: String, CaseIterable, Sendable {
        case mean
        /// The greatest value at each place.
        case max
    }

    private let writer: any VectorWriter
    private let pooling: Pooling
    private var tokens = 0
    /// [layers, width]
    private var result: [Float]
    private var sums: [Double]

    public init(_ writer: any VectorWriter, _ pooling: Pooling, layers: Int, width: Int) {
        self.writer = writer
        self.pooling = pooling
        result = [Float](repeating: 0, count: layers * width)
        sums = [Double](repeating: 0, count: layers * width)
    }

    public func begin(_ words: [String]) throws {
        try writer.begin([words.joined(separator: " ")])
        for index in result.indices { (result[index], sums[index]) = (0, 0) }
        tokens = 0
    }

    public func append(_ values: UnsafeBufferPointer<Float>) {
        let size = result.count
        for start in stride(from: 0, to: values.count, by: size) {
            for index in 0..<size {
                let value = values[start + index]
                switch pooling {
                case .mean: sums[index] += Double(value)
                case .max: result[index] = tokens == 0 || value > result[index] ? value : result[index]
                }
            }
            tokens += 1
        }
    }

    public func end() throws {
        if pooling == .mean {
            for index in result.indices { result[index] = Float(sums[index] / Double(max(1, tokens))) }
        }
        try result.withUnsafeBufferPointer { try writer.append($0) }
        try writer.end()
    }

    public func finish() throws { try writer.finish() }
}
