import Files
import Glibc
import Parallel
import Shards

/// Vectors as text, a word and its numbers on each line: GloVe, word2vec's text format, fastText's .vec.
///
/// - The first line may be a header `count dimension`; the file must then contain `count` vectors. Without a header, the dimension
///   is the number of fields on the first line minus one.
/// - Fields are separated by spaces or tabs; trailing spaces, CR LF and empty lines are allowed.
/// - A line with fewer numbers is an error that names the line. If a line has more fields, the last `dimension` fields are the
///   numbers and the rest is a word with spaces in it (GloVe's 840B file contains `. . .`), unless the rest itself ends with a
///   number: then the line is too long, which is an error.
/// - The last line must be terminated; otherwise nothing tells whether its last number is complete.
/// - The numbers of words that were not requested are not parsed.
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
        let last = fields.last.map { $0.withUnsafeBytes(FloatParser.parse) }
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

    private func join(_ piece: ParsedPiece, _ lookup: inout VectorLookup, _ linesBefore: inout Int) throws {
        if linesBefore == 0 && header != nil { linesBefore = 1 }
        if let failure = piece.failure {
            throw ToolError.data(name, "line \(linesBefore + failure.line)", failure.cause)
        }
        linesBefore += piece.lines
        lookup.counts.inFile += piece.words
        lookup.counts.invalidWords += piece.invalidWords
        for id in piece.noticed { lookup.noticed[id] = true }
        for (id, values) in piece.vectors { lookup.accept(id, values) }
    }
}

/// Splits a stream into pieces of whole lines, for several threads.
private struct LinePieces {
    let source: any ByteSource
    private var carry: [UInt8] = []
    private var ended = false

    /// Number of bytes read for a piece.
    private static let size = 1 << 20
    /// A line longer than this is not a word with its vector.
    private static let longestLine = 16 << 20

    init(_ source: any ByteSource) { self.source = source }

    /// Returns the next piece, including the last line's terminator if it has one; `nil` at the end of the input.
    mutating func next() throws -> [UInt8]? {
        while !ended {
            let capacity = carry.count + Self.size
            let piece = try [UInt8](unsafeUninitializedCapacity: capacity) { memory, count in
                let bytes = UnsafeMutableRawBufferPointer(memory)
                carry.withUnsafeBytes { bytes.copyMemory(from: $0) }
                count = carry.count
                count += try source.readFully(into: UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
            }
            if piece.count < capacity {
                ended = true
                carry = []
                return piece.isEmpty ? nil : piece
            }
            if let end = piece.lastIndex(of: UInt8(ascii: "\n")) {
                carry = Array(piece[(end + 1)...])
                return Array(piece[...end])
            }
            guard piece.count <= Self.longestLine else {
                throw ToolError.data(
                    source.name, "", "has a line longer than \(Self.longestLine >> 20) MB: these are no word vectors")
            }
            carry = piece
        }
        return nil
    }
}

/// Parses lines `word number number …`, keeps the vectors of requested words, and records which others occur.
private struct TextVectorParser: Sendable {
    let words: WordTable
    let others: WordTable
    let dimension: Int

    func parse(_ piece: TextPiece) -> ParsedPiece {
        var result = ParsedPiece()
        piece.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            var place = piece.start
            while place < bytes.count && result.failure == nil {
                let newline = memchr(base + place, 0x0A, bytes.count - place)
                let end = newline.map { base.distance(to: UnsafeRawPointer($0)) } ?? bytes.count
                result.lines += 1
                parseLine(UnsafeRawBufferPointer(rebasing: bytes[place..<end]), &result)
                place = end + 1
            }
        }
        return result
    }

    private func parseLine(_ line: UnsafeRawBufferPointer, _ result: inout ParsedPiece) {
        var end = line.count
        while end > 0 && (isSeparator(line[end - 1]) || line[end - 1] == 0x0D) { end -= 1 }
        guard end > 0 else { return }
        let line = UnsafeRawBufferPointer(rebasing: line[..<end])
        // Nearly every line has as many single separators as numbers, so the word ends at the first.
        if countSeparators(line) == dimension, !isSeparator(line[0]),
            let space = line.firstIndex(where: isSeparator) {
            return accept(0..<space, line, &result)
        }
        // A word with spaces in it, doubled separators, or an invalid line.
        let fields = line.split(whereSeparator: isSeparator)
        guard fields.count > dimension else {
            return fail(&result, "has \(max(0, fields.count - 1)) numbers, should have \(dimension)")
        }
        let last = fields[fields.count - dimension - 1]
        if fields.count > dimension + 1, FloatParser.parse(UnsafeRawBufferPointer(rebasing: last)) != .notANumber {
            return fail(&result, "has more than \(dimension) numbers")
        }
        accept(fields[0].startIndex..<last.endIndex, line, &result)
    }

    /// Keeps the vector of the word at `place`, whose numbers fill the rest of the line, if it was requested.
    private func accept(_ place: Range<Int>, _ line: UnsafeRawBufferPointer, _ result: inout ParsedPiece) {
        let word = UnsafeRawBufferPointer(rebasing: line[place])
        result.words += 1
        guard isUTF8(word) else {
            result.invalidWords += 1
            return
        }
        guard let id = words.find(word) else {
            if let other = others.find(word) { result.noticed.append(other) }
            return
        }
        var values = [Float](repeating: 0, count: dimension)
        var position = place.upperBound
        for number in 1...dimension {
            while position < line.count && isSeparator(line[position]) { position += 1 }
            guard position < line.count else { return fail(&result, "has \(number - 1) numbers, should have \(dimension)") }
            let start = position
            var outcome = FloatParser.parse(line, &position)
            if position < line.count && !isSeparator(line[position]) || outcome == .notANumber {
                // Not a plain number: examine the whole field.
                let field = line[start...].prefix { !isSeparator($0) }
                position = field.endIndex
                outcome = FloatParser.parse(UnsafeRawBufferPointer(rebasing: field))
            }
            switch outcome {
            case .number(let value): values[number - 1] = value
            case .notFinite: return fail(&result, "number \(number) is not finite, word \(quoted(word))")
            case .notANumber: return fail(&result, "field \(number + 1) is not a number, word \(quoted(word))")
            }
        }
        result.vectors.append((id, values))
    }

    @inline(__always)
    private func isSeparator(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private func fail(_ result: inout ParsedPiece, _ cause: String) { result.failure = (result.lines, cause) }

    /// Returns the number of spaces and tabs. Compilers vectorise sums of bytes, and a byte can count up to 255 of them.
    private func countSeparators(_ line: UnsafeRawBufferPointer) -> Int {
        var total = 0, place = 0
        while place < line.count {
            var part: UInt8 = 0
            let end = min(line.count, place + 255)
            while place < end {
                part &+= isSeparator(line[place]) ? 1 : 0
                place += 1
            }
            total += Int(part)
        }
        return total
    }
}

/// Whole lines of a vector file; the first `start` bytes are skipped.
private struct TextPiece: Sendable {
    let bytes: [UInt8]
    let start: Int
}

/// The result of one thread for a piece.
private struct ParsedPiece: Sendable {
    /// Requested words with their vectors.
    var vectors: [(id: Int, values: [Float])] = []
    /// Other words that the reader looks out for.
    var noticed: [Int] = []
    var lines = 0
    var words = 0
    var invalidWords = 0
    /// The first invalid line, counted from 1 within the piece, and the reason.
    var failure: (line: Int, cause: String)?
}

/// Returns a word of an input in a form fit for a message: short, and on one line.
func quoted(_ word: UnsafeRawBufferPointer) -> String {
    let text = String(decoding: word.prefix(60), as: UTF8.self)
    return "\"" + text.map { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } ? String($0) : "?" }.joined() + "\""
}
