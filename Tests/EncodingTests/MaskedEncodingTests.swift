import Encoding
import Files
@_spi(HostMemory) import Kernels
import Layers
import Model
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

/// Sentences encoded by a network that reads both ways at once.
struct MaskedEncodingTests {
    private static func encoder(
        _ kind: String = "lstm", threads: Int = 1, capacity: WindowCapacity = SentenceEncoder.capacity
    ) throws -> ContextualEncoder {
        var configuration = EncoderConfiguration(vectorSize: SentenceEncoderTests.dimension, cell: 7, projection: 3)
        if kind == "wide" { (configuration.lstm.cell, configuration.lstm.projection) = (130, 40) }
        if kind == "gru" { configuration.encoder = .gru(shape: GRUShape(cell: 3)) }
        configuration.objective = .masked
        let encoder = ContextualEncoder(
            configuration, capacity: capacity, training: nil, hasOutput: false, pool: ThreadPool(threads: threads))
        encoder.initialize(seed: 4)
        return encoder
    }

    private static func encode(
        _ sentences: [[String]], _ kind: String = "lstm", threads: Int = 1, capacity: WindowCapacity = SentenceEncoder.capacity,
        isStateful: Bool = false, precision: WeightPrecision = .float32, longest: Int = SentenceEncoder.longestPiece
    ) throws -> [SentenceVectors] {
        var results: [SentenceVectors] = []
        let stage = try SentenceEncoder(
            encoder(kind, threads: threads, capacity: capacity), table: SentenceEncoderTests.table(), tableName: "table", layers: .all,
            isStateful: isStateful, precision: precision, longest: longest, to: SentenceCollector { results.append($0) })
        for sentence in sentences { try stage.encode(sentence) }
        try stage.flush()
        return results
    }

    @Test(arguments: ["lstm", "gru"]) func neighboursInTheBatchDoNotMatter(kind: String) throws {
        let sentences = SentenceEncoderTests.sentences, together = try Self.encode(sentences, kind)
        #expect(together.map(\.words) == sentences)
        #expect(together.allSatisfy { $0.values.count == $0.words.count * 3 * 6 && $0.values.allSatisfy(\.isFinite) })
        for index in [1, 2, 33, 150] { #expect(try Self.encode([sentences[index]], kind)[0].values == together[index].values) }
        let small = try Self.encode(sentences, kind, threads: 3, capacity: WindowCapacity(batch: 7, rows: 300))
        #expect(small.map(\.values) == together.map(\.values))
    }

    private func vector(_ sentence: SentenceVectors, _ token: Int, _ layer: Int) -> [Float] {
        let first = (token * 3 + layer) * 6
        return Array(sentence.values[first..<first + 6])
    }

    /// The vectors of a sentence are those of its steps in a window that has it alone, between both marks.
    @Test func stepsAreThoseBetweenTheMarks() throws {
        let words = ["w3", "w1", "w4", "w1", "w5"], encoded = try Self.encode([words])[0], encoder = try Self.encoder()
        let table = try SentenceEncoderTests.table(), size = SentenceEncoderTests.dimension, text = ["<s>"] + words + ["</s>"]
        let memory = FloatBuffer(count: text.count * size), vectors = Matrix(memory, rows: text.count, columns: size)
        for (row, word) in text.enumerated() {
            let vector = vectors.rows(row..<row + 1)
            _ = try Array(word.utf8).withUnsafeBytes { try table.vector(for: $0, into: vector) }
            table.normalise(vector, centred: encoder.configuration.centred)
        }
        let shape = WindowShape(steps: text.count, batch: 1), model = encoder.directions[0]
        encoder.encode([.vectors(vectors)], shape: shape)
        for layer in 0..<3 {
            let output = ProcessorBackend().read(model.layerOutput(layer, shape: shape))
            for token in words.indices {
                // Behind the mark.
                let first = (token + 1) * 6
                #expect(Array(output[first..<first + 6]) == vector(encoded, token, layer))
            }
        }
    }

    @Test func weightsOf8BitsGiveNearlyTheSameVectors() throws {
        let sentences = Array(SentenceEncoderTests.sentences.prefix(60))
        let exact = try Self.encode(sentences, "wide"), rounded = try Self.encode(sentences, "wide", precision: .int8)
        var product = 0.0, squares = (0.0, 0.0)
        for (one, other) in zip(exact, rounded) {
            for (x, y) in zip(one.values, other.values) {
                product += Double(x * y)
                squares = (squares.0 + Double(x * x), squares.1 + Double(y * y))
            }
        }
        #expect(product / (squares.0 * squares.1).squareRoot() > 0.999 && exact.map(\.values) != rounded.map(\.values))
    }

    @Test func everyTokenSeesBothSides() throws {
        let results = try Self.encode([["w1", "w2", "w3", "w4"], ["w1", "w2", "w3", "w9"], ["w8", "w2", "w3", "w4"]])
        let tops = results.map { vector($0, 1, 2) }
        #expect(tops[0] != tops[1] && tops[0] != tops[2])
    }

    @Test func whatNeedsAStateIsRefused() throws {
        let stateful = #expect(throws: ToolError.self) { try Self.encode([["w1"]], isStateful: true) }
        #expect(stateful?.status == .usage && stateful?.description.contains("--stateful") == true)
        #expect(try Self.encode([["w1"], ["w1", "w2", "w3"]], longest: 3).count == 2)
        let long = #expect(throws: ToolError.self) { try Self.encode([["w1"], ["w1", "w2", "w3", "w4"]], longest: 3) }
        #expect(long?.status == .dataError && long?.description.contains("sentence 2: has 4 words") == true, "\(String(describing: long))")
    }
}
