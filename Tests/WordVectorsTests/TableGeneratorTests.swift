import Files
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

/// A generator that is too large to be read for nothing stays in the table's file until a word needs it.
@Suite struct TableGeneratorTests {
    private let scratch: Scratch
    private let pool = WorkerPool(threads: 1)
    private let whole: [UInt8]
    private let file: any VectorFile

    init() throws {
        scratch = try Scratch()
        var image = FastTextImage()
        image.bucket = 200_000
        var random = TestRandom(3)
        image.values = (0..<3 * (3 + 200_000)).map { _ in random.unit() - 0.5 }
        file = try openVectors(scratch.file("m.bin", image.bytes))
        let built = try TableBuilder().build(VocabularyWords([("dog", 5), ("tree", 3)]), file, threads: 1)
        let output = try OutputFile(path: "\(scratch.path)/t", binary: true)
        try built.write(to: output, tool: "test", fields: [:], pool: pool)
        try output.commit()
        whole = try readFile("\(scratch.path)/t")
    }

    private func open(_ bytes: [UInt8]) throws -> EmbeddingTable {
        try EmbeddingTable(FileSource(path: scratch.file("t", bytes)), pool: pool)
    }

    @Test func fileAndPipeMakeTheSameVectors() throws {
        let expected = try #require(file.ownGenerator()?.vectorArray("unknown"))
        #expect(try open(whole).generator()?.vectorArray("unknown") == expected)
        let piped = try EmbeddingTable(MemorySource(whole), pool: pool)
        #expect(try piped.generator()?.vectorArray("unknown") == expected)
    }

    /// Damage to what nobody needs harms nobody; who needs it is told.
    @Test func damageIsNoticedWhenItMatters() throws {
        var damaged = whole
        damaged[whole.count - 100_000] ^= 1
        let expected = try open(whole).rows.row(0)
        let table = try open(damaged)
        #expect(try table.vector(of: "dog").1 == expected)
        for _ in 0..<2 { #expect(dataError { _ = try table.vector(of: "unknown") }.contains("\(scratch.path)/t: byte ")) }
        #expect(!dataError { _ = try EmbeddingTable(MemorySource(damaged), pool: pool) }.isEmpty)
    }

    @Test func cutsAreNoticedAtOnce() throws {
        for length in [whole.count - 1, whole.count - 60, whole.count - 100_000, whole.count - 1_500_000, whole.count / 4] {
            #expect(!dataError { _ = try open(Array(whole[..<length])) }.isEmpty, "cut at \(length)")
        }
    }
}
