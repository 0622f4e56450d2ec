import Files
import Parallel
import Shards
import TestSupport
import Testing
import Vocabulary

@Suite("Vocabularies of shards")
struct ShardCountingTests {
    private let directory: TemporaryDirectory
    private let pool = WorkerPool(threads: 2)

    init() throws { directory = try TemporaryDirectory() }

    /// A token shard of the words, cut into sentences, blocks and parts of odd sizes.
    private func tokens(_ name: String, _ words: ArraySlice<[UInt8]>) throws -> String {
        let path = directory.file(name)
        let output = try OutputFile(path: path, binary: true)
        let writer = try TokenShardWriter(output, tool: "test", options: [:], pool: pool, dictionaryWords: 500)
        var rest = words
        while !rest.isEmpty {
            var batch = TokenBatch()
            for _ in 0..<7 where !rest.isEmpty {
                let sentence = rest.prefix(33)
                rest = rest.dropFirst(33)
                for word in sentence { batch.ids.append(UInt32(word.withUnsafeBytes { batch.words.insert($0) })) }
                batch.sentenceLengths.append(UInt32(sentence.count))
            }
            try writer.append(batch)
        }
        try writer.finish()
        try output.commit()
        return path
    }

    @Test func whatNoTokenizerMakes() throws {
        let path = try tokens("odd", [Array("fine".utf8), Array("a b".utf8), [0xFF]])
        let error = #expect(throws: ToolError.self) {
            try WordCounter(pool: pool).addShard(FileSource(path: path), pool: pool)
        }
        #expect(error?.status == .dataError && error?.description.contains("odd: word 2: has white space") == true)
    }

    /// The vocabulary of shards, as bytes of a file.
    private func vocabulary(
        _ name: String, of paths: [String], minimumCount: UInt64 = 1, settings: SpillSettings = SpillSettings(), threads: Int = 1
    ) throws -> [UInt8] {
        let pool = WorkerPool(threads: threads)
        let counter = WordCounter(settings, pool: pool)
        for path in paths { _ = try counter.addShard(FileSource(path: path), pool: pool) }
        let output = try OutputFile(path: directory.file(name), binary: true)
        _ = try writeVocabulary(
            of: counter, minimumCount: minimumCount, maximumSize: nil, to: output, tool: "test", pool: pool)
        try output.commit()
        return try contents(of: directory.file(name))
    }

    @Test func mergingGivesTheBytesOfCountingAtOnce() throws {
        let words = makeWords(20_000, seed: 5)
        let whole = try tokens("whole", words[...])
        let parts = try [tokens("a", words[..<1]), tokens("b", words[1..<7_000]), tokens("c", words[7_000...])]
        let expected = try vocabulary("expected", of: [whole])
        #expect(try vocabulary("threads", of: [whole], threads: 2) == expected)
        #expect(try vocabulary("tokens", of: parts) == expected)
        for (index, part) in parts.enumerated() { _ = try vocabulary("v\(index)", of: [part]) }
        let apart = (0..<3).map { directory.file("v\($0)") }
        #expect(try vocabulary("merged", of: apart) == expected)
        #expect(try vocabulary("mixed", of: [apart[2], parts[0], apart[1]]) == expected)
        try directory.write("joined", apart.flatMap { try contents(of: $0) })
        #expect(try vocabulary("of joined", of: [directory.file("joined")]) == expected)
        let small = SpillSettings(tableMemory: 20_000, fanIn: 3)
        #expect(try vocabulary("spilled", of: parts, settings: small) == expected)
        #expect(
            try vocabulary("at least 3", of: apart, minimumCount: 3, settings: small)
                == vocabulary("at least 3, at once", of: [whole], minimumCount: 3))
    }

    /// Words and units, or units of two kinds, are no vocabulary together; the vocabulary of units names their merges.
    @Test func unitsOfOtherMergesAreRefused() throws {
        func units(_ name: String, _ merges: String) throws -> String {
            let output = try OutputFile(path: directory.file(name), binary: true)
            let writer = try TokenShardWriter(output, tool: "test", options: ["bpe": merges], pool: pool)
            var batch = TokenBatch()
            batch.ids.append(UInt32(batch.words.insert("a@@")))
            batch.sentenceLengths.append(1)
            try writer.append(batch)
            try writer.finish()
            try output.commit()
            return directory.file(name)
        }
        let words = try tokens("words", makeWords(50, seed: 3)[...])
        let one = try units("one", "1"), two = try units("two", "2")
        for paths in [[one, two], [one, words], [words, one]] {
            let counter = WordCounter(pool: pool)
            _ = try counter.addShard(FileSource(path: paths[0]), pool: pool)
            let error = #expect(throws: ToolError.self) { try counter.addShard(FileSource(path: paths[1]), pool: pool) }
            #expect(error?.status == .configuration)
            #expect(error?.description == "\(paths[1]): was cut into units by other merges than the inputs before it")
        }
        _ = try vocabulary("of one", of: [one, one])
        let reader = try VocabularyShardReader(FileSource(path: directory.file("of one")), pool: pool)
        #expect(reader.header.fields["bpe"] == "1")
    }

    @Test func leftOutWordsAreNoticed() throws {
        let path = try tokens("t", makeWords(500, seed: 1)[...])
        _ = try vocabulary("all", of: [path])
        _ = try vocabulary("some", of: [path], minimumCount: 2)
        let counter = WordCounter(pool: pool)
        #expect(try counter.addShard(FileSource(path: directory.file("all")), pool: pool).isFiltered == false)
        #expect(try counter.addShard(FileSource(path: directory.file("some")), pool: pool).isFiltered == true)
        #expect(try !counter.addShard(FileSource(path: path), pool: pool).isFiltered)
    }

    @Test(arguments: [[], Array("plain text\n".utf8), [0x04, 0x22, 0x4D, 0x18]] as [[UInt8]])
    func otherInputsAreRefused(_ bytes: [UInt8]) throws {
        let counter = WordCounter(pool: pool)
        let error = #expect(throws: ToolError.self) { try counter.addShard(MemorySource(bytes, name: "in"), pool: pool) }
        #expect(error?.status == .dataError)
        #expect(error?.description.hasPrefix("in: ") == true)
    }

    @Test func damageIsNoticed() throws {
        let path = try tokens("t", makeWords(300, seed: 2)[...])
        let vocabulary = try vocabulary("v", of: [path])
        for bytes in [try contents(of: path), vocabulary] {
            for length in [bytes.count - 1, bytes.count / 2, 5] {
                let counter = WordCounter(pool: pool)
                #expect(throws: ToolError.self) { try counter.addShard(MemorySource(Array(bytes[..<length])), pool: pool) }
            }
            for place in stride(from: 0, to: bytes.count, by: 97) {
                var damaged = bytes
                damaged[place] ^= 0x10
                let counter = WordCounter(pool: pool)
                #expect(throws: ToolError.self) { try counter.addShard(MemorySource(damaged), pool: pool) }
            }
        }
    }
}
