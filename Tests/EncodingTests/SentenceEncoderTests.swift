import Encoding
import Files
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Model
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

struct SentenceEncoderTests {
    static let dimension = 5

    /// A table of a dozen words and the marks, without a generator.
    static func table() throws -> EmbeddingTable {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file("table"), binary: true)
        let words = (0..<12).map { "w\($0)" } + ["<s>", "</s>"]
        let pool = WorkerPool(threads: 1)
        let writer = try TableShardWriter(
            output, tool: "test 1", dimension: dimension, count: words.count, fields: ["generator": "none"], pool: pool)
        for (index, word) in words.enumerated() {
            let row = (0..<dimension).map { Float(sin(Double(index * dimension + $0 + 1))) }
            try row.withUnsafeBufferPointer { row in
                try Array(word.utf8).withUnsafeBytes {
                    try writer.append($0, count: UInt64(index), source: .pretrained, row: row)
                }
            }
        }
        let mean = [Float](repeating: 0.01, count: dimension)
        try writer.append(tensor: "mean", shape: [dimension], values: mean)
        try writer.finish()
        try output.commit()
        return try EmbeddingTable(FileSource(path: directory.file("table")), pool: pool)
    }

    static func encoder(threads: Int = 1, cell: Int = 7, projection: Int = 3) -> ContextualEncoder {
        let configuration = EncoderConfiguration(vectorSize: dimension, cell: cell, projection: projection)
        let encoder = ContextualEncoder(
            configuration, capacity: SentenceEncoder.capacity, training: nil, pool: ThreadPool(threads: threads))
        encoder.initialize(seed: 4)
        return encoder
    }

    static func encode(
        _ sentences: [[String]], _ choice: LayerChoice = .all, threads: Int = 1, isStateful: Bool = false,
        longest: Int = SentenceEncoder.longestPiece
    ) throws -> [SentenceVectors] {
        var results: [SentenceVectors] = []
        let stage = try SentenceEncoder(
            encoder(threads: threads), table: table(), tableName: "table", layers: choice, isStateful: isStateful, longest: longest,
            to: SentenceCollector { results.append($0) })
        for sentence in sentences { try stage.encode(sentence) }
        try stage.flush()
        return results
    }

    /// Lengths of all sizes, empty ones among them.
    static let sentences = (0..<300).map { index in (0..<(index * 7 % 34)).map { "w\((index + $0 * $0) % 12)" } }

    /// Near the exact vectors, but for the input layer's, which are exact; the same bits in any batch, by any threads.
    @Test func weightsOf8BitsGiveNearlyTheSameVectors() throws {
        let width = 2 * 40
        func encode(_ sentences: [[String]], _ precision: WeightPrecision, threads: Int = 1) throws -> [SentenceVectors] {
            var results: [SentenceVectors] = []
            let stage = try SentenceEncoder(
                Self.encoder(threads: threads, cell: 130, projection: width / 2), table: Self.table(), tableName: "table",
                layers: .all, precision: precision, to: SentenceCollector { results.append($0) })
            for sentence in sentences { try stage.encode(sentence) }
            try stage.flush()
            return results
        }
        let exact = try encode(Self.sentences, .float32), results = try encode(Self.sentences, .int8)
        var sums = [0.0, 0.0, 0.0], tokens = 0.0
        for (left, right) in zip(exact, results) {
            tokens += Double(left.words.count)
            for place in 0..<left.words.count * 3 {
                let range = place * width..<(place + 1) * width
                #expect((left.values[range] == right.values[range]) == (place % 3 == 0))
                var products = (0.0, 0.0, 0.0)
                for (x, y) in zip(left.values[range], right.values[range]) {
                    products.0 += Double(x * y)
                    products.1 += Double(x * x)
                    products.2 += Double(y * y)
                }
                sums[place % 3] += products.0 / (products.1 * products.2).squareRoot()
            }
        }
        #expect(sums.allSatisfy { $0 / tokens > 0.999 }, "\(sums.map { $0 / tokens })")
        let again = try encode(Self.sentences, .int8, threads: 3)
        #expect(again.map(\.values) == results.map(\.values))
        #expect(try encode([Self.sentences[33]], .int8)[0].values == results[33].values)
    }

    @Test func sentencesComeOutInTheirOrderWhateverTheirLength() throws {
        let results = try Self.encode(Self.sentences)
        #expect(results.map(\.words) == Self.sentences)
        #expect(results.allSatisfy { $0.values.count == $0.words.count * 3 * 6 })
        #expect(results.allSatisfy { $0.values.allSatisfy(\.isFinite) })
    }

    @Test func neighboursInTheBatchDoNotMatter() throws {
        let together = try Self.encode(Self.sentences)
        for index in [1, 2, 33, 150] {
            #expect(try Self.encode([Self.sentences[index]])[0].values == together[index].values)
        }
    }

    /// Pieces hand on their state, in both directions: cut anywhere, a sentence has the same bits.
    @Test(arguments: [1, 2, 7, 32])
    func piecesAreAsOnePass(longest: Int) throws {
        let sentences = Array(Self.sentences.prefix(40))
        let whole = try Self.encode(sentences), cut = try Self.encode(sentences, longest: longest)
        #expect(whole.map(\.words) == cut.map(\.words) && whole.map(\.values) == cut.map(\.values))
    }

    @Test(arguments: [2, 3])
    func theNumberOfThreadsDoesNotShow(threads: Int) throws {
        let one = try Self.encode(Self.sentences), many = try Self.encode(Self.sentences, threads: threads)
        #expect(one.map(\.values) == many.map(\.values))
    }

    @Test func layersArePutTogetherAsAsked() throws {
        let sentences = Array(Self.sentences.prefix(20))
        let all = try Self.encode(sentences), top = try Self.encode(sentences, .top), average = try Self.encode(sentences, .average)
        let first = try Self.encode(sentences, .number(1))
        let weights = [0.3, -1.0, 0.5], total = weights.map(exp).reduce(0, +)
        let mixed = try Self.encode(sentences, .mix(LayerMix(weights: weights, gamma: 1.7)))
        for index in sentences.indices {
            for token in sentences[index].indices {
                let layers = (0..<3).map { Array(all[index].values[(token * 3 + $0) * 6..<(token * 3 + $0 + 1) * 6]) }
                let place = token * 6..<(token + 1) * 6
                #expect(Array(top[index].values[place]) == layers[2] && Array(first[index].values[place]) == layers[1])
                for value in 0..<6 {
                    let expected = (layers[0][value] + layers[1][value] + layers[2][value]) / 3
                    #expect(abs(average[index].values[token * 6 + value] - expected) < 1e-6)
                    let mix = (0..<3).reduce(0.0) { $0 + 1.7 * exp(weights[$1]) / total * Double(layers[$1][value]) }
                    #expect(abs(Double(mixed[index].values[token * 6 + value]) - mix) < 1e-6)
                }
            }
        }
    }

    /// A token's vector is what each direction gives at the step that has just read it: the forward half does not depend
    /// on the words behind it, the backward half not on those before.
    @Test func eachDirectionSeesItsOwnSide() throws {
        let results = try Self.encode([["w1", "w2", "w3", "w4"], ["w1", "w2", "w3", "w9"], ["w8", "w2", "w3", "w4"]], .top)
        func half(_ sentence: Int, _ token: Int, _ isForward: Bool) -> [Float] {
            let start = token * 6 + (isForward ? 0 : 3)
            return Array(results[sentence].values[start..<start + 3])
        }
        func near(_ a: [Float], _ b: [Float]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 } }
        #expect(near(half(0, 2, true), half(1, 2, true)))
        #expect(!near(half(0, 2, false), half(1, 2, false)))
        #expect(near(half(0, 1, false), half(2, 1, false)))
        #expect(!near(half(0, 1, true), half(2, 1, true)))
    }

    @Test func longSentencesKeepEveryToken() throws {
        let length = SentenceEncoder.longestPiece * 2 + 5
        let words = (0..<length).map { "w\($0 % 12)" }
        let result = try Self.encode([words, ["w1"]])
        #expect(result[0].words == words && result[0].values.count == length * 18)
        #expect(result[0].values.suffix(18).contains { $0 != 0 })
    }

    @Test func wordsWithoutAVectorAreCounted() throws {
        for (longest, isStateful) in [(100, false), (2, false), (2, true)] {
            let stage = try SentenceEncoder(
                Self.encoder(), table: Self.table(), tableName: "table", layers: .top, isStateful: isStateful, longest: longest,
                to: SentenceCollector { _ in })
            try stage.encode(["w1", "unheard", "w2", "w2", "w2"])
            try stage.flush()
            #expect(stage.statistics.unknownTokens == 1 && stage.statistics.tokens == 5)
        }
    }

    @Test func layersThatThereAreNot() throws {
        for choice in [LayerChoice.number(3), .mix(LayerMix(weights: [1, 2]))] {
            let error = #expect(throws: ToolError.self) { try Self.encode([["w1"]], choice) }
            #expect(error?.status == .usage && error?.description.contains("layers") == true)
        }
        #expect(["all", "top", "average", "0", "12"].allSatisfy { LayerChoice($0)?.description == $0 })
        #expect(["", "mean", "-1", "01", "1.5", "9999999999999999999999"].allSatisfy { LayerChoice($0) == nil })
    }
}
