import Files
import Glibc
@_spi(HostMemory) import Kernels
import Testing
import Training

/// The order in which the training text is read.
struct CorpusTests {
    /// Sentence i has i % 9 + 1 words, a different one first.
    private static let sentences = (0..<180).map { index in
        (0...(index % 9)).map { "w\((index + $0) % 12)" }
    }

    private func epoch(_ corpus: Corpus, seed: UInt64, _ number: Int) throws -> [[UInt32]] {
        let shuffled = corpus.shuffled(seed: seed, epoch: number)
        var sentences: [[UInt32]] = []
        while try shuffled.nextSentence({ sentences.append(Array($0)) }) {}
        return sentences
    }

    @Test(arguments: [1, 2, 7]) func everySentenceOnceInAnotherOrder(shards: Int) throws {
        let data = try TrainingData(sentences: Self.sentences, shards: shards)
        let input = try data.input(heldOutEvery: 0)
        let first = try epoch(input.corpus, seed: 1, 0)
        let rows = Self.sentences.map { $0.map { word in Array(word.utf8).withUnsafeBytes { input.words.find($0) } } }
        func sorted(_ sentences: [[UInt32]]) -> [String] { sentences.map { "\($0)" }.sorted() }
        #expect(sorted(first) == sorted(rows.map { $0.compactMap(\.self) }))
        let (second, other) = (try epoch(input.corpus, seed: 1, 1), try epoch(input.corpus, seed: 2, 0))
        #expect(sorted(second) == sorted(first) && second != first)
        #expect(sorted(other) == sorted(first) && other != first)
        #expect(try epoch(input.corpus, seed: 1, 0) == first)
    }

    /// Every tenth sentence of the text is held out, in whatever order the shards are read.
    @Test(arguments: [1, 4]) func heldOutSentencesStayOut(shards: Int) throws {
        let data = try TrainingData(sentences: Self.sentences, shards: shards)
        let input = try data.input(heldOutEvery: 10)
        #expect(input.corpus.sentences == 162 && input.corpus.heldOut.count == 18)
        let trained = try epoch(input.corpus, seed: 3, 2)
        #expect(trained.count == 162)
        #expect(trained.reduce(0) { $0 + $1.count } == input.corpus.tokens)
        #expect(input.corpus.tokens + input.corpus.heldOut.tokenCount == Self.sentences.reduce(0) { $0 + $1.count })
    }

    /// A text of the same words that has got the name since training began is not gone on with.
    @Test func aTextThatIsReplaced() throws {
        let data = try TrainingData(sentences: Self.sentences, shards: 2), other = try TrainingData(sentences: Self.sentences.reversed())
        let input = try data.input(heldOutEvery: 0)
        _ = try epoch(input.corpus, seed: 1, 0)
        #expect(rename(other.tokens[0], data.tokens[1]) == 0)
        let error = #expect(throws: ToolError.self) { _ = try epoch(input.corpus, seed: 1, 1) }
        #expect(error?.status == .dataError && error?.description == "\(data.tokens[1]): has changed since training began")
    }

    /// A buffer smaller than the text still gives every sentence once.
    @Test(arguments: [1, 30, 1000]) func aSmallBufferLosesNothing(tokens: Int) throws {
        var blocks = (0..<20).map { block in (0..<5).map { UInt32(block * 5 + $0) } }[...]
        let shuffled = ShuffledSentences(seed: 1, epoch: 0, bufferTokens: tokens) { buffer in
            guard let block = blocks.popFirst() else { return false }
            for row in block { buffer.append([row]) }
            return true
        }
        var seen: [UInt32] = []
        while try shuffled.nextSentence({ seen.append($0[$0.startIndex]) }) {}
        #expect(seen.sorted() == (0..<100).map { UInt32($0) })
        #expect(seen != seen.sorted())
    }

    /// From any window on, a stream that goes on gives what it would have given.
    @Test(arguments: [0, 3, 11]) func aStreamGoesOnFromAnyWindow(stop: Int) throws {
        let data = try TrainingData(sentences: Self.sentences, shards: 3)
        let input = try data.input(heldOutEvery: 7)
        func stream(from position: DataPosition? = nil) -> WindowStream {
            WindowStream(input.corpus, batch: 5, window: 9, seed: 4, from: position)
        }
        var window = TrainingWindow(batch: 5, window: 9)
        let whole = stream()
        var inputs: [[UInt32]] = []
        var position: DataPosition?
        // 40 windows are more than two passes over the text.
        for number in 0..<60 {
            try whole.next(&window)
            inputs.append(window.forwardInputs + window.backwardTargets)
            if number == stop { position = window.position }
        }
        #expect(window.position.epoch >= 2)
        let rest = stream(from: position)
        for number in stop + 1..<60 {
            try rest.next(&window)
            #expect(window.forwardInputs + window.backwardTargets == inputs[number], "window \(number)")
        }
    }
}
