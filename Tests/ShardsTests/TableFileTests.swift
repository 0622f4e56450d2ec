import Files
import Parallel
import Shards
import TestSupport
import Testing

/// Tables whose rows are read where they lie.
struct TableFileTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory() }

    private func open(_ bytes: [UInt8]) throws -> TableFile? {
        try TableFile(FileSource(path: directory.write("table", bytes)))
    }

    /// Everything in a table, as the reader of streams reads it.
    private func stream(_ bytes: [UInt8]) throws -> (words: [String], rows: [[Float]], tensors: [String]) {
        let reader = try TableShardReader(MemorySource(bytes), pool: WorkerPool(threads: 1))
        var words: [String] = [], rows: [[Float]] = [], tensors: [String] = []
        while let item = try reader.next() {
            switch item {
            case .rows(let block):
                block.forEach { word, count, _, row in
                    words.append("\(String(decoding: word, as: UTF8.self)) \(count)")
                    rows.append(Array(row))
                }
            case .tensor(let piece): tensors.append("\(piece.name) \(piece.offset)")
            }
        }
        return (words, rows, tensors)
    }

    /// The same, read in place; rows from the last to the first.
    private func placed(_ bytes: [UInt8]) throws -> (words: [String], rows: [[Float]], tensors: [String]) {
        let file = try #require(try open(bytes))
        var words: [String] = [], tensors: [String] = []
        while let item = try file.next() {
            switch item {
            case .words(let block):
                block.forEach { word, count, source in
                    words.append("\(String(decoding: word, as: UTF8.self)) \(count)")
                    #expect(source == .mimick)
                }
            case .tensor(let piece): tensors.append("\(piece.name) \(piece.offset)")
            }
        }
        let stored = file.rows()
        var rows: [[Float]] = []
        for index in words.indices.reversed() {
            var row = [Float](repeating: .nan, count: file.dimension)
            try row.withUnsafeMutableBufferPointer { try stored.read(index, into: $0) }
            rows.append(row)
        }
        return (words, rows.reversed(), tensors)
    }

    /// Widths at which an LZ4 block has many rows, three, and one; words in one block and in several; joined tables.
    @Test(arguments: [1, 7, 300, 20_000], [1, 2, 109, 2000])
    func rowsAreThoseOfTheStream(dimension: Int, words: Int) throws {
        let words = dimension == 20_000 ? min(words, 30) : words
        let table = try TableShardTests.table(dimension: dimension, words: words)
        let halves = try TableShardTests.table(dimension: dimension, words: words, storage: .float16)
        for bytes in [table, table + table, halves, halves + table + halves] {
            let expected = try stream(bytes), read = try placed(bytes)
            #expect(read.words == expected.words && read.tensors == expected.tensors)
            #expect(read.rows == expected.rows)
        }
    }

    @Test func manyWordsOfOneNumber() throws {
        let bytes = try TableShardTests.table(dimension: 1, words: 70_000)
        #expect(try placed(bytes).rows == stream(bytes).rows)
    }

    @Test func theDigestIsThatOfTheStream() throws {
        let bytes = try TableShardTests.table(dimension: 3, words: 9)
        let reader = try TableShardReader(MemorySource(bytes), pool: WorkerPool(threads: 1))
        while try reader.next() != nil {}
        let file = try #require(try open(bytes))
        while try file.next() != nil {}
        #expect(file.digests == reader.digests && file.header == reader.header)
    }

    @Test(.enabled(if: FormatDocumentTests.lz4, "the lz4 program is not installed"))
    func lz4TakesStoredFrames() async throws {
        let path = try directory.write("table", TableShardTests.table(dimension: 300, words: 2000))
        #expect(try await runShell("lz4 -t \(path)").status == 0)
    }

    @Test func aWordLargerThanABlockIsRefused() throws {
        let word = [UInt8](repeating: 0x61, count: 2 << 20)
        #expect(throws: ToolError.self) {
            try shard { output, pool in
                let writer = try TableShardWriter(
                    output, tool: "test 1", dimension: 1, count: 1, fields: [:], pool: pool)
                try word.withUnsafeBytes { word in
                    try [Float(1)].withUnsafeBufferPointer {
                        try writer.append(word, count: 1, source: .pretrained, row: $0)
                    }
                }
            }
        }
    }

    /// Any changed byte is noticed when its block is read, but for the checksums of whole frames and parts, which stand
    /// for rows that nobody may have asked for.
    @Test(arguments: RowStorage.allCases) func damageIsNoticed(storage: RowStorage) throws {
        let whole = try TableShardTests.table(dimension: 40, words: 12, storage: storage)
        let expected = try stream(whole)
        var unnoticed = 0
        for place in whole.indices {
            var damaged = whole
            damaged[place] ^= 0x21
            do {
                let read = try placed(damaged)
                #expect(read.words == expected.words && read.rows == expected.rows, "byte \(place)")
                unnoticed += 1
            } catch let error as ToolError {
                #expect(error.status == .dataError && error.description.contains("table"), "byte \(place): \(error)")
            }
        }
        // The content's checksum of the one frame with rows.
        #expect(unnoticed == 4)
    }

    @Test func truncationIsNoticed() throws {
        let whole = try TableShardTests.table(dimension: 40, words: 12)
        for count in whole.indices.dropFirst() {
            #expect(throws: ToolError.self, "\(count) bytes") { try placed(Array(whole[..<count])) }
        }
    }

    @Test func aFileThatLosesItsEndLater() throws {
        let whole = try TableShardTests.table(dimension: 300, words: 600)
        let file = try #require(try open(whole))
        while try file.next() != nil {}
        let rows = file.rows()
        try directory.write("table", Array(whole.prefix(5000)))
        var row = [Float](repeating: 0, count: 300)
        #expect(throws: ToolError.self) { try row.withUnsafeMutableBufferPointer { try rows.read(599, into: $0) } }
    }

    @Test(arguments: [Float.nan, .infinity])
    func valuesThatAreNoNumbersAreRefused(poison: Float) throws {
        let bytes = try TableShardTests.table(dimension: 3, words: 4, poison: poison)
        #expect(throws: ToolError.self) { try placed(bytes) }
    }

    /// What is no table is refused with the words of the reader of streams; pipes are left to it.
    @Test func otherInputs() throws {
        let bytes = try TableShardTests.table(dimension: 3, words: 4)
        #expect(try TableFile(MemorySource(bytes)) == nil)
        #expect(try open([]) == nil)
        #expect(throws: ToolError.self) { try open(Array("no table at all\n".utf8)) }
        #expect(throws: ToolError.self) { try open(tokenShard([["a"]])) }
    }

    /// A table of one word in compressed frames, whose header says what it likes of the places of rows.
    private func compressed(together: String?) throws -> [UInt8] {
        let columns: [(String, ShardColumn.Element)] = [
            ("word-lengths", .u32), ("word-bytes", .u8), ("counts", .u64), ("sources", .u8), ("rows", .f32),
            ("tensor-name", .u8), ("tensor-shape", .u64), ("tensor-offset", .u64), ("tensor-values", .f32),
        ]
        var fields: ShardFields = ["dimension": "2", "words": "1"]
        if let together { fields.append("rows-together", together) }
        return try shard { output, pool in
            let writer = ShardWriter(output, pool: pool)
            try writer.beginPart(ShardHeader(
                kind: .table, tool: "test 1", columns: columns.map { ShardColumn($0.0, $0.1) }, fields: fields))
            var block = writer.newBlock()
            block.append(column: [UInt32(1)])
            block.append(column: Array("a".utf8))
            block.append(column: [UInt64(7)])
            block.append(column: [UInt8(0)])
            block.append(column: [Float(1), 2])
            block.append(column: [UInt8]())
            block.append(column: [UInt64]())
            block.append(column: [UInt64]())
            block.append(column: [Float]())
            try writer.append(block)
            try writer.endPart(["words": "1"])
        }
    }

    @Test(arguments: ["0", "-1", "1", "8192", "524289", "99999999999999"])
    func aHeaderThatLiesOfTheRowsPlaces(together: String) throws {
        #expect(throws: ToolError.self) { try placed(compressed(together: together)) }
    }

    @Test func rowsInCompressedFramesAreReadAsAStream() throws {
        let bytes = try compressed(together: nil)
        #expect(try open(bytes) == nil)
        #expect(try stream(bytes).rows == [[1, 2]])
    }
}
