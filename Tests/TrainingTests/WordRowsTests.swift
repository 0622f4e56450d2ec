import Files
@_spi(HostMemory) import Kernels
import Parallel
import TestSupport
import Testing
import Training
import WordVectors

/// Vectors come into memory when their words are met.
struct WordRowsTests {
    private func rows(_ data: TrainingData, fromPipe: Bool) throws -> WordRows {
        let source: any ByteSource =
            fromPipe ? MemorySource(try contents(of: data.table)) : try FileSource(path: data.table)
        return try WordRows(
            EmbeddingTable(source, pool: WorkerPool(threads: 1)), centred: true, memory: WordRows.defaultMemory, file: "table")
    }

    private func row(_ rows: WordRows, _ word: String) throws -> UInt32 {
        try Array(word.utf8).withUnsafeBytes { try rows.row(of: $0) }
    }

    @Test(arguments: [true, false]) func onlyWordsThatAreMetTakeMemory(fromPipe: Bool) throws {
        let data = try TrainingData(sentences: [["w1"]], zeroVectors: ["w2"])
        let rows = try rows(data, fromPipe: fromPipe)
        #expect(rows.loadedCount == 2 && rows.tableCount == 14 && rows.count == 14)
        #expect(Array("w3".utf8).withUnsafeBytes { rows.find($0) } == nil)
        #expect(try row(rows, "w3") == 3 && row(rows, "w3") == 3)
        #expect(Array("w3".utf8).withUnsafeBytes { rows.find($0) } == 3)
        #expect(try row(rows, "w2") == 2)
        #expect(rows.loadedCount == 4 && rows.isUsable(3) && !rows.isUsable(2))
        // Outside the table, which has no generator.
        #expect(try row(rows, "new") == 14 && row(rows, "newer") == 15 && row(rows, "new") == 14)
        #expect(rows.madeCount == 2 && rows.unusableCount == 2 && rows.count == 16)
        // Candidates: equal counts by number, none of the marks but one, none that is zero.
        let candidates = try rows.candidates(3, mark: rows.end, sentences: 1000)
        #expect(candidates.count == 3 && rows.loadedCount == 8)
    }

    @Test func vectorsAreTheSameFromPipeAndFile() throws {
        let data = try TrainingData(sentences: [["w1"]])
        let file = try rows(data, fromPipe: false), pipe = try rows(data, fromPipe: true)
        #expect(file.tableDigest == pipe.tableDigest)
        for word in ["w7", "w0", "</s>", "w11"] {
            let number = try row(file, word)
            #expect(try row(pipe, word) == number)
            #expect(try file.vectors([number]) == pipe.vectors([number]))
        }
    }

    /// Marks are candidates when the text has them, and padding never is.
    @Test func marksAreCandidatesWhereTheTextHasThem() throws {
        for (text, expected) in [([("a", 5), ("<unk>", 3), ("b", 1)], 4), ([("a", 5), ("b", 1)], 3)] as [([(String, UInt64)], Int)] {
            var builder = TableBuilder()
            builder.unknown = .none
            let directory = try TemporaryDirectory()
            let vectors = try openVectors(directory.write("v.txt", "a 1 2\nb 3 4\n"))
            let table = try EmbeddingTable(builder.build(VocabularyWords(text), vectors, threads: 1))
            let rows = try WordRows(table, centred: false, memory: WordRows.defaultMemory, file: "table")
            // The words, and the mark that ends a sentence.
            #expect(try rows.candidates(100, mark: rows.end, sentences: 2).count == expected)
        }
    }
}

extension WordRows {
    /// The vectors of some rows, [rows.count, dimension].
    func vectors(_ rows: [UInt32]) throws -> [Float] {
        let matrix = FloatBuffer(count: rows.count * dimension)
        try gather(rows, into: Matrix(matrix, rows: rows.count, columns: dimension))
        return Array(matrix.elements)
    }
}
