import Encoding
import Files
@_spi(HostMemory) import Kernels
import Layers
import Model
import Parallel
import Shards
import TestSupport
import Testing

/// Models that read characters need no table.
struct SpellingInputTests {
    private func encoder(output: OutputKind = .softmax, hasOutput: Bool = false) -> ContextualEncoder {
        var configuration = EncoderConfiguration(vectorSize: 0, cell: 7, projection: 3)
        configuration.input = .characters
        configuration.output = output
        configuration.vocabularySize = 20
        configuration.filters = [[1, 4], [2, 4], [3, 4]]
        let encoder = ContextualEncoder(
            configuration, capacity: SentenceEncoder.capacity, training: nil, hasOutput: hasOutput,
            pool: ThreadPool(threads: 1))
        encoder.initialize(seed: 4)
        return encoder
    }

    private func encode(_ sentences: [[String]]) throws -> [SentenceVectors] {
        var results: [SentenceVectors] = []
        let stage = try SentenceEncoder(encoder(hasOutput: true), table: nil, tableName: "", layers: .all,
            to: SentenceCollector { results.append($0) })
        for sentence in sentences { try stage.encode(sentence) }
        try stage.flush()
        #expect(stage.statistics.madeTokens == 0 && stage.statistics.unknownTokens == 0)
        return results
    }

    @Test func anyWordHasVectors() throws {
        let long = String(repeating: "x", count: 10_000)
        let results = try encode([["the", "b\u{e4}nk", "\u{6c34}", "the"], [], [long], [long + "y", "the"]])
        #expect(results.map(\.words.count) == [4, 0, 1, 2])
        #expect(results.allSatisfy { $0.values.count == $0.words.count * 3 * 6 && $0.values.allSatisfy(\.isFinite) })
        func layer0(_ sentence: Int, _ token: Int) -> [Float] {
            Array(results[sentence].values[token * 18..<token * 18 + 6])
        }
        // The input layer knows no context, and reads the beginning of long words only.
        #expect(layer0(0, 0) == layer0(0, 3) && layer0(0, 0) == layer0(3, 1))
        #expect(layer0(0, 0) != layer0(0, 1) && layer0(0, 1) != layer0(0, 2))
        #expect(layer0(2, 0) == layer0(3, 0))
    }

    /// Words are their bytes: that two of them show the same character makes them no more the same word here than in training.
    @Test func compositionOfCharactersMatters() throws {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
        #expect(composed == decomposed)
        let apart = try encode([[composed]]) + encode([[decomposed]]), together = try encode([[composed], [decomposed]])
        #expect(apart[0].values != apart[1].values)
        #expect(zip(apart, together).allSatisfy { $0.values == $1.values })
    }

    /// A mark that stands in the text is read as the mark, as in training.
    @Test func marksInTheText() throws {
        let vectors = try encode([["<s>", "</s>", "<S>"]])[0].values
        let model = encoder(hasOutput: true).directions[0], batch = SpellingBatch(rows: 4, longest: 50)
        let words: [SpellingBatch.Word] = [.begin, .begin, .end]
        for (row, word) in words.enumerated() { batch.places[row] = batch.append(word) }
        model.encode(.spellings(batch.spellings), shape: WindowShape(lengths: [3]))
        let expected = model.layerOutput(0, shape: WindowShape(lengths: [3]))
        for token in 0..<2 {
            for index in 0..<3 { #expect(abs(vectors[token * 18 + index] - expected.row(token + 1)[index]) < 1e-6) }
        }
    }

    /// Which words are marks, and how much of a word is read, are the model's to say.
    @Test func marksAndLengthOfTheModel() throws {
        var configuration = EncoderConfiguration(vectorSize: 0, cell: 7, projection: 3)
        (configuration.input, configuration.output) = (.characters, .none)
        configuration.filters = [[1, 4], [2, 4]]
        (configuration.markNames, configuration.longestWord) = (["<S>", "</S>"], 6)
        let model = ContextualEncoder(
            configuration, capacity: SentenceEncoder.capacity, training: nil, pool: ThreadPool(threads: 1))
        model.initialize(seed: 5)
        var vectors: [[Float]] = []
        let stage = try SentenceEncoder(
            model, table: nil, tableName: "", layers: .all, to: SentenceCollector { vectors.append($0.values) })
        try stage.encode(["<S>", "<s>", "abcd", "abcde", "abc"])
        try stage.flush()
        func layer0(_ token: Int) -> ArraySlice<Float> { vectors[0][token * 18..<token * 18 + 3] }
        #expect(layer0(2) == layer0(3) && layer0(2) != layer0(4))
        let batch = SpellingBatch(rows: 2, longest: 6)
        batch.places[0] = batch.append(.begin)
        batch.places[1] = Array("<s>".utf8).withUnsafeBytes { batch.append(.spelled($0)) }
        model.directions[0].encode(.spellings(batch.spellings), shape: WindowShape(lengths: [2]))
        let expected = model.directions[0].layerOutput(0, shape: WindowShape(lengths: [2]))
        for token in 0..<2 {
            for (own, index) in zip(layer0(token), 0..<3) { #expect(abs(own - expected.row(token)[index]) < 1e-6) }
        }
    }

    @Test func theBatchDoesNotMatter() throws {
        let sentences = (0..<50).map { index in (0..<(index * 7 % 23)).map { "w\((index + $0 * $0) % 12)" } }
        let together = try encode(sentences)
        for index in [1, 2, 30] {
            let alone = try encode([sentences[index]])[0]
            #expect(alone.values == together[index].values)
        }
    }

    /// The softmax, most of a model, is left in the file.
    @Test func encodingNeedsNoOutputLayer() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("model"), file = try OutputFile(path: path, binary: true)
        let whole = encoder(hasOutput: true)
        try ModelFile.write(whole, to: file)
        try file.commit()
        let pool = ThreadPool(threads: 1)
        let part = try ModelFile.read(path, capacity: SentenceEncoder.capacity, hasOutput: false, pool: pool)
        #expect(whole.parameterCount - part.parameterCount == 2 * (20 * 3 + 20))
    }
}
