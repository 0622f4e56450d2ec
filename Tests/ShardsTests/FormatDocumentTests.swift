import Glibc
import Shards
import TestSupport
import Testing

/// docs/format.md promises that a reader can be written from it in 30 lines of Python: the one printed there is run here.
struct FormatDocumentTests {
    static let lz4 = isInstalled("lz4")

    /// The Python program in docs/format.md.
    static func reader() throws -> String {
        let document = String(decoding: try contents(of: "docs/format.md"), as: UTF8.self)
        let code = try #require(document.text(behind: "```python\n"))
        return try #require(code.split(separator: "```").first.map(String.init))
    }

    @Test func theReaderHasThirtyLines() throws {
        #expect(try Self.reader().split(separator: "\n").count <= 30)
    }

    @Test(.enabled("lz4.frame is not installed for \(Python.path)") { try await Python.has("lz4.frame") })
    func aReaderWrittenFromTheDocumentReadsEveryKind() async throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write("reader.py", Self.reader())
        let sentences = sampleSentences(33)
        let shard = try tokenShard(sentences, dictionaryWords: 20)
        let tokens = try directory.write("two.tok", shard + shard)
        let printed = try await runShell("\(Python.path) \(program) \(tokens)")
        #expect(printed.errors == "")
        #expect(printed.text == (sentences + sentences).map { $0.joined(separator: " ") + "\n" }.joined())
        let table = try directory.write("a.table", TableShardTests.table(dimension: 3, words: 4))
        let columns = try await runShell("\(Python.path) \(program) \(table)")
        #expect(columns.status == 0 && columns.text.contains("rows") && columns.text.contains("12"))
        let cut = try directory.write("cut.tok", Array(shard.dropLast(30)))
        #expect(try await runShell("\(Python.path) \(program) \(cut)").status != 0)
    }

    @Test(.enabled(if: lz4, "the lz4 program is not installed"))
    func lz4AcceptsShardsAndShowsTheHeader() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("a.tok", tokenShard(sampleSentences(12)))
        #expect(try await runShell("lz4 -t \(path)").status == 0)
        #expect(try await runShell("lz4 -dc \(path) | head -n 2").text == "contour shard 1\nkind tokens\n")
    }
}

extension String {
    /// The text behind the first `separator`, or nil.
    fileprivate func text(behind separator: String) -> String? {
        guard let range = ranges(of: separator).first else { return nil }
        return String(self[range.upperBound...])
    }
}
