import Files
import Kernels
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

@Suite struct RandomVectorsTests {
    private func build(_ words: [String], seed: UInt64, threads: Int = 1) throws -> TableBuilder.Table {
        let vectors = RandomVectors(dimension: 50, seed: seed)
        return try TableBuilder().build(VocabularyWords(words.map { ($0, 1) }), vectors, threads: threads)
    }

    private func vector(_ table: TableBuilder.Table, _ word: String) throws -> [Float] {
        table.rows.row(try #require(table.words.find(word))).values
    }

    /// A word's vector depends on the word and the seed, not on the other words, their order or the threads.
    @Test func aWordHasOneVector() throws {
        let one = try build(["a", "b", "c"], seed: 3), other = try build(["z", "c", "a"], seed: 3, threads: 2)
        #expect(try vector(one, "a") == vector(other, "a") && vector(one, "c") == vector(other, "c"))
        #expect(try vector(one, "a") != vector(one, "b"))
        #expect(try vector(one, "a") != vector(build(["a"], seed: 4), "a"))
        #expect(one.sources.prefix(3) == [.random, .random, .random])
    }

    /// Uniform directions: of length 1, and independent: a cosine has the variance 1 / dimension.
    @Test func directionsAreUniform() throws {
        let words = (0..<400).map { "word\($0)" }
        let table = try build(words, seed: 1)
        var squares = 0.0
        for index in words.indices.dropLast() {
            let a = try vector(table, words[index]), b = try vector(table, words[index + 1])
            #expect(abs(a.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
            let cosine = zip(a, b).reduce(0.0) { $0 + Double($1.0 * $1.1) }
            squares += cosine * cosine
        }
        // 399 cosines: the mean square is within 5 of its standard deviations, 0.07 of it each.
        #expect(abs(squares / 399 * 50 - 1) < 0.35, "\(squares / 399)")
    }

    @Test func laterWordsToo() throws {
        let scratch = try Scratch(), pool = WorkerPool(threads: 1)
        let table = try build(["a"], seed: 3)
        let output = try OutputFile(path: "\(scratch.path)/t", binary: true)
        try table.write(to: output, tool: "test", fields: [:], pool: pool)
        try output.commit()
        let read = try EmbeddingTable(FileSource(path: "\(scratch.path)/t"), pool: pool)
        #expect(try read.generator()?.vectorArray("later") == (try vector(build(["later"], seed: 3), "later")))
    }
}
