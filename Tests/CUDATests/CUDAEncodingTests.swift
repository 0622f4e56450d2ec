import CUDA
import Encoding
import Files
import Kernels
import Layers
import Model
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

/// Sentences encoded on a GPU, or what stands in for one, beside the processor's vectors.
@Suite(.serialized) struct CUDAEncodingTests {
    private static let words = ["the", "cat", "sees", "a", "bird", "today", ".", "stones", "shadow", "unheard"]
    /// Sentences of many lengths, empty ones among them, some of them longer than `longest`.
    private static let sentences = (0..<150).map { index in
        (0..<(index % 50 == 49 ? 45 : index * 7 % 31)).map { words[(index + $0 * $0) % words.count] }
    }
    private static let longest = 40

    private struct Encoded {
        let sentences: [SentenceVectors]
        let statistics: SentenceEncoder.Statistics
    }

    /// - Parameter precision: of a GPU; `nil` for the processor.
    private func encode(
        _ choice: LayerChoice, _ precision: CUDABackend.Precision?, capacity: WindowCapacity = WindowCapacity(batch: 40, rows: 600)
    ) async throws -> Encoded {
        let fixture = try await Fixture.shared.value
        let backends = try precision.map { precision in try (0..<2).map { _ in try FakeGPU.backend(precision) } } ?? []
        let encoder = try ModelFile.read(
            fixture.model, capacity: precision == nil ? SentenceEncoder.capacity : capacity, hasOutput: false,
            pool: ThreadPool(threads: 2), backends: backends)
        let table = try EmbeddingTable(FileSource(path: fixture.table), pool: WorkerPool(threads: 1))
        var results: [SentenceVectors] = []
        // Several groups, each of several batches.
        let stage = try SentenceEncoder(
            encoder, table: table, tableName: "table", layers: choice, longest: Self.longest, groupTokens: 700,
            to: SentenceCollector { results.append($0) })
        for sentence in Self.sentences { try stage.encode(sentence) }
        try stage.flush()
        return Encoded(sentences: results, statistics: stage.statistics)
    }

    /// The greatest difference of two numbers.
    private func furthest(_ one: Encoded, _ other: Encoded) -> Float {
        var worst: Float = 0
        for (one, other) in zip(one.sentences, other.sentences) {
            for (value, expected) in zip(one.values, other.values) { worst = max(worst, abs(value - expected)) }
        }
        return worst
    }

    /// The mean difference of two numbers.
    private func distance(_ one: Encoded, _ other: Encoded) -> Float {
        let pairs = zip(one.sentences, other.sentences).flatMap { zip($0.values, $1.values) }
        return pairs.reduce(0) { $0 + abs($1.0 - $1.1) } / Float(pairs.count)
    }

    @Test(arguments: [.all, .top, .average, .number(1), .mix(LayerMix(weights: [0.3, -1, 0.5], gamma: 1.7))] as [LayerChoice])
    func vectorsAreTheProcessors(choice: LayerChoice) async throws {
        let expected = try await encode(choice, nil)
        for precision in CUDABackend.Precision.allCases {
            let own = try await encode(choice, precision)
            #expect(own.sentences.map(\.words) == Self.sentences && own.statistics == expected.statistics)
            #expect(own.sentences.map(\.values.count) == expected.sentences.map(\.values.count))
            // In a long sentence the rounding of bfloat16 may grow.
            #expect(precision == .float32 ? furthest(own, expected) <= 1e-4 : distance(own, expected) <= 0.05, "\(precision)")
        }
    }

    @Test func theSameBitsEachTime() async throws {
        let (one, other) = (try await encode(.all, .bfloat16), try await encode(.all, .bfloat16))
        #expect(one.sentences.map { $0.values.map(\.bitPattern) } == other.sentences.map { $0.values.map(\.bitPattern) })
    }

    /// The neighbours of a sentence in its batch change no more than rounding.
    @Test func otherBatchesGiveTheSameVectors() async throws {
        let one = try await encode(.all, .float32)
        let other = try await encode(.all, .float32, capacity: WindowCapacity(batch: 7, rows: 300))
        #expect(furthest(one, other) <= 1e-5)
    }

    /// Networks that read both ways at once, whose sequences are turned round by their lengths.
    @Test(arguments: ["lstm", "gru"]) func networksThatReadBothWays(kind: String) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory(), pool = ThreadPool(threads: 1)
        let table = try EmbeddingTable(FileSource(path: fixture.table), pool: WorkerPool(threads: 1))
        var configuration = EncoderConfiguration(vectorSize: table.dimension, cell: 10, projection: 6)
        if kind == "gru" { configuration.encoder = .gru(shape: GRUShape(cell: 6)) }
        configuration.objective = .masked
        let made = ContextualEncoder(configuration, capacity: WindowCapacity(batch: 1, rows: 1), training: nil, pool: pool)
        made.initialize(seed: 3)
        let output = try OutputFile(path: directory.file("model"), binary: true)
        try ModelFile.write(made, to: output)
        try output.commit()
        func encode(_ precision: CUDABackend.Precision?, _ capacity: WindowCapacity) throws -> Encoded {
            let backends = try precision.map { [try FakeGPU.backend($0)] } ?? []
            let encoder = try ModelFile.read(
                directory.file("model"), capacity: capacity, hasOutput: false, pool: pool, backends: backends)
            var results: [SentenceVectors] = []
            let stage = try SentenceEncoder(
                encoder, table: table, tableName: "table", layers: .all, groupTokens: 700, to: SentenceCollector { results.append($0) })
            for sentence in Self.sentences { try stage.encode(sentence) }
            try stage.flush()
            return Encoded(sentences: results, statistics: stage.statistics)
        }
        let expected = try encode(nil, SentenceEncoder.capacity)
        let own = try encode(.float32, WindowCapacity(batch: 40, rows: 600)), half = try encode(.bfloat16, WindowCapacity(batch: 40, rows: 600))
        #expect(own.sentences.map(\.words) == Self.sentences && expected.sentences.allSatisfy { $0.values.count == $0.words.count * 36 })
        #expect(furthest(own, expected) <= 1e-4 && distance(half, expected) <= 0.05)
        #expect(furthest(own, try encode(.float32, WindowCapacity(batch: 7, rows: 300))) <= 1e-5)
    }

    /// Batches are as large as there is room for.
    @Test func batchesFollowTheMemory() throws {
        let backend = try FakeGPU.backend(.bfloat16)
        func rows(_ cell: Int) -> Int {
            SentenceEncoder.capacity(EncoderConfiguration(vectorSize: 5, cell: cell, projection: 4), on: backend).rows
        }
        #expect(rows(8) == 3 << 15)
        #expect((SentenceEncoder.batchRows..<3 << 15).contains(rows(2048)))
    }
}
