import Files
import Parallel
import Shards
import TestSupport
import Testing

/// What a reader must refuse although every digest is right: totals that are not those of the blocks, and tokens that are no words.
struct PartTotalsTests {
    private static func columns(_ pairs: [(String, ShardColumn.Element)]) -> [ShardColumn] { pairs.map { ShardColumn($0.0, $0.1) } }

    /// A shard of one block with the words given, and with the totals given.
    private static func sample(_ kind: ShardKind, _ words: [String], _ totals: ShardFields, pool isPooled: Bool = false) throws -> [UInt8] {
        let bytes = words.flatMap { Array($0.utf8) }, lengths = words.map { UInt32($0.utf8.count) }, count = words.count
        return try shard { output, pool in
            let writer = ShardWriter(output, pool: pool)
            func begin(_ columns: [(String, ShardColumn.Element)], _ fields: ShardFields) throws -> ShardBlockBuilder {
                try writer.beginPart(ShardHeader(kind: kind, tool: "test 1", columns: Self.columns(columns), fields: fields))
                return writer.newBlock()
            }
            var block: ShardBlockBuilder
            switch kind {
            case .tokens:
                block = try begin(
                    [("new-word-lengths", .u32), ("new-word-bytes", .u8), ("sentence-lengths", .u32), ("ids", .u32)], [:])
                block.append(column: lengths)
                block.append(column: bytes)
                block.append(column: [UInt32(count), 1])
                block.append(column: (0..<UInt32(count)) + [0])
            case .vocabulary:
                block = try begin([("counts", .u64), ("word-lengths", .u32), ("word-bytes", .u8)], [:])
                block.append(column: [UInt64](repeating: 5, count: count))
                block.append(column: lengths)
                block.append(column: bytes)
            case .table:
                block = try begin(
                    [("word-lengths", .u32), ("word-bytes", .u8), ("counts", .u64), ("sources", .u8), ("rows", .f32),
                     ("tensor-name", .u8), ("tensor-shape", .u64), ("tensor-offset", .u64), ("tensor-values", .f32)],
                    ["dimension": "2", "words": "\(count)"])
                block.append(column: lengths)
                block.append(column: bytes)
                block.append(column: [UInt64](repeating: 5, count: count))
                block.append(column: [UInt8](repeating: 0, count: count))
                block.append(column: [Float](repeating: 1, count: 2 * count))
                block.append(column: [UInt8]())
                block.append(column: [UInt64]())
                block.append(column: [UInt64]())
                block.append(column: [Float]())
            case .vectors:
                block = try begin(
                    [("sentence-lengths", .u32), ("word-lengths", .u32), ("word-bytes", .u8), ("values", .f32)],
                    isPooled ? ["layers": "1", "width": "2", "pool": "mean"] : ["layers": "1", "width": "2"])
                block.append(column: isPooled ? [UInt32](repeating: 1, count: count) : [UInt32(count)])
                block.append(column: lengths)
                block.append(column: bytes)
                block.append(column: [Float](repeating: 1, count: 2 * count))
            }
            try writer.append(block)
            try writer.endPart(totals)
        }
    }

    private static func totals(_ kind: ShardKind) -> ShardFields {
        switch kind {
        case .tokens: ["sentences": "2", "tokens": "4", "words": "3"]
        case .vocabulary: ["words": "3", "tokens": "15"]
        case .table: ["words": "3"]
        case .vectors: ["sentences": "1", "tokens": "3"]
        }
    }

    /// Reads to the end and returns the error.
    private func failure(_ bytes: [UInt8], _ kind: ShardKind) throws -> ToolError? {
        let source = MemorySource(bytes, name: "a.shard"), pool = WorkerPool(threads: 1)
        do {
            switch kind {
            case .tokens:
                let reader = try TokenShardReader(source, pool: pool)
                while try reader.next() != nil {}
            case .vocabulary:
                let reader = try VocabularyShardReader(source, pool: pool)
                while try reader.nextBlock({ _, _ in }) {}
            case .table:
                let reader = try TableShardReader(source, pool: pool)
                while try reader.next() != nil {}
            case .vectors:
                let reader = try VectorShardReader(source, pool: pool)
                while try reader.next() != nil {}
            }
            return nil
        } catch let error as ToolError { return error }
    }

    private static let words = ["the", "\u{E9}t\u{E9}", "cat"]

    @Test(arguments: ShardKind.allCases)
    func eachTotalIsCompared(kind: ShardKind) throws {
        let totals = Self.totals(kind)
        #expect(try failure(Self.sample(kind, Self.words, totals), kind) == nil)
        for place in totals.pairs.indices {
            for value in ["0", "1000", "-1", "9223372036854775807", "18446744073709551615", "18446744073709551616", "nan", "", nil] {
                var changed = ShardFields()
                for (index, pair) in totals.pairs.enumerated() {
                    if index != place { changed.append(pair.name, pair.value) } else if let value { changed.append(pair.name, value) }
                }
                let error = try #require(try failure(Self.sample(kind, Self.words, changed), kind), "\(changed)")
                let text = error.description, name = totals.pairs[place].name
                #expect(error.status == .dataError && text.hasPrefix("a.shard: ") && text.contains("the total '\(name)"), "\(text)")
                if let value { #expect(text.contains("'\(name) \(value)'") && text.contains("there are \(totals.pairs[place].value)"), "\(text)") }
            }
        }
    }

    /// What a vocabulary says of all that was counted cannot be less than what it keeps.
    @Test(arguments: [
        ("counted-words", "2"), ("counted-tokens", "14"), ("counted-tokens", "x"), ("counted-digest", "xyz"), ("text-bytes", "-1"),
    ])
    func furtherTotals(name: String, value: String) throws {
        var totals = Self.totals(.vocabulary)
        totals.append(name, value)
        let error = try #require(try failure(Self.sample(.vocabulary, Self.words, totals), .vocabulary))
        #expect(error.description.contains("'\(name) \(value)'"), "\(error)")
    }

    /// A table in a plain file is read without its rows, by another reader.
    @Test func totalsOfATableInItsPlace() throws {
        let directory = try TemporaryDirectory()
        let sound = try TableShardTests.table(dimension: 2, words: 4)
        func read(_ bytes: [UInt8]) throws {
            let file = try #require(try TableFile(FileSource(path: directory.write("table", bytes))))
            while try file.next() != nil {}
        }
        try read(sound)
        // The end of another table, its header's digest and all.
        let other = try TableShardTests.table(dimension: 2, words: 5), magic: [UInt8] = [0x04, 0x22, 0x4D, 0x18]
        func lastFrame(_ bytes: [UInt8]) -> Int { bytes.indices.last { bytes[$0...].starts(with: magic) } ?? 0 }
        let error = try #require(throws: ToolError.self) { try read(Array(sound[..<lastFrame(sound)]) + other[lastFrame(other)...]) }
        #expect(error.description.contains("'words 5', and there are 4 words"), "\(error)")
    }

    @Test(arguments: ShardKind.allCases, ["", "a b", "a\nb", "a\u{A0}", "\u{1}", "a\u{85}", "\u{7F}"])
    func whatIsNoWord(kind: ShardKind, word: String) throws {
        let error = try #require(try failure(Self.sample(kind, ["the", word, "cat"], Self.totals(kind)), kind))
        #expect(error.status == .dataError && error.description.hasPrefix("a.shard: word 2: "), "\(error)")
    }

    /// Of pooled vectors a token is the text of a sentence.
    @Test func sentencesOfPooledVectors() throws {
        func failure(_ sentence: String) throws -> ToolError? {
            try self.failure(Self.sample(.vectors, ["the cat", sentence], ["sentences": "2", "tokens": "2"], pool: true), .vectors)
        }
        #expect(try failure("") == nil)
        #expect(try failure("two of them") == nil)
        for sentence in ["a\nb", "a  b", " a", "a\u{1}"] { #expect(try failure(sentence) != nil) }
    }
}
