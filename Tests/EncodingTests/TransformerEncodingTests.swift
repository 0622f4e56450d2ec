import Encoding
import Files
import Layers
import Model
import Parallel
import Shards
import Testing

/// A Transformer sees so many steps at once; sentences that are longer are read in windows that overlap.
@Suite struct TransformerEncodingTests {
    /// Words and the mark before them.
    private static let longest = 9
    private static let layers = 3, width = 2 * 6

    private static func encode(
        _ sentences: [[String]], longest: Int = longest, threads: Int = 1, positions: TransformerShape.PositionKind = .sinusoidal,
        isStateful: Bool = false
    ) throws -> [SentenceVectors] {
        var shape = TransformerShape(width: 6, heads: 2, feedForward: 11, layers: layers - 1)
        (shape.longest, shape.positions) = (longest, positions)
        let encoder = ContextualEncoder(
            EncoderConfiguration(.transformer(shape: shape), vectorSize: SentenceEncoderTests.dimension),
            capacity: SentenceEncoder.capacity, training: nil, pool: ThreadPool(threads: threads))
        encoder.initialize(seed: 4)
        var results: [SentenceVectors] = []
        let stage = try SentenceEncoder(
            encoder, table: SentenceEncoderTests.table(), tableName: "table", layers: .all, isStateful: isStateful,
            to: SentenceCollector { results.append($0) })
        for sentence in sentences { try stage.encode(sentence) }
        try stage.flush()
        return results
    }

    /// The numbers that a direction gives a token, in all layers.
    private func values(_ vectors: SentenceVectors, _ token: Int, _ direction: Direction) -> [Float] {
        (0..<Self.layers).flatMap { layer in
            let first = (token * Self.layers + layer) * Self.width + (direction == .forward ? 0 : Self.width / 2)
            return vectors.values[first..<first + Self.width / 2]
        }
    }

    @Test(arguments: TransformerShape.PositionKind.allCases)
    func sentencesComeOutInTheirOrder(positions: TransformerShape.PositionKind) throws {
        let sentences = SentenceEncoderTests.sentences, results = try Self.encode(sentences, positions: positions)
        #expect(results.map(\.words) == sentences)
        #expect(results.allSatisfy { $0.values.count == $0.words.count * Self.layers * Self.width })
        #expect(results.allSatisfy { $0.values.allSatisfy(\.isFinite) })
        // Alone and by other threads, short and long ones.
        for index in [1, 2, 4, 33, 150] {
            #expect(try Self.encode([sentences[index]], positions: positions)[0].values == results[index].values)
        }
        #expect(try Self.encode(sentences, threads: 3, positions: positions).map(\.values) == results.map(\.values))
    }

    /// A window of whole sentences gives what a longer one would.
    @Test func sentencesThatFitAreReadAtOnce() throws {
        let sentences = SentenceEncoderTests.sentences.filter { $0.count < Self.longest }
        #expect(sentences.contains { $0.count == Self.longest - 1 })
        #expect(try Self.encode(sentences).map(\.values) == Self.encode(sentences, longest: 100).map(\.values))
    }

    /// The first piece of a long sentence is as it would be in any window; the vectors of later ones have half a window behind them
    /// at least, and nothing from beyond a window.
    @Test func longSentencesAreReadInWindowsThatOverlap() throws {
        let words = (0..<40).map { "w\($0 * $0 % 12)" }, half = Self.longest / 2 - 1
        let whole = try Self.encode([words], longest: 100)[0], cut = try Self.encode([words])[0]
        #expect(cut.words == words)
        for token in 0..<half {
            #expect(values(cut, token, .forward) == values(whole, token, .forward))
            #expect(values(cut, 39 - token, .backward) == values(whole, 39 - token, .backward))
        }
        #expect(values(cut, 39, .forward) != values(whole, 39, .forward))
        for changed in [0, 17, 39] {
            var other = words
            other[changed] = words[changed] == "w3" ? "w4" : "w3"
            let result = try Self.encode([other])[0]
            for token in 0..<40 {
                let isNear = abs(token - changed) <= half, isFar = abs(token - changed) >= Self.longest
                for direction in Direction.allCases {
                    let isBefore = direction == .forward ? changed <= token : changed >= token
                    let isSame = values(result, token, direction) == values(cut, token, direction)
                    if !isBefore || isFar { #expect(isSame, "\(token), \(changed)") }
                    if isBefore && isNear { #expect(!isSame, "\(token), \(changed)") }
                }
            }
        }
    }

    /// The forward vectors of a long sentence do not depend on how many words follow.
    @Test(arguments: [9, 13, 17, 22, 39]) func lengthDoesNotMatter(count: Int) throws {
        let words = (0..<40).map { "w\($0 * $0 % 12)" }
        let whole = try Self.encode([words])[0], begun = try Self.encode([Array(words.prefix(count))])[0]
        for token in 0..<count { #expect(values(begun, token, .forward) == values(whole, token, .forward), "\(token)") }
    }

    @Test func thereIsNoStateToGoOnFrom() {
        #expect { try Self.encode([["w1"]], isStateful: true) } throws: {
            ($0 as? ToolError)?.status == .usage && "\($0)".contains("--stateful is not used: the encoder transformer has no state")
        }
    }
}
