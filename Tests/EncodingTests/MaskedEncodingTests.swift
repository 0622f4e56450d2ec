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
        if kind == "qrnn" { configuration.encoder = .qrnn(shape: QRNNShape(cell: 3)) }
        if kind == "transformer" {
            configuration.encoder = .transformer(shape: TransformerShape(width: 6, heads: 2, feedForward: 11, layers: 2))
        }
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

    @Test(arguments: ["lstm", "gru", "qrnn", "transformer"]) func neighboursInTheBatchDoNotMatter(kind: String) throws {
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
    }

    /// Each word of a long sentence is read with a quarter of a window on either side at least, and with nothing from beyond a window.
    @Test(arguments: ["lstm", "transformer"]) func longSentencesAreReadInWindowsThatOverlap(kind: String) throws {
        let longest = 16, words = (0..<60).map { "w\($0 * $0 % 12)" }
        let whole = try Self.encode([words], kind)[0], cut = try Self.encode([["w1"], words], kind, longest: longest)[1]
        #expect(cut.words == words && cut.values.count == whole.values.count && cut.values.allSatisfy(\.isFinite))
        for changed in [0, 29, 59] {
            var other = words
            other[changed] = words[changed] == "w3" ? "w4" : "w3"
            let result = try Self.encode([other], kind, longest: longest)[0]
            for token in 0..<60 {
                let isSame = vector(result, token, 2) == vector(cut, token, 2)
                if abs(token - changed) <= longest / 4 { #expect(!isSame, "\(token), \(changed)") }
                if abs(token - changed) >= longest { #expect(isSame, "\(token), \(changed)") }
            }
        }
    }
}
