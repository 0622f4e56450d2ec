import Files
import TestSupport
import Testing

/// One test at a time, because one of them looks for children of this process.
@Suite(.serialized)
struct InputTests {
    static let text = Array((0..<20_000).map { "line \($0 &* 7919 % 1000)\n" }.joined().utf8)

    func readAll(_ path: String, piece: Int = 4096) throws -> [UInt8] { try readAll(openInput(path), piece: piece) }

    func readAll(_ source: any ByteSource, piece: Int = 4096) throws -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: piece)
        while case let count = try buffer.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
            all += buffer[..<count]
        }
        return all
    }

    @Test(
        .enabled(if: ["gzip", "lz4", "xz", "zstd", "bzip2"].allSatisfy(isInstalled), "one of gzip, lz4, xz, zstd and bzip2 is not installed"),
        arguments: ["cat", "gzip -c", "lz4 -c", "xz -c", "zstd -cq", "bzip2 -c"], [1, 7, 4096, 1 << 20])
    func compressionIsRecognisedByContent(program: String, piece: Int) async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("text", Self.text)
        // Twice: members and frames may follow each other.
        let packed = directory.file("packed")
        let result = try await runShell("(\(program) < \(path); \(program) < \(path)) > \(packed)")
        #expect(result.status == 0)
        #expect(try readAll(packed, piece: piece) == Self.text + Self.text)
    }

    @Test(
        .enabled(if: ["gzip", "lz4", "xz", "zstd", "bzip2"].allSatisfy(isInstalled), "one of gzip, lz4, xz, zstd and bzip2 is not installed"),
        arguments: ["gzip -c", "lz4 -c", "xz -c", "zstd -cq", "bzip2 -c"])
    func truncatedCompressionIsAnError(program: String) async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("text", Self.text)
        _ = try await runShell("\(program) < \(path) > \(directory.file("packed"))")
        let whole = try contents(of: directory.file("packed"))
        for count in [11, 20, whole.count / 2, whole.count - 1] {
            let cut = try directory.write("cut", Array(whole[..<count]))
            #expect(throws: ToolError.self, "\(count) bytes") { try readAll(cut) }
        }
    }

    @Test func emptyFilesAndMissingFiles() throws {
        let directory = try TemporaryDirectory()
        #expect(try readAll(directory.write("empty", "")) == [])
        #expect(try readAll(directory.write("short", "ab")) == Array("ab".utf8))
        #expect(throws: ToolError.self) { try openInput(directory.file("missing")) }
        #expect(throws: ToolError.self) { try openInput(directory.path) }
    }
}

struct XXH64Tests {
    /// Values of the reference implementation (python3, package xxhash 3.5).
    @Test(arguments: [
        ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
        (String(repeating: "0123456789", count: 10), 0xF80E_7B96_315A_FFFA),
    ] as [(String, UInt64)])
    func knownDigests(text: String, digest: UInt64) {
        #expect(Array(text.utf8).withUnsafeBytes { XXH64.hash($0) } == digest)
    }

    @Test(arguments: [0, 1, 3, 4, 7, 8, 31, 32, 33, 63, 64, 100, 1000])
    func piecesMakeTheSameDigestAsTheWhole(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ 7) }
        let whole = bytes.withUnsafeBytes { XXH64.hash($0) }
        for piece in [1, 5, 32, 37] {
            var state = XXH64()
            for start in stride(from: 0, to: count, by: piece) {
                Array(bytes[start..<min(count, start + piece)]).withUnsafeBytes { state.update($0) }
            }
            #expect(state.digest() == whole)
        }
    }
}

struct PeekedSourceTests {
    /// Gives its pieces one by one, as a terminal does, and counts how often it was asked.
    private final class Typed: ByteSource {
        let name = "typed"
        var pieces: [[UInt8]]
        var asked = 0

        init(_ pieces: [String]) { self.pieces = pieces.map { Array($0.utf8) } }

        func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
            asked += 1
            guard !pieces.isEmpty else { return 0 }
            let piece = pieces.removeFirst(), count = min(buffer.count, piece.count)
            buffer.copyBytes(from: piece[..<count])
            if count < piece.count { pieces.insert(Array(piece[count...]), at: 0) }
            return count
        }
    }

    /// One line is enough to know that it is text, however short.
    @Test(arguments: ["\n", "a\n", "the cat sees\n"])
    func aLineIsAnsweredBeforeTheNext(line: String) throws {
        let source = Typed([line, "more\n"])
        let lines = LineReader(try decompressed(source))
        var found = ""
        #expect(try lines.next { found = String(decoding: $0, as: UTF8.self) } && found + "\n" == line)
        #expect(source.pieces == [Array("more\n".utf8)])
    }

    @Test func beginningsThatComePieceByPiece() throws {
        let source = Typed(["\u{4}", "\"", "M"])
        let peeked = try PeekedSource(source, oneOf: [lz4Magic, [0x1F, 0x8B]])
        #expect(peeked.head == [4, 0x22, 0x4D] && source.asked == 4)
        #expect(try PeekedSource(Typed(["\u{4}", "x", "M"]), oneOf: [lz4Magic]).head == [4, 0x78])
    }
}

struct JSONNamesTests {
    @Test(arguments: [
        ("{}", nil), ("{\"a\": 1, \"b\": 2}", nil), ("{\"a\": 1, \"a\": 2}", "a"), ("{\"a\": \"a\", \"b\": [\"a\", \"a\"]}", nil),
        ("{\"a\": {\"a\": 1}, \"b\": {\"a\": 1}}", nil), ("[{\"x\": 1}, {\"x\": {\"y\": [], \"z\": 0, \"y\": 1}}]", "y"),
        ("{\"a\\\"b\": \"}\", \"a\": \"{\\\\\", \"a\\\"b\": 0}", "a\\\"b"), ("\"a\"", nil), ("", nil), ("{\"a\": {}, \"a\": []}", "a"),
    ])
    func namesThatStandTwice(text: String, name: String?) { #expect(repeatedJSONName(Array(text.utf8)) == name) }
}
