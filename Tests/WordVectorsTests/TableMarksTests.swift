import Kernels
import Shards
import Testing
import WordVectors

/// The marks that every table has.
@Suite struct TableMarksTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private static let text = (0..<40).map { "w\($0) \($0) 2\n" }.joined()

    private func build(_ text: String = text, _ words: [String] = (0..<40).map { "w\($0)" }) throws -> TableBuilder.Table {
        var builder = TableBuilder()
        builder.unknown = .none
        let vocabulary = VocabularyWords(words.enumerated().map { ($1, UInt64(1000 - $0)) })
        return try builder.build(vocabulary, openVectors(scratch.file("v.txt", text)), threads: 1)
    }

    private func row(_ table: TableBuilder.Table, _ word: String) throws -> [Float] {
        table.rows.row(try #require(table.words.find(word))).values
    }

    @Test func marksComeLast() throws {
        let table = try build()
        #expect((40..<44).map(table.words.word) == ["<s>", "</s>", "<unk>", "<pad>"])
        #expect(Array(table.sources[40...]) == [.special, .special, .special, .special])
        #expect(Array(table.counts[40...]) == [0, 0, 0, 0] && table.words.count == 44)
    }

    @Test func theirVectors() throws {
        let table = try build()
        #expect(try row(table, "<pad>") == [0, 0])
        // The four rarest of forty: w36 to w39.
        #expect(try row(table, "<unk>") == [37.5, 2])
        let begin = try row(table, "<s>"), end = try row(table, "</s>")
        #expect(begin != end)
        let norms: [Float] = (0..<40).map { Float($0 * $0 + 4).squareRoot() }
        let mean = norms.reduce(0, +) / 40
        for mark in [begin, end] {
            let norm = (mark[0] * mark[0] + mark[1] * mark[1]).squareRoot()
            #expect(abs(norm - mean) < 1e-3)
        }
    }

    /// A text may hold marks as words: they keep their place and count. The vectors' own vectors of marks are taken, but for
    /// padding.
    @Test func marksOfTheTextAndOfTheVectors() throws {
        let table = try build(Self.text + "<unk> 7 8\n<pad> 1 1\n</s> 3 4\n", ["w0", "<unk>", "w1", "<pad>", "w2"])
        #expect((0..<7).map(table.words.word) == ["w0", "<unk>", "w1", "<pad>", "w2", "<s>", "</s>"])
        #expect(table.words.count == 7 && table.counts[1] == 999 && table.counts[3] == 997)
        #expect(table.sources == [.pretrained, .special, .pretrained, .special, .pretrained, .special, .special])
        #expect(try row(table, "<unk>") == [7, 8] && row(table, "<pad>") == [0, 0] && row(table, "</s>") == [3, 4])
    }

    /// They take no part in the mean that centres targets.
    @Test func theMeanIsThatOfTheWords() throws {
        let table = try build("a 1 0\nb 0 1\n<unk> 1 0\n", ["a", "<unk>", "b"])
        #expect(table.mean == [0.5, 0.5])
    }
}
