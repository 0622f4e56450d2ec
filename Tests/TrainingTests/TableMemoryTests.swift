import Files
import Glibc
import Model
import Parallel
import Shards
import TestSupport
import Testing
import Training
import WordVectors

/// Vectors for which there is no room are read from the table's file, and nothing else changes.
struct TableMemoryTests {
    private static let vectorBytes = 4 * TrainingData.dimension

    /// How tables hold their rows, and whether another one with half the words is joined before.
    private static let tables: [(storage: RowStorage, isJoined: Bool)] = [
        (.float32, false), (.float16, false), (.float32, true), (.float16, true),
    ]

    private func data(_ table: (storage: RowStorage, isJoined: Bool), zeroVectors: Set<String> = []) throws -> TrainingData {
        let data = try TrainingData(
            sentences: TrainingData.sentences(100).map { $0 + ["unheard"] }, zeroVectors: zeroVectors, storage: table.storage)
        if table.isJoined { try data.joinTable(words: 6, storage: table.storage == .float32 ? .float16 : .float32) }
        return data
    }

    private func rows(_ source: any ByteSource, memory: Int) throws -> WordRows {
        try WordRows(EmbeddingTable(source, pool: WorkerPool(threads: 1)), centred: true, memory: memory, file: "table")
    }

    private func row(_ rows: WordRows, _ word: String) throws -> UInt32 {
        try Array(word.utf8).withUnsafeBytes { try rows.row(of: $0) }
    }

    @Test(arguments: tables) func vectorsHaveTheSameBits(table: (storage: RowStorage, isJoined: Bool)) throws {
        let data = try data(table, zeroVectors: ["w8"])
        let words = ["w3", "new", "w8", "w11", "w0", "</s>", "w3", "w8", "new"]
        let all = try rows(FileSource(path: data.table), memory: .max)
        let numbers = try words.map { try row(all, $0) }
        #expect(all.storedCount == 0 && all.loadedCount == 7 && all.bytes == 7 * Self.vectorBytes)
        let expected = try all.vectors(numbers).map(\.bitPattern)
        #expect(expected.contains { $0 != 0 })
        // The marks come first; what is made stays without any room. A byte less than three vectors is room for two.
        let one = Self.vectorBytes
        for (memory, loaded) in [(0, 1), (1, 1), (one, 2), (3 * one - 1, 3), (3 * one, 4)] {
            let few = try rows(FileSource(path: data.table), memory: memory)
            #expect(try words.map { try row(few, $0) } == numbers && few.count == all.count)
            #expect(few.loadedCount == loaded && few.storedCount == 7 - loaded && few.bytes == loaded * one, "\(memory)")
            #expect(try few.vectors(numbers).map(\.bitPattern) == expected)
            #expect(numbers.map(few.isUsable) == numbers.map(all.isUsable))
            #expect(!few.isUsable(numbers[1]) && !few.isUsable(numbers[2]) && few.isUsable(numbers[3]))
            #expect(Array("w3".utf8).withUnsafeBytes { few.find($0) } == numbers[0])
            #expect(Array("w4".utf8).withUnsafeBytes { few.find($0) } == nil)
        }
    }

    @Test func whatCannotBeReadAgainStays() throws {
        let data = try data((.float32, false))
        let pipe = try rows(MemorySource(contents(of: data.table)), memory: 0)
        for word in ["w3", "w8", "new"] { _ = try row(pipe, word) }
        #expect(pipe.loadedCount == 5 && pipe.storedCount == 0)
    }

    /// Held-out scores, with candidates that the text lacks, and the model's bytes.
    private func train(_ data: TrainingData, memory: Int, threads: Int) throws -> (log: [String], model: [UInt8]) {
        let trainer = try data.trainer(TrainingData.options(steps: 12), threads: threads, tableMemory: memory)
        var log: [String] = []
        trainer.onProgress = { if !$0.isEvaluating { log.append("\($0.step) \($0.loss)") } }
        trainer.onEvaluation = { log += $0.results.map { "\($0)" } }
        #expect(try trainer.run() == .finished)
        return (log, try data.bytes(of: trainer.encoder))
    }

    @Test(arguments: tables) func theModelDoesNotDependOnIt(table: (storage: RowStorage, isJoined: Bool)) throws {
        let data = try data(table)
        let expected = try train(data, memory: WordRows.defaultMemory, threads: 1)
        #expect(expected.log.count == 12 + 4)
        for (memory, threads) in [(0, 1), (3 * Self.vectorBytes, 2)] {
            let run = try train(data, memory: memory, threads: threads)
            #expect(run.log == expected.log && run.model == expected.model, "\(memory) bytes")
        }
    }

    /// A table that loses its end between two steps, or before the last evaluation.
    @Test(arguments: [1, 2, 3], [3, 12]) func aTableThatIsCutShortMeanwhile(threads: Int, step: Int) throws {
        let data = try data((.float32, false))
        let trainer = try data.trainer(TrainingData.options(steps: 12), threads: threads, tableMemory: 0)
        trainer.onProgress = { if $0.step == step { #expect(truncate(data.table, 200) == 0) } }
        let error = #expect(throws: ToolError.self) { try trainer.run() }
        #expect(error?.status == .dataError && trainer.step == step)
        #expect(error?.description.contains("\(data.table): byte") == true && error?.description.contains("cut short") == true)
    }
}
