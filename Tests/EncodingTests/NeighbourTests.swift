import Encoding
import Files
import Parallel
import Shards
import TestSupport
import Testing

struct NeighbourSearchTests {
    private func shard(_ sentences: [SentenceVectors], width: Int, storage: RowStorage = .float32) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file("shard"), binary: true)
        let writer = try VectorShardWriter(
            output, tool: "test 1", layers: 1, width: width, storage: storage, fields: [:], pool: WorkerPool(threads: 1))
        for sentence in sentences {
            try writer.begin(sentence.words)
            try sentence.values.withUnsafeBufferPointer { try writer.append($0) }
        }
        try writer.finish()
        try output.commit()
        return directory
    }

    private func search(
        _ directory: TemporaryDirectory, _ query: [Float], count: Int, threads: Int = 1, times: Int = 1
    ) throws -> [Neighbour] {
        let pool = WorkerPool(threads: threads)
        let search = NeighbourSearch(query: query, count: count, pool: pool)
        for _ in 0..<times {
            try search.look(at: VectorShardReader(FileSource(path: directory.file("shard")), pool: pool), layer: 0)
        }
        return search.neighbours
    }

    @Test(arguments: [RowStorage.float32, .float16])
    func theNearestAreFoundOnceASentence(storage: RowStorage) throws {
        let directory = try shard(
            [
                SentenceVectors(words: ["a", "b"], values: [0, 1, 1, 1]),
                SentenceVectors(words: ["c", "d"], values: [2, 0, 3, 0.125]), SentenceVectors(words: [], values: []),
                SentenceVectors(words: ["e"], values: [-1, 0]), SentenceVectors(words: ["c", "d"], values: [2, 0, 3, 0.125]),
            ], width: 2, storage: storage)
        for times in [1, 2] {
            let found = try search(directory, [1, 0], count: 2, times: times)
            #expect(found.map(\.marked) == ["[c] d", "a [b]"])
            #expect(abs(found[1].cosine - 0.5.squareRoot()) < 1e-6)
        }
    }

    /// Against every occurrence, over many blocks, and one sentence that is cut into several.
    @Test func manyBlocksAndThreads() throws {
        let width = 64
        var state: UInt64 = 9
        func value() -> Float {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 24) - 0.5
        }
        var sentences = (0..<3000).map { index in
            SentenceVectors(
                words: (0..<(index % 23)).map { "s\(index)w\($0)" }, values: (0..<(index % 23) * width).map { _ in value() })
        }
        let long = 150_000
        sentences.insert(
            SentenceVectors(words: (0..<long).map { "l\($0)" }, values: (0..<long * width).map { _ in value() }), at: 700)
        let query = (0..<width).map { _ in value() }
        func cosine(_ vector: ArraySlice<Float>) -> Double {
            func dot(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
            return dot(vector, query) / (dot(vector, vector) * dot(query, query)).squareRoot()
        }
        let expected = sentences.compactMap { sentence in
            sentence.words.indices.map { (cosine(sentence.values[$0 * width..<($0 + 1) * width]), sentence.words[$0]) }.max { $0.0 < $1.0 }
        }.sorted { $0.0 > $1.0 }.prefix(10)
        let directory = try shard(sentences, width: width)
        for threads in [1, 3] {
            let found = try search(directory, query, count: 10, threads: threads)
            #expect(found.map { $0.words[$0.position] } == expected.map(\.1))
            #expect(zip(found, expected).allSatisfy { abs($0.cosine - $1.0) < 1e-5 })
        }
    }

    @Test(arguments: ["no mark", "two [marked] [words]", "[]", ""])
    func aQueryMarksExactlyOneWord(text: String) {
        #expect(throws: ToolError.self) { try MarkedSentence.parse(text) }
    }

    @Test func aMarkedWordIsFound() throws {
        #expect(try MarkedSentence.parse("the [bank] of") == MarkedSentence.parse(" the  [bank] of "))
        let parsed = try MarkedSentence.parse("the [bank] of")
        #expect(parsed.words == ["the", "bank", "of"] && parsed.position == 1)
    }
}
