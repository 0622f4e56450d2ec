import Files
import Parallel
import Shards

/// Vectors as text, a word and its numbers on each line: GloVe, word2vec's text form, fastText's .vec.
///
/// - The first line may be a header `count dimension`; then the file must hold `count` vectors. Without one, the first
///   line's fields but one are the dimension.
/// - Fields are separated by spaces or tabs; spaces at the end of a line, CR LF and empty lines are allowed.
/// - A line with fewer numbers is an error that names the line. On one with more fields than that, the last `dimension`
///   fields are the numbers and the rest is a word with spaces in it (GloVe's 840B file has `. . .`), unless the rest
///   ends with a number itself: then the line is too long, which is an error.
/// - The last line must have an end too: without one, nothing tells whether its last number is whole.
/// - The numbers of words that nobody asked for are not looked at.
final class TextVectorFile: VectorFile {
    var name: String { source.name }
    let format: VectorFormat
    let dimension: Int
    private let source: PeekedSource
    private let header: VectorHeader?

    init(_ source: PeekedSource, header: VectorHeader?) throws {
        self.source = source
        self.header = header
        if let header {
            dimension = header.dimension
            format = .word2vecText
            return
        }
        format = .glove
        let line = source.head.prefix { $0 != UInt8(ascii: "\n") }
        let complete = line.count < source.head.count
        let fields = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        let last = fields.last.map { FloatParser.parse($0) }
        guard fields.count >= 2, fields.count <= largestDimension, last != .notANumber else {
            throw ToolError.data(
                source.name, "line 1",
                "is not a word followed by numbers; vectors are fastText .bin or .vec, GloVe text or word2vec files")
        }
        guard complete || line.count < 64 << 10 else {
            throw ToolError.data(source.name, "line 1", "is longer than 64 KB; long vectors need a header line")
        }
        dimension = fields.count - 1
    }

    func lookUp(_ words: WordTable, noticing others: WordTable, threads: Int) throws -> VectorLookup {
        var lookup = try VectorLookup(words: words.count, others: others.count, dimension: dimension, file: name)
        let parser = TextVectorParser(words: words, others: others, dimension: dimension)
        let workers = OrderedWorkers(pool: WorkerPool(threads: threads)) { (piece: TextPiece) in parser.parse(piece) }
        var pieces = LinePieces(source)
        var skip = header?.length ?? 0
        var linesBefore = 0, isEnded = true
        while let bytes = try pieces.next() {
            if workers.isFull { try join(workers.next(), &lookup, &linesBefore) }
            isEnded = bytes.last == UInt8(ascii: "\n")
            workers.submit(TextPiece(bytes: bytes, start: skip))
            skip = 0
        }
        while !workers.isEmpty { try join(workers.next(), &lookup, &linesBefore) }
        guard isEnded else {
            throw ToolError.data(
                name, "line \(linesBefore)", "has no line end: its last number may be cut short; if it is whole, add one: echo >> FILE")
        }
        if let header, header.count != lookup.counts.inFile {
            throw ToolError.data(
                name, "line 1",
                "the header promises \(header.count) words, the file holds \(lookup.counts.inFile): is it cut short?")
        }
        return lookup
    }

    private func join(_ vectors: ParsedPiece, _ lookup: inout VectorLookup, _ linesBefore: inout Int) throws {
        if linesBefore == 0 && header != nil { linesBefore = 1 }
        if let failure = vectors.failure {
            throw ToolError.data(name, "line \(linesBefore + failure.line)", failure.cause)
        }
        linesBefore += vectors.lines
        lookup.counts.inFile += vectors.vectors
        lookup.counts.invalidWords += vectors.invalidWords
        for id in vectors.noticed { lookup.noticed[Int(id)] = true }
        vectors.values.withUnsafeBufferPointer { values in
            guard let start = values.baseAddress else { return }
            for (index, id) in vectors.ids.enumerated() { lookup.accept(Int(id), start + index * dimension) }
        }
    }
}

extension FloatParser {
    static func parse(_ text: ArraySlice<UInt8>) -> Outcome { text.withUnsafeBytes { parse($0) } }
}
