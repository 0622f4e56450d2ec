import Files
import Parallel
import Shards
import TestSupport
import Testing

private func withBytes<Result>(_ word: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Array(word.utf8).withUnsafeBytes(body)
}

struct VocabularyShardTests {
    /// More words than a block holds.
    @Test(arguments: [0, 1, 7, 70_000])
    func whatIsWrittenIsRead(count: Int) throws {
        let bytes = try shard(threads: 2) { output, pool in
            let writer = try VocabularyShardWriter(output, tool: "test 1", options: ["min-count": "1"], pool: pool)
            for index in 0..<count { try withBytes("w\(index)") { try writer.append($0, count: UInt64(count - index)) } }
            try writer.finish(source: ["counted-tokens": "9999999999"])
        }
        let reader = try VocabularyShardReader(MemorySource(bytes), pool: WorkerPool(threads: 2))
        var words = 0
        var exact = true
        while try reader.nextBlock({ word, wordCount in
            exact = exact && String(decoding: word, as: UTF8.self) == "w\(words)" && wordCount == UInt64(count - words)
            words += 1
        }) {}
        #expect(exact && words == count)
        let end = String(decoding: try decompressedBytes(bytes).suffix(200), as: UTF8.self)
        #expect(end.contains("words \(count)\ntokens \(count * (count + 1) / 2)\ncounted-tokens 9999999999\n"), "\(end)")
        #expect(reader.header.fields["min-count"] == "1")
    }

    private func vocabulary(_ words: [([UInt8], UInt64)]) throws -> [UInt8] {
        try shard { output, pool in
            let writer = try VocabularyShardWriter(output, tool: "test 1", options: [:], pool: pool)
            for (word, count) in words { try word.withUnsafeBytes { try writer.append($0, count: count) } }
            try writer.finish()
        }
    }

    private func words(_ bytes: [UInt8]) throws -> [String] {
        let words = try VocabularyShardReader(MemorySource(bytes), pool: WorkerPool(threads: 1)).readWords { _, _, _ in }
        return (0..<words.count).map(words.word)
    }

    @Test(arguments: [
        ("", "is empty"), ("a b", "has white space"), ("a\nb", "has white space"), ("a\u{A0}", "has white space"),
        ("\u{1}", "has white space"), ("the", "the stands there twice"),
    ])
    func whatIsNoWord(word: String, fault: String) throws {
        let bytes = try vocabulary([(Array("the".utf8), 9), (Array(word.utf8), 5)])
        let error = #expect(throws: ToolError.self) { try words(bytes) }
        let text = "\(try #require(error))"
        #expect(error?.status == .dataError && text.contains("word 2: \(fault)") && !text.contains("\n"), "\(text)")
    }

    @Test func wordsOfAVocabulary() throws {
        let some = ["the", "\u{E9}t\u{E9}", "e\u{301}", "\u{200D}"].map { (Array($0.utf8), UInt64(3)) }
        #expect(try words(vocabulary(some)) == ["the", "\u{E9}t\u{E9}", "e\u{301}", "\u{200D}"])
        for (bytes, fault) in [
            (try vocabulary([]), "without words"), (try vocabulary([([0xFF, 0xFE], 1)]), "word 1: is not UTF-8"),
            (try vocabulary(some) + vocabulary([([0x61], 3)]), "several vocabularies joined"),
        ] {
            let error = #expect(throws: ToolError.self) { try words(bytes) }
            #expect("\(try #require(error))".contains(fault))
        }
    }
}

struct TableShardTests {
    static func table(
        dimension: Int, words: Int, poison: Float = 0, storage: RowStorage = .float32
    ) throws -> [UInt8] {
        try shard(threads: 2) { output, pool in
            let writer = try TableShardWriter(
                output, tool: "test 1", dimension: dimension, count: words, storage: storage,
                fields: ["vectors": "none"], pool: pool)
            for index in 0..<words {
                var row = (0..<dimension).map { Float(index) + Float($0) / 8 }
                if index == words - 1 { row[0] += poison }
                try row.withUnsafeBufferPointer { row in
                    try withBytes("w\(index)") {
                        try writer.append($0, count: UInt64(index), source: .mimick, row: row)
                    }
                }
            }
            let mean = [Float](repeating: 0.5, count: dimension)
            try writer.append(tensor: "mean", shape: [dimension], values: mean)
            try writer.finish()
        }
    }

    @Test(arguments: [1, 7, 300], [1, 2, 5000])
    func whatIsWrittenIsRead(dimension: Int, words: Int) throws {
        let reader = try TableShardReader(
            MemorySource(try Self.table(dimension: dimension, words: words)), pool: WorkerPool(threads: 2))
        #expect(reader.dimension == dimension)
        var seen = 0
        var tensors: [String] = []
        while let item = try reader.next() {
            switch item {
            case .rows(let rows):
                rows.forEach { word, count, source, row in
                    #expect(String(decoding: word, as: UTF8.self) == "w\(seen)" && Int(count) == seen && source == .mimick)
                    #expect(row.elementsEqual((0..<dimension).map { Float(seen) + Float($0) / 8 }))
                    seen += 1
                }
            case .tensor(let piece):
                tensors.append(piece.name)
                #expect(piece.shape == [dimension] && piece.offset == 0)
                piece.withValues { #expect($0.allSatisfy { $0 == 0.5 }) }
            }
        }
        #expect(seen == words && tensors == ["mean"])
    }

    @Test(arguments: [Float.nan, .infinity])
    func valuesThatAreNoNumbersAreRefused(poison: Float) throws {
        let bytes = try Self.table(dimension: 3, words: 4, poison: poison)
        let reader = try TableShardReader(MemorySource(bytes), pool: WorkerPool(threads: 1))
        #expect(throws: ToolError.self) { while try reader.next() != nil {} }
    }

    @Test func printedAsWord2vecText() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("t.tab", Self.table(dimension: 2, words: 3))
        let output = try OutputFile(path: directory.file("text"), binary: false)
        try printTable(paths: [path], to: output, pool: WorkerPool(threads: 1))
        try output.commit()
        let text = String(decoding: try contents(of: directory.file("text")), as: UTF8.self)
        #expect(text == "3 2\nw0 0.0 0.125\nw1 1.0 1.125\nw2 2.0 2.125\n")
    }
}

struct VectorShardTests {
    private func written(
        _ sentences: [SentenceVectors], layers: Int, width: Int, storage: RowStorage = .float32
    ) throws -> [UInt8] {
        try shard { output, pool in
            let writer = try VectorShardWriter(
                output, tool: "test 1", layers: layers, width: width, storage: storage, fields: [:], pool: pool)
            for sentence in sentences { try writer.append(sentence) }
            try writer.finish()
        }
    }

    private func sentences(_ lengths: [Int], size: Int) -> [SentenceVectors] {
        lengths.map { tokens in
            SentenceVectors(
                words: (0..<tokens).map { "t\($0)" }, values: (0..<tokens * size).map { Float($0 % 2000) * 0.25 })
        }
    }

    /// The last two lengths go over several blocks.
    @Test(arguments: [(1, 1), (1, 7), (3, 7), (3, 1024)], RowStorage.allCases)
    func whatIsWrittenIsRead(shape: (layers: Int, width: Int), storage: RowStorage) throws {
        let sentences = sentences([3, 0, 1, 0, 900, 3000, 0, 4], size: shape.layers * shape.width)
        let bytes = try written(sentences, layers: shape.layers, width: shape.width, storage: storage)
        let reader = try VectorShardReader(MemorySource(bytes + bytes), pool: WorkerPool(threads: 2))
        #expect(reader.layers == shape.layers && reader.width == shape.width)
        for sentence in sentences + sentences {
            let read = try #require(try reader.next())
            #expect(read.words == sentence.words && read.values == sentence.values)
        }
        #expect(try reader.next() == nil)
    }

    /// Shards of both kinds of numbers may be joined.
    @Test func joinedKinds() throws {
        let sentences = sentences([2, 1], size: 3)
        let bytes = try written(sentences, layers: 1, width: 3) + written(sentences, layers: 1, width: 3, storage: .float16)
        let reader = try VectorShardReader(MemorySource(bytes), pool: WorkerPool(threads: 1))
        for sentence in sentences + sentences { #expect(try reader.next()?.values == sentence.values) }
        #expect(try reader.next() == nil)
    }

    /// A writer that says more words, or fewer, than it has vectors for makes what readers refuse.
    @Test(arguments: [[4, 2], [2, 4], [0, 3], [3, 0]])
    func wordsAndVectorsThatDoNotFit(counts: [Int]) throws {
        let bytes = try shard { output, pool in
            let writer = ShardWriter(output, pool: pool)
            let columns = [("sentence-lengths", .u32), ("word-lengths", .u32), ("word-bytes", .u8), ("values", .f32)]
                .map { (pair: (String, ShardColumn.Element)) in ShardColumn(pair.0, pair.1) }
            try writer.beginPart(
                ShardHeader(kind: .vectors, tool: "test 1", columns: columns, fields: ["layers": "1", "width": "2"]))
            var block = writer.newBlock()
            block.append(column: [UInt32(counts[0])])
            block.append(column: [UInt32](repeating: 1, count: counts[0]))
            block.append(column: [UInt8](repeating: 65, count: counts[0]))
            block.append(column: [Float](repeating: 1, count: 2 * counts[1]))
            try writer.append(block)
            try writer.endPart([:])
        }
        for bytes in [bytes, bytes + bytes] {
            let reader = try VectorShardReader(MemorySource(bytes), pool: WorkerPool(threads: 1))
            let error = #expect(throws: ToolError.self) { while try reader.next() != nil {} }
            #expect(error?.status == .dataError)
        }
    }
}

struct WordTableTests {
    /// Lengths round the steps of the hash, and words that differ in one byte only.
    @Test func idsAreGivenInOrderAndFoundAgain() {
        var table = WordTable(capacity: 2)
        var words: [String] = []
        for length in 0...40 {
            for letter in ["a", "b", "é"] { words.append(String(repeating: "x", count: length) + letter) }
        }
        for index in 0..<5000 { words.append("n\(index)") }
        for (index, word) in words.enumerated() {
            #expect(table.find(word) == nil)
            #expect(table.insert(word) == index)
        }
        for (index, word) in words.enumerated() {
            #expect(table.insert(word) == index && table.find(word) == index && table.word(index) == word)
        }
        table.removeAll()
        #expect(table.count == 0 && table.find("n17") == nil && table.insert("n17") == 0)
    }
}
