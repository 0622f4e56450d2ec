import Files
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Model
import Parallel
import Shards
import TestSupport
import Testing
import Training

/// Whole words ranked by a model of units, against every candidate spelt out.
struct UnitRankingTests {
    /// Words that begin alike, so that they must be told apart by later units.
    static let words = [
        ["a@@", "b"], ["a@@", "c@@", "d"], ["b"], ["d"], ["a@@", "c@@", "b"], ["e@@", "b"], ["e"], ["a@@", "d"], ["a@@", "e"],
        ["c@@", "b"], ["c@@", "d"], ["c@@", "c@@", "e"], ["e@@", "d"], ["a@@", "c@@", "e"],
    ]
    static let units = ["a@@", "b", "d", "c@@", "e@@", "e"]
    static let merges = "0123456789abcdef"

    static let sentences: [[Int]] = (0..<70).map { index in (0...(index % 5)).map { (index * 3 + $0 * $0 * 5 + index / 7) % words.count } }

    private func setup() throws -> (data: TrainingData, input: TrainingInput, trainer: Trainer, options: TrainingOptions) {
        let data = try TrainingData(
            sentences: Self.sentences.map { $0.flatMap { Self.words[$0] } }, merges: Self.merges)
        let input = try TrainingInput(
            table: nil, vocabulary: data.vocabulary(Self.units, merges: Self.merges), tokens: data.tokens, heldOut: nil,
            heldOutEvery: 10, heldOutTokens: 1000, centred: true, threads: 1)
        let options = TrainingData.options(steps: 60)
        return try (data, input, trainer(input, options), options)
    }

    private func configuration(_ input: TrainingInput) -> EncoderConfiguration {
        var configuration = EncoderConfiguration(vectorSize: 0, cell: 24, projection: 12)
        configuration.input = .subwords
        configuration.output = .subwordSoftmax
        configuration.vocabularySize = input.words.vocabulary?.size ?? 0
        return configuration
    }

    private func trainer(_ input: TrainingInput, _ options: TrainingOptions) throws -> Trainer {
        try Trainer(configuration(input), options, input, heldOut: nil)
    }

    /// log p of units after others, from the zero state.
    private func logProbability(_ model: DirectionModel, _ before: [Int32], _ units: [Int32]) -> Double {
        model.resetState()
        let logs = OwnedLogs(model.configuration.vocabularySize)
        let all = model.allClasses()
        var total = 0.0
        for (index, number) in (before + units).enumerated() {
            if index >= before.count { total += Double(logs.matrix.row(0)[Int(number)]) }
            let buffer = FloatBuffer(count: 1), unit = Numbers(buffer, count: 1)
            unit[0] = number
            withExtendedLifetime(buffer) { model.advance(.numbers(unit), shape: WindowShape(steps: 1, batch: 1)) }
            let state = model.savedState(batch: 1)
            model.logProbabilities(model.states(WindowShape(steps: 1, batch: 1)), of: all, into: logs.matrix)
            model.restoreState(state, batch: 1)
        }
        return total
    }

    private struct OwnedLogs {
        let buffer: FloatBuffer
        var matrix: Matrix { Matrix(buffer, rows: 1, columns: buffer.count) }

        init(_ count: Int) { buffer = FloatBuffer(count: count) }
    }

    @Test func ranksAreThoseOfAllCandidatesSpeltOut() throws {
        let (data, input, trainer, options) = try setup()
        _ = try trainer.run()
        withExtendedLifetime(data) {}
        let heldOut = try #require(try input.heldOutText(configuration(input), options))
        #expect(heldOut.candidateCount == Self.words.count + 1)
        let model = trainer.encoder.directions[0]
        let scores = try heldOut.score(model, trainingBatch: options.batch).scores
        // Seven sentences for eight streams: each from the zero state.
        let held = Self.sentences.enumerated().filter { $0.offset % 10 == 9 }.map(\.element)
        func numbers(_ units: [String]) -> [Int32] {
            units.map { unit in Array(unit.utf8).withUnsafeBytes { Int32(input.words.find($0) ?? 0) } }
        }
        let candidates = Self.words.map(numbers) + [[1]]
        var first = 0, ten = 0, ranked = 0
        for sentence in held {
            for place in 0...sentence.count {
                let before: [Int32] = [0] + sentence[..<place].flatMap { (word: Int) -> [Int32] in numbers(Self.words[word]) }
                let target = place < sentence.count ? numbers(Self.words[sentence[place]]) : [1]
                let own = logProbability(model, before, target)
                let better = candidates.count { $0 != target && logProbability(model, before, $0) > own }
                first += better == 0 ? 1 : 0
                ten += better < 10 ? 1 : 0
                ranked += 1
            }
        }
        #expect(scores.positions == ranked && scores.coverage == 1)
        #expect(abs(scores.top10 - Double(ten) / Double(ranked)) < 1e-9 && ten < ranked)
        #expect(abs(scores.top1 - Double(first) / Double(ranked)) < 1e-9)
        #expect(first > 0 && first < ranked)
    }

    /// Of equally frequent words the first by bytes is a candidate, as in a vocabulary of words, not that met first.
    @Test func candidatesAreThoseOfAVocabularyOfWords() throws {
        let sentences = (0..<20).map { $0 % 10 == 9 ? ["a@@", "b"] : ["e@@", "b", "a@@", "b"] }
        let data = try TrainingData(sentences: sentences, merges: Self.merges)
        let input = try TrainingInput(
            table: nil, vocabulary: data.vocabulary(Self.units, merges: Self.merges), tokens: data.tokens, heldOut: nil,
            heldOutEvery: 10, heldOutTokens: 1000, centred: true, threads: 1)
        var options = TrainingData.options(steps: 2)
        options.batch = 2
        options.candidates = 2
        let heldOut = try #require(try input.heldOutText(configuration(input), options))
        let scores = try heldOut.score(trainer(input, options).encoder.directions[0], trainingBatch: options.batch).scores
        #expect(heldOut.candidateCount == 2 && scores.positions == 4 && scores.coverage == 1)
    }

    /// As much text as for a model of words, whatever the units.
    @Test func heldOutTokensAreWords() throws {
        let sentences = Array(repeating: ["e@@", "b", "a@@", "c@@", "d"], count: 200)
        let data = try TrainingData(sentences: sentences, merges: Self.merges)
        for (heldOut, every, kept) in [(data.tokens[0], 0, 50), (nil, 2, 50), (nil, 20, 10)] as [(String?, Int, Int)] {
            let input = try TrainingInput(
                table: nil, vocabulary: data.vocabulary(Self.units, merges: Self.merges), tokens: data.tokens, heldOut: heldOut,
                heldOutEvery: every, heldOutTokens: 100, centred: true, threads: 1)
            let positions = try #require(try input.heldOutText(configuration(input), TrainingData.options(steps: 2))).positions
            #expect(positions == kept * 6)
        }
    }

    @Test func perplexityIsOfWords() throws {
        let (_, input, trainer, options) = try setup()
        let heldOut = try #require(try input.heldOutText(configuration(input), options))
        let result = try heldOut.score(trainer.encoder.directions[1], trainingBatch: options.batch)
        let held = Self.sentences.enumerated().filter { $0.offset % 10 == 9 }.map(\.element)
        let words = held.reduce(0) { $0 + $1.count + 1 }
        let units = held.reduce(0) { $0 + $1.reduce(1) { $0 + Self.words[$1].count } }
        #expect(heldOut.positions == units)
        #expect(abs(log(result.scores.perplexity) - result.objective * Double(units) / Double(words)) < 1e-9)
    }

    @Test func textAndVocabularyOfOtherMerges() throws {
        let (data, _, _, _) = try setup()
        for merges in ["ffff", nil] {
            let error = #expect(throws: ToolError.self) {
                try TrainingInput(
                    table: nil, vocabulary: data.vocabulary(Self.units, merges: merges), tokens: data.tokens, heldOut: nil,
                    heldOutEvery: 10, heldOutTokens: 1000, centred: true, threads: 1)
            }
            let text = "\(try #require(error))"
            #expect(error?.status == .configuration && text.contains("units of merges \(Self.merges)"), "\(text)")
        }
    }
}
