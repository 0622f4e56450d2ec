import ELMoWeights
import Encoding
import Glibc
import Layers
import Model
import Parallel
import Testing

/// The vectors, against those that bilm-tf and AllenNLP made with the same weights.
struct ELMoVectorsTests {
    private func run(_ model: ELMoCase, threads: Int = 1) throws -> ELMoRun {
        let encoder = try ELMoWeights.read(
            options: model.parsedOptions(), weights: model.weights(), capacity: SentenceEncoder.capacity,
            pool: ThreadPool(threads: threads))
        return ELMoRun(encoder: encoder)
    }

    @Test(arguments: ELMoCase.allCases) func vectorsAreTheOriginals(_ model: ELMoCase) throws {
        let run = try run(model)
        let fromZero = try run.fromZero(ELMoCase.sentences), carrying = try run.carryingState(ELMoCase.sentences)
        for program in model.programs {
            expect(fromZero, ELMoReference.numbers(model, program, .zero))
            expect(carrying, ELMoReference.numbers(model, program, .carried))
        }
        // The state shows, so that one could not stand for the other.
        #expect(fromZero[4] == fromZero[0] && carrying[4][1] != carrying[0][1])
    }

    @Test func theBatchDoesNotMatter() throws {
        let run = try run(.plain), together = try run.fromZero(ELMoCase.sentences)
        for (sentence, expected) in zip(ELMoCase.sentences, together) { #expect(try run.fromZero([sentence])[0] == expected) }
    }

    @Test func threadsChangeNothing() throws {
        #expect(try run(.deep).fromZero(ELMoCase.sentences) == run(.deep, threads: 3).fromZero(ELMoCase.sentences))
    }

    /// Layer 0 is the token alone: the same in both halves, wherever it stands.
    @Test func layer0KnowsNoContext() throws {
        let vectors = try run(.plain).fromZero([["the", "bank", "the"]])[0]
        let width = vectors[0][0].count / 2
        for token in vectors[0] { #expect(token[..<width].elementsEqual(token[width...])) }
        #expect(vectors[0][0] == vectors[0][2] && vectors[1][0] != vectors[1][2])
    }

    /// Bytes from the 49th on are not read.
    @Test func longWordsAreCut() throws {
        let word = String(repeating: "y", count: 48)
        let run = try run(.straight)
        let vectors = try [word, word + "z", word + "\u{e9}", word.dropLast() + "z"].map { try run.fromZero([[$0]])[0][0] }
        #expect(vectors[0] == vectors[1] && vectors[0] == vectors[2] && vectors[0] != vectors[3])
    }

    private func expect(_ vectors: [ELMoVectors], _ expected: [[[Double]]], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(vectors.count == expected.count, sourceLocation: sourceLocation)
        for (index, (sentence, expected)) in zip(vectors, expected).enumerated() {
            #expect(sentence.count == expected.count, sourceLocation: sourceLocation)
            for (layer, (tokens, expected)) in zip(sentence, expected).enumerated() {
                let own = ELMoReference.digest(tokens)
                for (mine, theirs) in zip(own, expected) {
                    #expect(
                        abs(mine - theirs) < 1e-5, "sentence \(index), layer \(layer): \(own), not \(expected)",
                        sourceLocation: sourceLocation)
                }
            }
        }
    }
}
