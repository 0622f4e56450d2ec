import Files
import Glibc
import Shards

/// word2vec's binary format: a line `count dimension`, then for each word its bytes, a space, `dimension` little-endian Float32,
/// and usually a line end.
///
/// The file must contain exactly `count` words. The place of a record is known only once the previous word has been read, so one
/// thread walks the file; it copies only the requested vectors.
final class Word2VecBinaryFile: VectorFile {
    var name: String { source.name }
    let format = VectorFormat.word2vecBinary
    var dimension: Int { header.dimension }
    private let header: VectorHeader
    private var count: Int { header.count }
    private let source: any ByteSource
    private let window: ByteWindow

    /// word2vec itself truncates words at 100 bytes, others do not; a longer word indicates damage.
    private static let longestWord = 4096

    init(_ source: any ByteSource, header: VectorHeader) {
        self.source = source
        window = ByteWindow(source, capacity: max(1 << 20, 2 * (4 * header.dimension + Self.longestWord + 1)))
        self.header = header
    }

    func lookUp(_ words: WordTable, noticing others: WordTable, threads: Int) throws -> VectorLookup {
        var lookup = try VectorLookup(words: words.count, others: others.count, dimension: dimension, file: name)
        _ = try window.fill(header.length)
        window.drop(header.length)
        for record in 0..<count {
            try skipLineEnds()
            let length = try wordLength(record)
            guard try window.fill(length + 1 + 4 * dimension) else { throw cut(record) }
            let word = UnsafeRawBufferPointer(rebasing: window.bytes[..<length])
            lookup.counts.inFile += 1
            if !isUTF8(word) {
                lookup.counts.invalidWords += 1
            } else if let id = words.find(word) {
                let values = littleEndianFloats(
                    UnsafeRawBufferPointer(rebasing: window.bytes[(length + 1)...].prefix(4 * dimension)))
                if let index = values.firstIndex(where: { !$0.isFinite }) {
                    throw ToolError.data(
                        name, "record \(record + 1)", "number \(index + 1) is not finite, word \(quoted(word))")
                }
                lookup.accept(id, values)
            } else if let id = others.find(word) {
                lookup.noticed[id] = true
            }
            window.drop(length + 1 + 4 * dimension)
        }
        try skipLineEnds()
        guard try !window.fill(1) else {
            throw ToolError.data(name, "", "the header promises \(count) words, and more data follows them")
        }
        return lookup
    }

    private func skipLineEnds() throws {
        while try window.fill(1), window.bytes[0] == 0x0A || window.bytes[0] == 0x0D { window.drop(1) }
    }

    private func wordLength(_ record: Int) throws -> Int {
        _ = try window.fill(Self.longestWord + 1)
        let seen = min(window.bytes.count, Self.longestWord + 1)
        guard seen > 0, let start = window.bytes.baseAddress else { throw cut(record) }
        guard let space = memchr(start, 0x20, seen) else {
            if seen <= Self.longestWord { throw cut(record) }
            throw ToolError.data(name, "record \(record + 1)", "has no word of at most \(Self.longestWord) bytes")
        }
        return start.distance(to: UnsafeRawPointer(space))
    }

    private func cut(_ record: Int) -> ToolError {
        .data(name, "", "the header promises \(count) words, the file ends in record \(record + 1): it is cut short")
    }
}

/// A section of a stream in memory that moves forward.
private final class ByteWindow {
    private let source: any ByteSource
    private let memory: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0

    init(_ source: any ByteSource, capacity: Int) {
        self.source = source
        memory = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { memory.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[start..<end]) }

    /// Tries to get `count` bytes into the window; returns false if the stream ends before.
    func fill(_ count: Int) throws -> Bool {
        if end - start >= count { return true }
        memory.copyMemory(from: bytes)
        end -= start
        start = 0
        end += try source.readFully(into: UnsafeMutableRawBufferPointer(rebasing: memory[end...]))
        return end >= count
    }

    /// Moves the window forward by `count` of its bytes.
    func drop(_ count: Int) { start += count }
}
