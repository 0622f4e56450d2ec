import Files
import TestSupport
import Testing

struct XXH32Tests {
    /// Values of the reference implementation (python3, package xxhash 4.1).
    @Test(arguments: [
        ("", 0x02CC_5D05), ("a", 0x550D_7456), ("abc", 0x32D1_53FF), ("abcd", 0xA364_3705), ("message digest!", 0xA8B8_F8DF),
        ("0123456789abcdef", 0xC2C4_5B69), ("0123456789abcdefg", 0xCC79_B217),
        (String(repeating: "0123456789", count: 10), 0xF0F8_2DB6),
    ] as [(String, UInt32)])
    func knownDigests(text: String, digest: UInt32) {
        #expect(Array(text.utf8).withUnsafeBytes { XXH32.hash($0) } == digest)
    }
}

struct PlacedFileTests {
    @Test func anyPlaceCanBeRead() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("digits", "0123456789")
        let source = try FileSource(path: path)
        let file = try #require(PlacedFile(source))
        #expect(file.size == 10 && file.name == path)
        #expect(try file.read(at: 7, count: 3) == Array("789".utf8))
        #expect(try file.read(at: 0, count: 2) == Array("01".utf8))
        #expect(throws: ToolError.self) { try file.read(at: 8, count: 3) }
        // The source has not moved, and lives on.
        var buffer = [UInt8](repeating: 0, count: 4)
        #expect(try buffer.withUnsafeMutableBytes { try source.readFully(into: $0) } == 4)
        #expect(buffer == Array("0123".utf8))
        // Now it has: what would be read is not the file from its start.
        #expect(PlacedFile(source) == nil)
        #expect(PlacedFile(MemorySource([1])) == nil)
        let tail = PlacedSource(file, at: 6)
        #expect(try buffer.withUnsafeMutableBytes { try tail.read(into: $0) } == 4)
        #expect(buffer == Array("6789".utf8))
        #expect(try buffer.withUnsafeMutableBytes { try tail.read(into: $0) } == 0)
    }
}
