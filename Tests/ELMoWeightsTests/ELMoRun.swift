import Encoding
import Model
import Shards
import Testing

/// The vectors of a sentence: [layers][tokens][forward, then backward].
typealias ELMoVectors = [[[Float]]]

/// Runs sentences through an encoder, made for `SentenceEncoder.capacity`, as ELMo does.
struct ELMoRun {
    let encoder: ContextualEncoder

    /// Each sentence from the zero state.
    func fromZero(_ sentences: [[String]]) throws -> [ELMoVectors] { try run(sentences, isStateful: false) }

    /// One after the other, each from the state that the one before it left: both marks are read. Cut in pieces, they are the
    /// same.
    func carryingState(_ sentences: [[String]]) throws -> [ELMoVectors] {
        let vectors = try run(sentences, isStateful: true)
        #expect(try run(sentences, isStateful: true, longest: 2) == vectors)
        return vectors
    }

    private func run(
        _ sentences: [[String]], isStateful: Bool, longest: Int = SentenceEncoder.longestPiece
    ) throws -> [ELMoVectors] {
        var results: [ELMoVectors] = []
        let layers = encoder.layerCount, width = encoder.layerWidth
        let stage = try SentenceEncoder(
            encoder, table: nil, tableName: "", layers: .all, isStateful: isStateful, longest: longest,
            to: SentenceCollector { sentence in
                results.append(
                    (0..<layers).map { layer in
                        sentence.words.indices.map { token in
                            let start = (token * layers + layer) * width
                            return Array(sentence.values[start..<start + width])
                        }
                    })
            })
        for sentence in sentences { try stage.encode(sentence) }
        try stage.flush()
        return results
    }
}
