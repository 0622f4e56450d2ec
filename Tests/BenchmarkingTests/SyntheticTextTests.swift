import Benchmarking
import Files
import TestSupport
import Testing

@Suite struct SyntheticTextTests {
    private static func text(bytes: Int, seed: UInt64) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file("text"), binary: false)
        var text = SyntheticText(seed: seed)
        try text.write(bytes: bytes, to: output)
        try output.commit()
        return try contents(of: directory.file("text"))
    }

    @Test(arguments: [1, 7, 100_000])
    func isWholeLinesOfAtLeastTheSize(_ bytes: Int) throws {
        let text = try Self.text(bytes: bytes, seed: 1)
        #expect(text.count >= bytes && text.count < bytes + 2_000)
        #expect(text.last == UInt8(ascii: "\n"))
        #expect(text.allSatisfy { $0 == UInt8(ascii: "\n") || (0x20..<0x7F).contains($0) })
    }

    @Test func isTheSameForASeed() throws {
        let text = try Self.text(bytes: 10_000, seed: 3)
        #expect(try Self.text(bytes: 10_000, seed: 3) == text)
        #expect(try Self.text(bytes: 10_000, seed: 4) != text)
    }

    /// English: `the` is about one word in twenty, and words have five letters on average.
    @Test func hasTheShapeOfEnglish() throws {
        let text = String(decoding: try Self.text(bytes: 500_000, seed: 1), as: UTF8.self)
        let words = text.split { $0 == " " || $0 == "\n" }
        let articles = words.count { $0.lowercased() == "the" }
        #expect((0.03...0.12).contains(Double(articles) / Double(words.count)))
        #expect((4.0...7.5).contains(Double(text.utf8.count) / Double(words.count)))
    }
}
