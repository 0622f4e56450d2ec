import Model
import Testing

/// Choices of input and output layers that make no network.
struct OuterLayerTests {
    private func complaint(_ change: (inout EncoderConfiguration) -> Void) -> String {
        var configuration = EncoderConfiguration(vectorSize: 10, cell: 8, projection: 4)
        configuration.vocabularySize = 1000
        change(&configuration)
        return configuration.complaint ?? ""
    }

    /// What characters and logits take is part of what training takes.
    @Test func memoryOfOuterLayers() {
        func bytes(_ change: (inout EncoderConfiguration) -> Void) -> Double {
            var configuration = EncoderConfiguration(vectorSize: 10, cell: 8, projection: 4)
            change(&configuration)
            return configuration.trainingBytes(batch: 600, window: 200)
        }
        let plain = bytes { _ in }
        // Twelve and more numbers for each of 2,048 features of a position, and of two directions.
        #expect(bytes { $0.input = .characters } - plain > 2 * 4 * 12 * 2048 * 120_000)
        let softmax = bytes { ($0.output, $0.vocabularySize) = (.softmax, 1 << 20) }
        #expect(softmax - plain > 2 * 512e6)
        // Sparse weights have no gradients to speak of.
        #expect(softmax - bytes { ($0.output, $0.vocabularySize) = (.sampledSoftmax, 1 << 20) } >= 2 * 4 * 4 * Double(1 << 20))
    }

    @Test func complaints() {
        #expect(complaint { _ in }.isEmpty)
        #expect(complaint { $0.output = .sampledSoftmax }.contains("negatives is 8192"))
        #expect(complaint { ($0.output, $0.negatives) = (.sampledSoftmax, 999) }.isEmpty)
        #expect(complaint { ($0.output, $0.negatives) = (.sampledSoftmax, 0) }.contains("negatives is 0"))
        #expect(complaint { ($0.output, $0.cutoffs) = (.adaptiveSoftmax, [100, 1000]) }.contains("below the size"))
        #expect(complaint { ($0.output, $0.cutoffs) = (.adaptiveSoftmax, []) }.contains("--cutoffs"))
        #expect(complaint { ($0.output, $0.cutoffs) = (.adaptiveSoftmax, [10, 999]) }.isEmpty)
        #expect(complaint { ($0.output, $0.vocabularySize) = (.softmax, 0) }.contains("vocabularySize is 0"))
        #expect(complaint { $0.output = .subwordSoftmax }.contains("needs the input"))
        #expect(complaint { ($0.input, $0.output) = (.characters, .subwordSoftmax) }.contains("needs the input"))
        #expect(complaint { ($0.input, $0.output) = (.subwords, .subwordSoftmax) }.isEmpty)
        #expect(complaint { $0.input = .subwords }.contains("subwords as input"))
        #expect(complaint { $0.isTied = true }.contains("one table"))
        #expect(complaint { ($0.input, $0.filters) = (.characters, []) }.contains("filters"))
        #expect(complaint { ($0.input, $0.filters) = (.characters, [[51, 1]]) }.contains("width from 1 to 50"))
        #expect(complaint { ($0.input, $0.filters) = (.characters, [[1]]) }.contains("WIDTH:COUNT"))
        #expect(complaint { ($0.input, $0.filters) = (.characters, [[2, 4], [2, 8]]) }.contains("of one width"))
        #expect(complaint { ($0.input, $0.highways) = (.characters, -1) }.contains("highways is -1"))
        #expect(complaint { ($0.input, $0.inputSize) = (.characters, 0) }.isEmpty)
        #expect(complaint { $0.outputSize = 0 }.contains("outputSize"))
        #expect(complaint { ($0.output, $0.outputSize) = (.none, 0) }.isEmpty)
        #expect(complaint { ($0.input, $0.longestWord) = (.characters, 2) }.contains("longestWord is 2"))
        #expect(complaint { ($0.input, $0.longestWord, $0.filters) = (.characters, 60, [[51, 1]]) }.isEmpty)
        #expect(complaint { ($0.input, $0.markNames) = (.characters, ["<S>", "<S>"]) }.contains("two different words"))
        #expect(complaint { $0.lstm.projection = 0 }.contains("projection is 0"))
        #expect(complaint { $0.lstm.projection = nil }.isEmpty)
    }
}
