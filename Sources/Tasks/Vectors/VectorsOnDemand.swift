@_spi(HostMemory) public import Kernels

/// The vectors of a text's sentences, made anew for each batch. They need no disk space, and nothing is kept from batch to batch, so
/// that this type suits an encoder on a GPU, or a text that is read once.
public final class VectorsOnDemand: FrozenVectors, @unchecked Sendable {
    /// The form of the vectors.
    public let form: VectorForm
    private let source: VectorSource
    private let sentences: [[String]]
    private let text: String
    private var memory = FloatBuffer(count: 0)
    /// The rows of each prepared sentence.
    private var places: [Int: Range<Int>] = [:]

    /// Makes the vectors of a text.
    /// - `text`: the name of the text, for messages.
    public init(_ source: VectorSource, sentences: [[String]], text: String) {
        (self.source, self.sentences, self.text, form) = (source, sentences, text, source.form)
    }

    public func prepare(_ numbers: [Int]) throws {
        places.removeAll(keepingCapacity: true)
        var order: [Int] = [], rows = 0
        for number in numbers where places[number] == nil {
            places[number] = rows..<rows + sentences[number].count
            rows += sentences[number].count
            order.append(number)
        }
        if memory.count < rows * form.columns { memory = FloatBuffer(count: rows * form.columns) }
        var taken = 0
        try source.encode(order.map { sentences[$0] }, text: text) { [self] matrix in
            guard let place = places[order[taken]] else { return }
            Matrix(memory, rows: rows, columns: form.columns).rows(place).copy(from: matrix)
            taken += 1
        }
    }

    public func rows(of sentence: Int) -> Matrix {
        guard let place = places[sentence] else { preconditionFailure("the sentence was not made ready") }
        return Matrix(memory, rows: place.upperBound, columns: form.columns).rows(place)
    }
}
