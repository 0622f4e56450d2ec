import Files
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

/// Smaller tables from larger ones.
@Suite struct TableSubsetTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    /// A table of 300 words with fitted n-grams, transformed.
    private func larger(_ storage: RowStorage) throws -> String {
        let rule = SpellingRule(count: 300, dimension: 7)
        var builder = TableBuilder()
        builder.unknown = .subwords
        builder.subwords.heldOut = 20
        builder.transform.directions = 1
        builder.transform.normalise = true
        let built = try builder.build(
            rule.vocabulary(unknown: ["qqq"]), openVectors(scratch.file("rule.txt", rule.text)), threads: 2)
        let path = "\(scratch.path)/larger"
        let output = try OutputFile(path: path, binary: true)
        try built.write(to: output, tool: "test", fields: ["unknown": "subwords"], storage: storage, pool: WorkerPool(threads: 1))
        try output.commit()
        return path
    }

    private func open(_ path: String, fromPipe: Bool = false) throws -> EmbeddingTable {
        let source: any ByteSource = fromPipe ? MemorySource(try readFile(path)) : try FileSource(path: path)
        return try EmbeddingTable(source, pool: WorkerPool(threads: 1))
    }

    private func subset(
        _ table: EmbeddingTable, _ words: [String], to name: String = "smaller", threads: Int = 1
    ) throws -> (TableSubset, String) {
        let vocabulary = VocabularyWords(words.enumerated().map { ($1, UInt64(500 - $0)) })
        let subset = try TableSubset(of: table, name: "larger", vocabulary, threads: threads)
        let path = "\(scratch.path)/\(name)"
        let output = try OutputFile(path: path, binary: true)
        try subset.write(to: output, tool: "test", pool: WorkerPool(threads: threads))
        try output.commit()
        return (subset, path)
    }

    @Test(arguments: RowStorage.allCases, [false, true])
    func everyVectorIsThatOfTheLargerTable(storage: RowStorage, fromPipe: Bool) throws {
        let large = try open(larger(storage), fromPipe: fromPipe)
        let kept = [299, 0, 17, 4].map(large.words.word)
        let words = [kept[0], "abca", kept[1], kept[2], "zzz", kept[3], "qqq"]
        let (subset, path) = try subset(large, words)
        #expect(subset.kept == 5 && subset.madeCount == 1 && subset.unknownCount == 1)
        let small = try open(path)
        #expect((0..<11).map(small.words.word) == words + ["<s>", "</s>", "<unk>", "<pad>"] && small.words.count == 11)
        #expect(Array(small.counts[..<8]) == [500, 499, 498, 497, 496, 495, 494, 0])
        #expect(small.mean == large.mean && small.digest != large.digest)
        for word in words + ["<s>", "</s>", "<unk>", "<pad>", "hhgg", "日本"] {
            let (source, vector) = try small.vector(of: word), (expectedSource, expected) = try large.vector(of: word)
            #expect(source == expectedSource, "\(word)")
            // Made vectors are rounded as the table stores them; all others are the same to the bit.
            if word == "abca" && storage == .float16 {
                #expect(vector == expected.map { Float(Float16($0)) })
            } else {
                #expect(vector.map(\.bitPattern) == expected.map(\.bitPattern), "\(word)")
            }
        }
    }

    @Test func aSubsetOfASubsetIsTheSubset() throws {
        let large = try open(larger(.float16))
        let words = (0..<9).map { large.words.word(3 * $0) }
        let (_, direct) = try subset(large, Array(words[..<4]), to: "direct")
        let (_, first) = try subset(large, words, to: "first")
        let (_, second) = try subset(open(first), Array(words[..<4]), to: "second")
        let one = try open(direct), other = try open(second)
        for id in 0..<8 { #expect(try one.rows.row(id) == other.rows.row(id) && one.words.word(id) == other.words.word(id)) }
        #expect(try one.vector(of: "abca") == other.vector(of: "abca"))
    }

    @Test func threadsDoNotShow() throws {
        let large = try open(larger(.float32))
        let words = (0..<40).flatMap { [large.words.word($0), "ab\(large.words.word($0))"] }
        let files = try (1...3).map { try readFile(subset(large, words, threads: $0).1) }
        #expect(files[0] == files[1] && files[0] == files[2])
    }

    @Test func aVocabularyOfOtherWordsIsRefused() throws {
        let large = try open(larger(.float32))
        #expect(dataError { _ = try subset(large, ["abca", "zzz"]) }.contains("none of the vocabulary"))
    }
}
