import Files
public import Kernels
public import Shards

/// The layout of a file of word vectors.
public enum VectorFormat: String, Sendable {
    /// fastText's own model file, version 12.
    case fastText = "fastText .bin"
    /// `count dimension`, then for each word its bytes, a space, and the numbers as little-endian Float32.
    case word2vecBinary = "word2vec binary"
    /// `count dimension`, then a line for each word: the .vec files of fastText are these too.
    case word2vecText = "word2vec text"
    /// A line for each word, without a first line that says how many.
    case glove = "GloVe text"
    /// No file at all.
    case random = "random"

    /// The source that a table names for vectors that were read in this form.
    var source: VectorSource { self == .random ? .random : .pretrained }
}

/// A file of pre-trained word vectors, read once.
///
/// All readers have in common:
/// - A number that is NaN or infinite, in the vector of a word that is asked for, is an error that names the place and
///   the word. Vectors of other words are stepped over unread.
/// - Words that are not UTF-8 are skipped and counted; so are vectors that are zero.
/// - A file that holds more or fewer words than its header says is an error.
/// - Errors are `ToolError` with status `dataError`; no count in a header is believed before the file has shown it.
public protocol VectorFile: AnyObject {
    /// The name that the user gave.
    var name: String { get }
    var format: VectorFormat { get }
    /// Numbers in each vector.
    var dimension: Int { get }

    /// The vectors of `words`, and which of `others` are in the file too. Call once: a stream cannot be read again.
    func lookUp(_ words: WordTable, noticing others: WordTable, threads: Int) throws -> VectorLookup

    /// The generator that the file itself has for words that it does not hold: the character n-grams of a fastText .bin.
    func ownGenerator() -> (any OutOfVocabularyGenerator)?
}

extension VectorFile {
    /// The vectors of `words`. Call once.
    public func lookUp(_ words: WordTable, threads: Int) throws -> VectorLookup {
        try lookUp(words, noticing: WordTable(), threads: threads)
    }

    public func ownGenerator() -> (any OutOfVocabularyGenerator)? { nil }
}

/// The pre-trained vectors of the words that were asked for.
public struct VectorLookup: Sendable {
    /// A row for each word, in the order of the words' ids; zero for words that have no vector.
    public let rows: RowMatrix
    /// True for words that have a vector.
    public internal(set) var found: [Bool]
    /// True for the other words looked out for that are in the file.
    public internal(set) var noticed: [Bool]
    public internal(set) var counts = Counts()

    /// Counts of a reader, the last four of lines or records of the file.
    public struct Counts: Sendable, Equatable {
        /// Words that got a vector.
        public var found = 0
        /// Words that the file holds in all.
        public var inFile = 0
        /// Further vectors of a word that already had one: the first wins (in a fastText .bin the last, as there).
        public var duplicates = 0
        /// Words that are not UTF-8: skipped.
        public var invalidWords = 0
        /// Words whose vector is zero: treated as words without a vector, because zero has no direction.
        public var zeroVectors = 0

        public init() {}
    }

    /// Throws `ToolError` if there is no memory for vectors of the dimension that `file` claims: `systemError`, or `dataError` for
    /// one that no vectors have.
    init(words: Int, others: Int, dimension: Int, file: String) throws {
        guard let rows = RowMatrix(claimed: words, dimension: dimension) else {
            guard dimension > 1 << 16 else {
                throw ToolError(.systemError, "\(file): the system gives no memory for \(words) vectors of \(dimension) numbers")
            }
            throw ToolError.data(
                file, "header", "there is no memory for \(words) vectors of \(dimension) numbers; is the file damaged?")
        }
        self.rows = rows
        found = Array(repeating: false, count: words)
        noticed = Array(repeating: false, count: others)
    }

    /// Returns this look-up as if only the words `ids` had been found.
    public func limited(to ids: [Int]) -> VectorLookup {
        var limited = self
        limited.found = Array(repeating: false, count: found.count)
        for id in ids where found[id] { limited.found[id] = true }
        return limited
    }

    /// Takes the vector of word `id`, [dimension], as a reader meets it; the first one of a word counts.
    mutating func accept(_ id: Int, _ values: [Float]) {
        guard !found[id] else {
            counts.duplicates += 1
            return
        }
        rows.row(id).copy(from: values)
        count(id)
    }

    /// Counts the vector that has been written to row `id`: a zero is none.
    mutating func count(_ id: Int) {
        found[id] = !rows.row(id).isZero
        if found[id] { counts.found += 1 } else { counts.zeroVectors += 1 }
    }
}

/// Vectors longer than this are taken for a damaged header.
let largestDimension = 1 << 16

/// Opens a file of word vectors; its format is told from its content.
///
/// Text and word2vec files may be compressed, as `openInput` has it, and may come through a pipe (`-` is standard input).
/// A fastText .bin is mapped, not read, so it must be a plain file. Throws `ToolError`.
public func openVectors(_ path: String) throws -> any VectorFile {
    let raw = try PeekedSource(FileSource(path: path), count: 512)
    let content = try PeekedSource(decompressed(raw), count: 64 << 10)
    if FastTextFile.recognises(content.head) {
        if let compression = Compression(head: raw.head) {
            throw ToolError.data(
                raw.name, "", "is a fastText .bin, which is read only where it is not compressed, and \(compression.advice(raw.name))")
        }
        return try FastTextFile(path: path)
    }
    guard !content.head.starts(with: Array(ShardHeader.magic.utf8)) else {
        throw ToolError.data(
            raw.name, "", "is a shard of Contour, not word vectors; a smaller table is made of a table by --subset")
    }
    guard !content.head.isEmpty else { throw ToolError.data(raw.name, "", "is empty: no word vectors") }
    guard let header = VectorHeader(content.head) else { return try TextVectorFile(content, header: nil) }
    try header.check(name: raw.name)
    if header.bodyIsBinary(content.head) { return Word2VecBinaryFile(content, header: header) }
    return try TextVectorFile(content, header: header)
}

/// The first line `count dimension` of word2vec's formats.
struct VectorHeader {
    let count: Int
    let dimension: Int
    /// Bytes of the line, its end included.
    let length: Int

    /// `nil` if the text does not start with a line of exactly two whole numbers.
    init?(_ head: [UInt8]) {
        guard let end = head.prefix(64).firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let fields = head[..<end].split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        guard fields.count == 2,
            let count = Int(String(decoding: fields[0], as: UTF8.self)),
            let dimension = Int(String(decoding: fields[1], as: UTF8.self))
        else { return nil }
        self.count = count
        self.dimension = dimension
        length = end + 1
    }

    func check(name: String) throws {
        guard count >= 0, dimension >= 1, dimension <= largestDimension else {
            throw ToolError.data(
                name, "line 1",
                "the header promises \(count) words of \(dimension) numbers, which cannot be")
        }
    }

    /// True if the bytes behind the first word are not text. Float32 numbers practically never are: one byte in nine is a
    /// control character, and their sign and exponent bytes do not make UTF-8.
    func bodyIsBinary(_ head: [UInt8]) -> Bool {
        guard let space = head[length...].firstIndex(of: 0x20) else { return false }
        var sample = head[(space + 1)...].prefix(4 * dimension)
        if sample.contains(where: { $0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D || $0 == 0x7F }) { return true }
        // The sample may end inside a character.
        while let last = sample.last, last >= 0x80, sample.count > 4 * dimension - 4 { sample.removeLast() }
        return sample.withUnsafeBytes { !isUTF8($0) }
    }
}

/// True if `bytes` are well-formed UTF-8.
func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
}
