import Files
import Glibc
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

/// Cuts a stream into pieces of whole lines, for several threads to work on.
private struct LinePieces {
    private let source: any ByteSource
    private let size: Int
    private var carry: [UInt8] = []
    private var ended = false

    /// A line longer than this is not a word and its vector.
    static let longestLine = 16 << 20

    init(_ source: any ByteSource, size: Int = 1 << 20) {
        self.source = source
        self.size = size
    }

    /// The next piece, with its last line's end if the line has one; `nil` at the end of the input.
    mutating func next() throws -> [UInt8]? {
        while !ended {
            let capacity = carry.count + size
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

/// Parses lines `word number number …`, keeps the vectors of the words in a table, and notes which others there are.
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
        // Nearly every line: as many single separators as there are numbers, so the word ends at the first.
        if countSeparators(line) == dimension, !isSeparator(line[0]), let space = line.firstIndex(where: isSeparator) {
            result.vectors += 1
            accept(UnsafeRawBufferPointer(rebasing: line[..<space]), line, from: space, &result)
        } else {
            parseUnusual(line, &result)
        }
    }

    /// Counts the fields from the end: a word with spaces, doubled separators, or a line that is wrong.
    private func parseUnusual(_ line: UnsafeRawBufferPointer, _ result: inout ParsedPiece) {
        var place = line.count
        var lastField = place..<place
        for count in 0...dimension {
            let fieldEnd = skipSeparatorsBack(line, place)
            guard fieldEnd > 0 else {
                return fail(&result, "has \(max(0, count - 1)) numbers, should have \(dimension)")
            }
            if count == dimension {
                place = fieldEnd
                break
            }
            place = fieldEnd
            while place > 0 && !isSeparator(line[place - 1]) { place -= 1 }
            lastField = place..<fieldEnd
        }
        var start = 0
        while isSeparator(line[start]) { start += 1 }
        let word = UnsafeRawBufferPointer(rebasing: line[start..<place])
        if let space = word.lastIndex(where: isSeparator),
            FloatParser.parse(UnsafeRawBufferPointer(rebasing: word[(space + 1)...])) != .notANumber {
            return fail(&result, "has more than \(dimension) numbers")
        }
        result.vectors += 1
        accept(word, line, from: lastField.lowerBound, &result)
    }

    /// Keeps the vector of `word`, whose numbers start at `start` or after separators there, if it was asked for.
    private func accept(
        _ word: UnsafeRawBufferPointer, _ line: UnsafeRawBufferPointer, from start: Int, _ result: inout ParsedPiece
    ) {
        guard isUTF8(word) else {
            result.invalidWords += 1
            return
        }
        guard let id = words.find(word) else {
            if let other = others.find(word) { result.noticed.append(UInt32(other)) }
            return
        }
        let first = result.values.count
        result.values.append(contentsOf: repeatElement(0, count: dimension))
        let cause: String? = result.values.withUnsafeMutableBufferPointer { values in
            var place = start
            for index in 0..<dimension {
                while place < line.count && isSeparator(line[place]) { place += 1 }
                let fieldStart = place
                var outcome = FloatParser.parse(line, &place)
                if place < line.count && !isSeparator(line[place]) || outcome == .notANumber {
                    // Not a plain number: look at the whole field.
                    place = fieldStart
                    while place < line.count && !isSeparator(line[place]) { place += 1 }
                    if place == fieldStart { return "has \(index) numbers, should have \(dimension)" }
                    outcome = FloatParser.parse(UnsafeRawBufferPointer(rebasing: line[fieldStart..<place]))
                }
                switch outcome {
                case .number(let value): values[first + index] = value
                case .notFinite: return "number \(index + 1) is not finite, word \(quoted(word))"
                case .notANumber: return "field \(index + 2) is not a number, word \(quoted(word))"
                }
            }
            return nil
        }
        if let cause { return fail(&result, cause) }
        result.ids.append(UInt32(id))
    }

    private func fail(_ result: inout ParsedPiece, _ cause: String) { result.failure = (result.lines, cause) }

    private func skipSeparatorsBack(_ line: UnsafeRawBufferPointer, _ end: Int) -> Int {
        var place = end
        while place > 0 && isSeparator(line[place - 1]) { place -= 1 }
        return place
    }

    @inline(__always)
    private func isSeparator(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// Counts spaces and tabs, 16 bytes at a time.
    private func countSeparators(_ line: UnsafeRawBufferPointer) -> Int {
        typealias Lanes = SIMD16<UInt8>
        let space = Lanes(repeating: 0x20), tab = Lanes(repeating: 0x09), one = Lanes(repeating: 1)
        var total = 0
        var place = 0
        while place + 16 <= line.count {
            var counts = Lanes()
            // A lane counts to 255 at most.
            let stop = min(line.count - 15, place + 255 * 16)
            while place < stop {
                let bytes = line.loadUnaligned(fromByteOffset: place, as: Lanes.self)
                counts &+= Lanes().replacing(with: one, where: (bytes .== space) .| (bytes .== tab))
                place += 16
            }
            total += Int(SIMD16<UInt16>(truncatingIfNeeded: counts).wrappedSum())
        }
        while place < line.count {
            if isSeparator(line[place]) { total += 1 }
            place += 1
        }
        return total
    }
}

/// Whole lines of a vector file; the first `start` bytes are not looked at.
private struct TextPiece: Sendable {
    let bytes: [UInt8]
    let start: Int
}

/// What one thread found in a piece.
private struct ParsedPiece: Sendable {
    /// Words that were asked for, and their vectors one after the other.
    var ids: [UInt32] = []
    var values: [Float] = []
    /// Other words that the reader looks out for.
    var noticed: [UInt32] = []
    var lines = 0
    var vectors = 0
    var invalidWords = 0
    /// The first line that is wrong, counted from 1 within the piece, and why.
    var failure: (line: Int, cause: String)?
}

extension FloatParser {
    fileprivate static func parse(_ text: ArraySlice<UInt8>) -> Outcome { text.withUnsafeBytes { parse($0) } }
}

/// A word of an input as it may stand in a message: short, on one line.
func quoted(_ word: UnsafeRawBufferPointer) -> String {
    let text = String(decoding: word.prefix(60), as: UTF8.self)
    return "\"" + text.map { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } ? String($0) : "?" }.joined() + "\""
}
