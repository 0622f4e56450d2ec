import Files
public import Kernels
public import Shards

/// A format of word vectors.
public enum VectorFormat: String, Sendable {
    /// fastText's model file, version 12.
    case fastText = "fastText .bin"
    /// `count dimension`, then for each word its bytes, a space, and its numbers as little-endian Float32.
    case word2vecBinary = "word2vec binary"
    /// `count dimension`, then a line for each word; fastText's .vec files have this format, too.
    case word2vecText = "word2vec text"
    /// A line for each word, without a first line that states their number.
    case glove = "GloVe text"
    /// No file at all.
    case random = "random"

    /// The source that a table records for vectors read in this format.
    var source: VectorSource { self == .random ? .random : .pretrained }
}

/// A file of pre-trained word vectors, read once.
///
/// Rules for all readers:
/// - NaN or infinity in the vector of a requested word is an error that names place and word. Vectors of other words are skipped
///   unread.
/// - Words that are not UTF-8 are skipped and counted; so are zero vectors.
/// - It is an error if a file contains more or fewer words than its header says.
/// - Errors are `ToolError` with status `dataError`. No count in a header is trusted before the file has confirmed it.
public protocol VectorFile: AnyObject {
    /// The name that the user gave.
    var name: String { get }
    /// Format of the file.
    var format: VectorFormat { get }
    /// Size of a vector.
    var dimension: Int { get }

    /// Returns the vectors of `words`, and which of `others` occur in the file, too. Call it once: a stream cannot be read again.
    func lookUp(_ words: WordTable, noticing others: WordTable, threads: Int) throws -> VectorLookup

    /// Returns the file's own generator for words that it lacks: the character n-grams of a fastText .bin.
    func ownGenerator() -> (any OutOfVocabularyGenerator)?
}

extension VectorFile {
    /// Returns the vectors of `words`. Call it once.
    public func lookUp(_ words: WordTable, threads: Int) throws -> VectorLookup {
        try lookUp(words, noticing: WordTable(), threads: threads)
    }

    /// Returns `nil`: the file has no generator.
    public func ownGenerator() -> (any OutOfVocabularyGenerator)? { nil }
}

/// The pre-trained vectors of the requested words.
public struct VectorLookup: Sendable {
    /// A row for each word in the order of ids; zero for words without a vector.
    public let rows: RowMatrix
    /// For each word, true if it has a vector.
    public internal(set) var found: [Bool]
    /// For each of the other words looked out for, true if the file contains it.
    public internal(set) var noticed: [Bool]
    /// Counts of the reader.
    public internal(set) var counts = Counts()

    /// Counts of a reader; the last four count lines or records of the file.
    public struct Counts: Sendable, Equatable {
        /// Number of words that got a vector.
        public var found = 0
        /// Number of words in the file.
        public var inFile = 0
        /// Number of further vectors of words that already had one. The first is used (in a fastText .bin the last, as in
        /// fastText).
        public var duplicates = 0
        /// Number of words that are not UTF-8 and were skipped.
        public var invalidWords = 0
        /// Number of words with a zero vector. They count as words without a vector, because zero has no direction.
        public var zeroVectors = 0

        /// Creates counts of nothing.
        public init() {}
    }

    /// Allocates memory for vectors of the dimension that `file` claims. Throws `ToolError`: `systemError` if there is none, or
    /// `dataError` for a dimension that no vectors have.
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

    /// Takes the vector of word `id`, [dimension], as a reader finds it; only the first one of a word is used.
    mutating func accept(_ id: Int, _ values: [Float]) {
        guard !found[id] else {
            counts.duplicates += 1
            return
        }
        rows.row(id).copy(from: values)
        count(id)
    }

    /// Counts the vector in row `id` as found, unless it is zero.
    mutating func count(_ id: Int) {
        found[id] = !rows.row(id).isZero
        if found[id] { counts.found += 1 } else { counts.zeroVectors += 1 }
    }
}

/// A greater dimension indicates a damaged header.
let largestDimension = 1 << 16

/// Opens a file of word vectors, whose format is recognised by its content.
///
/// Text and word2vec files may be compressed in any format of `openInput`, and may come through a pipe (`-` is standard input). A
/// fastText .bin is mapped, so it must be a plain file. Throws `ToolError`.
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
    /// Bytes of the line, including its terminator.
    let length: Int

    /// Returns `nil` unless the text starts with a line of exactly two integers.
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

    /// Returns true if the bytes after the first word are not text. Float32 numbers practically never are: one byte in nine is a
    /// control character, and their sign and exponent bytes do not form UTF-8.
    func bodyIsBinary(_ head: [UInt8]) -> Bool {
        guard let space = head[length...].firstIndex(of: 0x20) else { return false }
        var sample = head[(space + 1)...].prefix(4 * dimension)
        if sample.contains(where: { $0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D || $0 == 0x7F }) { return true }
        // The sample may end inside a character.
        while let last = sample.last, last >= 0x80, sample.count > 4 * dimension - 4 { sample.removeLast() }
        return sample.withUnsafeBytes { !isUTF8($0) }
    }
}

/// Returns true if `bytes` are well-formed UTF-8.
func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
}
