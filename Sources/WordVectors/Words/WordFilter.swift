public import Files
import Kernels
public import Parallel
public import Shards

/// Prints the vectors of words as text, in the format of `fasttext print-word-vectors`.
///
/// Words are separated by white space. Each gives a line: the word, a space, and its numbers with five significant digits, each
/// followed by a space. Unknown words get zeros.
public final class WordFilter {
    /// Numbers of words printed, by the source of their vectors.
    public struct Counts: Sendable, Equatable {
        /// Number of words by `VectorSource.rawValue`.
        fileprivate(set) var bySource = [Int](repeating: 0, count: VectorSource.allCases.count)

        /// Number of words whose vectors come from a source.
        public subscript(source: VectorSource) -> Int { bySource[Int(source.rawValue)] }
        /// Number of all words.
        public var words: Int { bySource.reduce(0, +) }
    }

    /// Counts so far.
    public private(set) var counts = Counts()
    private let output: OutputFile
    private let workers: OrderedWorkers<WordList, Lines>

    /// Number of words that a thread takes at a time.
    private static let batch = 512
    private static let longestWord = 1 << 20

    /// Creates a filter.
    public init(_ model: any WordVectorModel, to output: OutputFile, pool: WorkerPool) {
        self.output = output
        let printer = LinePrinter(model: model)
        workers = OrderedWorkers(pool: pool) { try printer.print($0) }
    }

    /// Prints the vectors of all words of `source`, in order. What has been read is printed before waiting for more, so that the
    /// other end of a pipe may ask word by word.
    ///
    /// Throws `ToolError`: `dataError` for a word longer than 1 MiB or a vector that is not finite; `ioError`.
    public func run(_ source: any ByteSource) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var words = WordList()
        // The text since the last white space.
        var begun: [UInt8] = []
        while true {
            let count = try source.read(into: buffer)
            begun.append(contentsOf: buffer[..<count])
            // At the end of the text its last word is complete.
            let end = count == 0 ? begun.count : begun.lastIndex(where: Self.isSpace).map { $0 + 1 } ?? 0
            for word in begun[..<end].split(whereSeparator: Self.isSpace) {
                word.withUnsafeBytes { words.append($0) }
                if words.count == Self.batch { try submit(&words) }
            }
            begun.removeFirst(end)
            guard begun.count <= Self.longestWord else {
                throw ToolError.data(source.name, "", "holds a word of more than \(Self.longestWord >> 20) MiB")
            }
            if count < buffer.count { try finishAll(&words) }
            if count == 0 { return }
        }
    }

    private func submit(_ words: inout WordList) throws {
        if workers.isFull { try write(workers.next()) }
        workers.submit(words)
        words = WordList()
    }

    private func finishAll(_ words: inout WordList) throws {
        if words.count > 0 { try submit(&words) }
        while !workers.isEmpty { try write(workers.next()) }
        try output.flush()
    }

    private func write(_ lines: Lines) throws {
        try output.write(lines.text)
        for (index, count) in lines.counts.bySource.enumerated() { counts.bySource[index] += count }
    }

    /// Returns true for bytes that C's `isspace` considers white space.
    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte >= 0x09 && byte <= 0x0D }
}

private struct Lines: Sendable {
    var text: [UInt8] = []
    var counts = WordFilter.Counts()
}

/// Makes the lines of a batch of words, on one thread.
private struct LinePrinter: Sendable {
    let model: any WordVectorModel
    let decimals = DecimalText()

    func print(_ list: WordList) throws -> Lines {
        // Each word once, in the order of first occurrence.
        var words = WordTable(capacity: list.count)
        let ids = (0..<list.count).map { index in list.withWord(index) { words.insert($0) } }
        let rows = RowMatrix(count: words.count, dimension: model.dimension)
        var sources = [VectorSource](repeating: .none, count: words.count)
        var unknown: [Int] = []
        for id in 0..<words.count {
            if let source = try words.withWord(id, { try model.known($0, into: rows.row(id)) }) {
                sources[id] = source
            } else {
                rows.row(id).fill(0)
                unknown.append(id)
            }
        }
        if !unknown.isEmpty, let generator = try model.generator() {
            let made = generator.fill(unknown, of: words, into: rows, threads: 1)
            for (id, made) in zip(unknown, made) where made { sources[id] = generator.source }
        }
        var lines = Lines()
        let numbers = model.dimension * (DecimalText.longest + 1)
        let bytes = ids.reduce(0) { $0 + words.range(of: $1).count + numbers + 2 }
        lines.text = [UInt8](unsafeUninitializedCapacity: bytes) { text, count in
            guard let start = text.baseAddress else { return }
            for id in ids {
                lines.counts.bySource[Int(sources[id].rawValue)] += 1
                words.withWord(id) { word in
                    UnsafeMutableRawBufferPointer(start: start + count, count: word.count).copyMemory(from: word)
                    count += word.count
                }
                start[count] = 0x20
                count += 1
                for value in rows.row(id).values {
                    count += decimals.write(value, to: start + count)
                    start[count] = 0x20
                    count += 1
                }
                start[count] = 0x0A
                count += 1
            }
        }
        return lines
    }
}
