public import Files
@_spi(HostMemory) import Kernels
public import Parallel
public import Shards

/// Words in, vectors out as text: what `fasttext print-word-vectors` does, in its form.
///
/// Words are what is between white space. Each gives a line: the word, a space, and its numbers with five significant
/// digits, a space behind each. Words that nothing is known of have zeros.
public final class WordFilter {
    /// Words printed, by where their vectors come from.
    public struct Counts: Sendable, Equatable {
        /// Words by `VectorSource.rawValue`.
        fileprivate(set) var bySource = [Int](repeating: 0, count: VectorSource.allCases.count)

        public subscript(source: VectorSource) -> Int { bySource[Int(source.rawValue)] }
        public var words: Int { bySource.reduce(0, +) }
    }

    public private(set) var counts = Counts()
    private let output: OutputFile
    private let workers: OrderedWorkers<WordList, Lines>

    /// Words that a thread takes at a time.
    private static let batch = 512
    private static let longestWord = 1 << 20

    public init(_ model: any WordVectorModel, to output: OutputFile, pool: WorkerPool) {
        self.output = output
        let printer = LinePrinter(model)
        workers = OrderedWorkers(pool: pool) { try printer.print($0) }
    }

    /// Prints the vectors of all words of `source`, in order. What has come so far is printed before waiting for more, so
    /// that the other end of a pipe may ask word by word.
    ///
    /// Throws `ToolError`: `dataError` for a word of more than 1 MiB or a vector that is not finite; `ioError`.
    public func run(_ source: any ByteSource) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var words = WordList()
        var begun: [UInt8] = []
        func finish(_ rest: UnsafeRawBufferPointer) throws {
            if begun.isEmpty {
                words.append(rest)
            } else {
                begun.append(contentsOf: rest)
                begun.withUnsafeBytes { words.append($0) }
                begun.removeAll(keepingCapacity: true)
            }
            if words.count == Self.batch { try submit(&words) }
        }
        while true {
            let count = try source.read(into: buffer)
            if count == 0 { break }
            var start = 0
            for index in 0..<count where Self.isSpace(buffer[index]) {
                if index > start || !begun.isEmpty { try finish(UnsafeRawBufferPointer(rebasing: buffer[start..<index])) }
                start = index + 1
            }
            begun.append(contentsOf: buffer[start..<count])
            guard begun.count <= Self.longestWord else {
                throw ToolError.data(source.name, "", "holds a word of more than \(Self.longestWord >> 20) MiB")
            }
            if count < buffer.count { try finishAll(&words) }
        }
        if !begun.isEmpty { try finish(UnsafeRawBufferPointer(start: nil, count: 0)) }
        try finishAll(&words)
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

    /// What C's `isspace` takes for white space.
    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte >= 0x09 && byte <= 0x0D }
}

private struct Lines: Sendable {
    var text: [UInt8] = []
    var counts = WordFilter.Counts()
}

/// Makes the lines of a batch of words, in one thread.
private struct LinePrinter: Sendable {
    private let model: any WordVectorModel
    private let decimals = DecimalText()

    init(_ model: any WordVectorModel) { self.model = model }

    func print(_ list: WordList) throws -> Lines {
        // Each word once, in the order of first coming.
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
                for value in rows.row(id).floats {
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
