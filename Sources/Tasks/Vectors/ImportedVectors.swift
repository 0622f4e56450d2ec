import Files
internal import HDF5
@_spi(HostMemory) internal import Kernels
public import Parallel
internal import Shards

/// The vectors of a text's sentences from another program: a NumPy array, HDF5 in the layout of AllenNLP's `elmo` command, or shards
/// of `encode`.
public struct ImportedVectors {
    /// The number of layers, and the number of values in each.
    public let layers, width: Int
    /// The name that the user gave to the file.
    public let name: String
    private let content: Content
    private let pool: WorkerPool

    private enum Content {
        case array(NpyReader)
        /// One data set per sentence, named by the sentence's number from 0, of shape (layers, words, width) or (words, width).
        case sets(HDF5File)
        case shard
    }

    /// Opens a file. Throws `ToolError`: `noInput` if it cannot be opened, `dataError` if it is of none of these formats.
    public init(path: String, pool: WorkerPool) throws {
        (name, self.pool) = (path, pool)
        guard let file = PlacedFile(try FileSource(path: path)) else {
            throw ToolError(.noInput, "\(path): is not a plain file, as vectors must be")
        }
        let head = try file.read(at: 0, count: min(8, file.size))
        if head.starts(with: NpyReader.signature) {
            let array = try NpyReader(path: path)
            guard array.shape.count == 2 || array.shape.count == 3 else {
                throw ToolError.data(path, "", "has the shape \(array.shape), and must have (words, width) or (words, layers, width)")
            }
            (layers, width) = (array.shape.count == 3 ? array.shape[1] : 1, array.shape[array.shape.count - 1])
            content = .array(array)
        } else if head.starts(with: [0x89, 0x48, 0x44, 0x46]) {
            let sets = try HDF5File(path: path), shape = try sets.dataset("/0").shape
            guard shape.count == 2 || shape.count == 3 else {
                throw ToolError.data(path, "data set /0", "has the shape \(shape), and must have (layers, words, width)")
            }
            (layers, width) = (shape.count == 3 ? shape[0] : 1, shape[shape.count - 1])
            content = .sets(sets)
        } else {
            let reader = try VectorShardReader(FileSource(path: path), pool: pool)
            (layers, width) = (reader.layers, reader.width)
            content = .shard
        }
        guard layers > 0, width > 0 else { throw ToolError.data(path, "", "has vectors without numbers") }
    }

    /// Returns the hash of the file's bytes. Throws `ToolError` with status `noInput`.
    func digest() throws -> String {
        let file = try MappedFile(path: name)
        return withExtendedLifetime(file) { String(XXH64.hash(file.bytes), radix: 16) }
    }

    /// Calls `body` with the vectors of each sentence, the layers of a word one after the other, [words x layers x width]. Throws
    /// `ToolError` with status `dataError` at the first sentence of a different length, and for a damaged file.
    /// - `lengths`: the number of words in each sentence; the file must have the same.
    func forEach(_ lengths: [Int], text: String, _ body: ([Float]) throws -> Void) throws {
        func differs(_ sentence: Int, _ words: Int) -> ToolError {
            .data(name, "sentence \(sentence + 1)", "has the vectors of \(words) words, and \(text) has \(lengths[sentence])")
        }
        switch content {
        case .array(let array):
            let words = lengths.reduce(0, +)
            guard array.shape[0] == words else {
                throw ToolError.data(name, "", "has the vectors of \(array.shape[0]) words, and \(text) has \(words)")
            }
            var first = 0
            for length in lengths {
                try body(array.values(first * layers * width..<(first + length) * layers * width))
                first += length
            }
        case .sets(let file):
            let count = file.datasets.count { $0.path != "/sentence_to_index" }
            guard count == lengths.count else {
                throw ToolError.data(name, "", "has the vectors of \(count) sentences, and \(text) has \(lengths.count)")
            }
            for (sentence, length) in lengths.enumerated() {
                let path = "/\(sentence)", shape = try file.dataset(path).shape, own = shape.count == 3 ? shape[0] : 1
                guard shape.count == 2 || shape.count == 3, own == layers, shape[shape.count - 1] == width else {
                    throw ToolError.data(name, "data set \(path)", "has the shape \(shape), and others \(layers) layers of \(width) numbers")
                }
                guard shape[shape.count - 2] == length else { throw differs(sentence, shape[shape.count - 2]) }
                try body(turned(try file.values(path), words: length))
            }
        case .shard:
            let reader = try VectorShardReader(FileSource(path: name), pool: pool)
            for (sentence, length) in lengths.enumerated() {
                guard let next = try reader.next() else {
                    throw ToolError.data(name, "", "has the vectors of \(sentence) sentences, and \(text) has \(lengths.count)")
                }
                guard next.words.count == length else { throw differs(sentence, next.words.count) }
                try body(next.values)
            }
            guard try reader.next() == nil else {
                throw ToolError.data(name, "", "has the vectors of more than the \(lengths.count) sentences of \(text)")
            }
        }
    }

    /// Transposes values from layer after layer to word after word.
    private func turned(_ values: [Float], words: Int) -> [Float] {
        guard layers > 1 else { return values }
        var turned = [Float](repeating: 0, count: values.count)
        for layer in 0..<layers {
            for word in 0..<words {
                let from = (layer * words + word) * width, to = (word * layers + layer) * width
                for index in 0..<width { turned[to + index] = values[from + index] }
            }
        }
        return turned
    }
}
