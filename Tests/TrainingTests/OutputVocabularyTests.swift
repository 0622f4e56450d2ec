import Files
import Parallel
import Shards
import TestSupport
import Testing
import Training

struct OutputVocabularyTests {
    private func write(_ words: [(String, UInt64)], options: ShardFields = [:], to path: String) throws {
        let output = try OutputFile(path: path, binary: true)
        let writer = try VocabularyShardWriter(output, tool: "test 1", options: options, pool: WorkerPool(threads: 1))
        for (word, count) in words { try Array(word.utf8).withUnsafeBytes { try writer.append($0, count: count) } }
        try writer.finish()
        try output.commit()
    }

    private func read(_ path: String) throws -> OutputVocabulary {
        try OutputVocabulary(path: path, pool: WorkerPool(threads: 1))
    }

    private func number(_ word: String, _ vocabulary: OutputVocabulary) -> Int32 {
        Array(word.utf8).withUnsafeBytes { vocabulary.number(of: $0) }
    }

    @Test func marksThenWords() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("v")
        try write([("the", 9), ("<unk>", 5), ("of", 5), ("bank", 1)], to: path)
        let vocabulary = try read(path)
        #expect(vocabulary.size == 6 && vocabulary.counts == [0, 0, 5, 9, 5, 1] && vocabulary.merges.isEmpty)
        #expect(number("<s>", vocabulary) == 0 && number("</s>", vocabulary) == 1 && number("the", vocabulary) == 3)
        #expect(number("bank", vocabulary) == 5 && number("banks", vocabulary) == 2 && number("<unk>", vocabulary) == 2)
        try write([("the", 9), ("of", 5), ("bank", 1)], options: ["bpe": "abc"], to: path)
        let units = try read(path)
        #expect(units.merges == "abc" && units.digest != vocabulary.digest)
    }

    @Test func badVocabularies() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("v")
        try write([("of", 5), ("the", 9)], to: path)
        let unsorted = #expect(throws: ToolError.self) { try read(path) }
        let text = "\(try #require(unsorted))"
        #expect(unsorted?.status == .dataError && text.contains("word 2: the occurs more often"))
        for (words, fault) in [
            ([], "without words"), ([("<unk>", 3)], "has no words"), ([("of the", 9)], "word 1: has white space"),
            ([("the", 9), ("of", 3), ("of", 3)], "word 3: of stands there twice"),
            ([("the", 9), ("</s>", 3), ("</s>", 3)], "word 3: </s> stands there twice"),
        ] as [([(String, UInt64)], String)] {
            try write(words, to: path)
            let error = #expect(throws: ToolError.self) { try read(path) }
            #expect(error?.status == .dataError && error?.description.contains(fault) == true)
        }
        #expect(throws: ToolError.self) { try read(directory.file("none")) }
    }
}
