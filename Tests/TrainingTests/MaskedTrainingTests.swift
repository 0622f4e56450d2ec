import Files
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Model
import TestSupport
import Testing
import Training

/// The words that are masked, window by window.
@Suite struct MaskedWordsTests {
    /// Words of a window of `batch` streams, and what is planned for it.
    private struct Setup {
        let data: TrainingData
        let input: TrainingInput
        var configuration = EncoderConfiguration(vectorSize: TrainingData.dimension, cell: 4, projection: 4)
        var window: TrainingWindow

        init(batch: Int = 20, steps: Int = 30, zeroVectors: Set<String> = []) throws {
            data = try TrainingData(sentences: TrainingData.sentences(400), zeroVectors: zeroVectors)
            input = try data.input()
            configuration.objective = .masked
            window = TrainingWindow(batch: batch, window: steps)
            let stream = WindowStream(input.corpus, objective: .masked, batch: batch, window: steps, seed: 1)
            try stream.next(&window)
        }

        func masked() -> MaskedWords {
            MaskedWords(
                configuration, input.words, others: input.corpus.otherWords, positions: window.batch * window.window,
                backend: ProcessorBackend())
        }
    }

    /// Chosen places, those with the mask vector, with another word, and as they were.
    private func fates(_ masked: MaskedWords, _ setup: Setup) -> (chosen: [Int], masked: Set<Int>, random: [Int], kept: [Int]) {
        masked.publish()
        let masking = masked.masking
        let chosen = (0..<masking.rows.count).map { Int(masking.rows[$0]) }.filter { $0 >= 0 }
        let vectors = Set((0..<masking.masked.count).map { Int(masking.masked[$0]) }.filter { $0 >= 0 })
        let others = chosen.filter { !vectors.contains($0) }
        return (
            chosen, vectors, others.filter { masked.inputs[$0] != setup.window.forwardInputs[$0] },
            others.filter { masked.inputs[$0] == setup.window.forwardInputs[$0] }
        )
    }

    @Test func sharesAreAsAskedFor() throws {
        let setup = try Setup(), masked = setup.masked(), words = setup.input.words
        let eligible = setup.window.weights.indices.filter { setup.window.weights[$0] == 1 }
        #expect(eligible.allSatisfy { ![words.begin, words.end].contains(setup.window.forwardInputs[$0]) })
        let count = Int((0.15 * Double(eligible.count)).rounded()), rows = setup.configuration.predictedRows(of: 600)
        #expect(rows == 90 && count < rows)
        var sums = (chosen: 0, masked: 0, random: 0, kept: 0), often = [Int](repeating: 0, count: 600), drawn: [UInt32: Int] = [:]
        let draws = 400
        for step in 0..<draws {
            masked.plan(setup.window, draw: Draw(seed: 7, step: step))
            let fates = fates(masked, setup)
            #expect(fates.chosen.count == count && fates.chosen == fates.chosen.sorted() && Set(fates.chosen).count == count)
            #expect(fates.chosen.allSatisfy { setup.window.weights[$0] == 1 } && fates.masked.isSubset(of: fates.chosen))
            for (row, place) in fates.chosen.enumerated() {
                #expect(masked.targets[row] == setup.window.forwardInputs[place] && masked.masking.places[place] == Int32(row))
                often[place] += 1
            }
            #expect(masked.counted == (0..<rows).map { $0 < count ? 1 : 0 })
            #expect((0..<600).count { masked.masking.places[$0] >= 0 } == count)
            // Nothing else is read in any other way.
            for place in 0..<600 where masked.masking.places[place] < 0 { #expect(masked.inputs[place] == setup.window.forwardInputs[place]) }
            for place in fates.masked { #expect(masked.inputs[place] == words.begin) }
            for place in fates.random { drawn[masked.inputs[place], default: 0] += 1 }
            sums = (sums.chosen + count, sums.masked + fates.masked.count, sums.random + fates.random.count, sums.kept + fates.kept.count)
        }
        // Within five standard deviations. One random word in twelve is the word itself.
        func isNear(_ number: Int, _ share: Double, of total: Int) -> Bool {
            abs(Double(number) - share * Double(total)) < 5 * (Double(total) * share * (1 - share)).squareRoot()
        }
        #expect(isNear(sums.masked, 0.8, of: sums.chosen), "\(sums)")
        #expect(isNear(sums.random, 0.1 * 11 / 12, of: sums.chosen) && isNear(sums.kept, 0.1 + 0.1 / 12, of: sums.chosen), "\(sums)")
        for place in eligible { #expect(isNear(often[place], Double(count) / Double(eligible.count), of: draws), "\(place): \(often[place])") }
        // Every word of the text, and no mark.
        #expect(drawn.count == 12 && Set(drawn.keys).isDisjoint(with: [words.begin, words.end]))
        for (word, times) in drawn { #expect(isNear(times, 1.0 / 12, of: sums.random), "\(word): \(times)") }
    }

    @Test func seedAndStepDecide() throws {
        let setup = try Setup(), one = setup.masked(), other = setup.masked()
        func rows(_ masked: MaskedWords, seed: UInt64, step: Int) -> ([Int], [UInt32]) {
            masked.plan(setup.window, draw: Draw(seed: seed, step: step))
            return (fates(masked, setup).chosen, masked.inputs)
        }
        _ = rows(other, seed: 3, step: 8)
        let first = rows(one, seed: 1, step: 5)
        #expect(first == rows(other, seed: 1, step: 5))
        #expect(first.0 != rows(one, seed: 1, step: 6).0 && first.0 != rows(one, seed: 2, step: 5).0)
    }

    @Test func allWordsOrOne() throws {
        var setup = try Setup(batch: 3, steps: 4)
        let eligible = setup.window.weights.count { $0 == 1 }
        for (share, count) in [(1.0, eligible), (0.001, 1)] {
            setup.configuration.maskedShare = share
            let masked = setup.masked()
            masked.plan(setup.window, draw: Draw(seed: 1, step: 0))
            #expect(fates(masked, setup).chosen.count == count)
        }
        setup.configuration.maskedShare = 1
        for (vector, random) in [(1.0, 0.0), (0, 1), (0, 0)] {
            (setup.configuration.maskVectorShare, setup.configuration.randomWordShare) = (vector, random)
            let masked = setup.masked()
            masked.plan(setup.window, draw: Draw(seed: 1, step: 0))
            #expect(fates(masked, setup).masked.count == (vector == 1 ? eligible : 0))
            if random == 0 && vector == 0 { #expect(masked.inputs == setup.window.forwardInputs) }
        }
    }

    @Test func wordsWithoutAVectorAreNeitherPredictedNorReadInPlaceOfOthers() throws {
        let setup = try Setup(zeroVectors: ["w1", "w4"]), masked = setup.masked(), words = setup.input.words
        let zeros = ["w1", "w4"].compactMap { word in Array(word.utf8).withUnsafeBytes { words.find($0) } }
        #expect(zeros.count == 2 && Set(setup.input.corpus.otherWords).isDisjoint(with: zeros) && setup.input.corpus.otherWords.count == 10)
        for step in 0..<50 {
            masked.plan(setup.window, draw: Draw(seed: 1, step: step))
            #expect(fates(masked, setup).chosen.allSatisfy { !zeros.contains(setup.window.forwardInputs[$0]) })
        }
    }
}

/// Whole training of masked words.
@Suite struct MaskedTrainingTests {
    struct Variant: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var loss = LossKind.cosine
        var network = TrainingData.Network.continuous
        var change: @Sendable (inout EncoderConfiguration) -> Void = { _ in }

        static let all = LossKind.allCases.map { loss in
            Variant(testDescription: loss.rawValue, loss: loss) { if loss == .contrastive { $0.negatives = 10 } }
        } + [
            Variant(testDescription: "contrastive, mapped, of the window", loss: .contrastive) {
                ($0.targets, $0.negativeSource, $0.learnsScale) = (.mapped, .window, true)
            },
            Variant(testDescription: "contrastive, trained, of earlier windows", loss: .contrastive) {
                ($0.targets, $0.negativeSource) = (.trained, .earlier)
            },
            Variant(testDescription: "softmax", network: .init(output: .softmax)),
            Variant(testDescription: "sampled softmax", network: .init(output: .sampledSoftmax)),
            Variant(testDescription: "adaptive softmax", network: .init(output: .adaptiveSoftmax)),
            Variant(testDescription: "characters", network: .init(input: .characters, output: .softmax)),
            Variant(testDescription: "subwords", network: .init(input: .subwords, output: .subwordSoftmax)),
            Variant(testDescription: "subwords, tied", network: .init(input: .subwords, output: .subwordSoftmax)) { $0.isTied = true },
            Variant(testDescription: "gated recurrent units") { $0.encoder = .gru(shape: GRUShape(cell: 16)) },
            Variant(testDescription: "no layer norm, no projection") {
                ($0.lstm.layerNorm, $0.lstm.projection, $0.lstm.cell) = (false, nil, 16)
            },
        ]
    }

    private func trainer(
        _ data: TrainingData, _ options: TrainingOptions, _ variant: Variant, threads: Int = 1, checkpoints: CheckpointDirectory? = nil
    ) throws -> Trainer {
        try data.trainer(options, threads: threads, loss: variant.loss, network: variant.network, checkpoints: checkpoints) {
            $0.objective = .masked
            $0.maskedShare = 0.25
            variant.change(&$0)
        }
    }

    /// Words that follow from those around them are learnt.
    @Test(arguments: Variant.all) func theTextIsLearnt(variant: Variant) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(300), merges: variant.network.merges)
        var options = TrainingData.options(steps: 150)
        options.evaluations = 3
        let trainer = try trainer(data, options, variant)
        var results: [HeldOutResult] = []
        trainer.onEvaluation = { results += $0.results }
        #expect(try trainer.run() == .finished)
        #expect(results.map(\.direction) == [.bidirectional, .bidirectional, .bidirectional])
        #expect(results[2].objective < results[0].objective && results.allSatisfy { $0.objective.isFinite }, "\(results.map(\.objective))")
        let scores = results[2].scores
        // The words of a sentence are a quarter of the text's, and each is certain by its neighbours.
        #expect(scores.top1 > 1.5 * scores.unigramTop1 && scores.positions > 20, "\(scores)")
        #expect(scores.positions <= results[2].positions && results[2].positions < 60)
        if variant.network.output == .continuous {
            #expect(results[2].exact?.perplexity ?? .infinity < 12 && results[2].exact?.words == 12, "\(String(describing: results[2].exact))")
        } else {
            #expect(abs(scores.perplexity - exp(results[2].objective)) < 1e-6 * scores.perplexity)
        }
    }

    /// A run that stops twice and goes on, with other numbers of threads, gives the bytes of one that never stops.
    @Test(arguments: [0, 4, 6, 10]) func stoppedAndResumedIsNeverStopped(variant: Int) throws {
        let variant = Variant.all[variant], data = try TrainingData(sentences: TrainingData.sentences(45), shards: 3, merges: variant.network.merges)
        var options = TrainingData.options(steps: 24)
        options.accumulation = 2
        func run(_ name: String, stops: [Int]) throws -> [UInt8] {
            for (index, stop) in (stops + [Int.max]).enumerated() {
                let trainer = try trainer(data, options, variant, threads: 1 + index % 2, checkpoints: data.checkpoints(name))
                if index > 0 { #expect(try trainer.resume() == stops[index - 1]) }
                trainer.shouldStop = { [unowned trainer] in trainer.step == stop }
                #expect(try trainer.run() == (stop == Int.max ? .finished : .stopped))
                if stop == Int.max { return try data.bytes(of: trainer.encoder) }
            }
            return []
        }
        let whole = try run("whole", stops: [])
        #expect(try run("parts", stops: [1, 13]) == whole)
    }

    @Test func evaluationsChangeNothing() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        let models = try [1, 5].map { evaluations -> [UInt8] in
            var options = TrainingData.options(steps: 20)
            options.evaluations = evaluations
            let trainer = try trainer(data, options, Variant.all[0])
            #expect(try trainer.run() == .finished)
            trainer.encoder.records = []
            return try data.bytes(of: trainer.encoder)
        }
        #expect(models[0] == models[1])
    }

    @Test func epochsCountBothMarksAndWordsOne() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(120))
        var options = TrainingData.options(steps: 1)
        (options.steps, options.epochs) = (nil, 2)
        let trainer = try data.trainer(options, heldOutEvery: 0) { $0.objective = .masked }
        let sentences = TrainingData.sentences(120), words = sentences.reduce(0) { $0 + $1.count }
        #expect(trainer.totalSteps == Int((2 * Double(words + 2 * 120) / 56).rounded(.up)))
        var trained = 0
        trainer.onProgress = { trained = $0.words }
        #expect(try trainer.run() == .finished)
        #expect(abs(trained - 2 * (words + 120)) < 56, "\(trained)")
    }
}

/// Windows of sentences with both marks.
@Suite struct MaskedWindowTests {
    private func windows(_ sentences: [[UInt32]], batch: Int, window: Int) -> [TrainingWindow] {
        var batcher = WindowBatcher(batch: batch, begin: 100, end: 101, objective: .masked), rest = sentences[...]
        var windows: [TrainingWindow] = [], next = TrainingWindow(batch: batch, window: window)
        while batcher.fill(&next, next: { take in
            guard let sentence = rest.popFirst() else { return false }
            take(sentence[...])
            return true
        }) { windows.append(next) }
        return windows
    }

    @Test func sentencesHaveBothMarks() {
        let windows = windows([[1, 2, 3], [], [101, 4]], batch: 1, window: 6)
        #expect(windows.map(\.forwardInputs) == [[100, 1, 2, 3, 101, 100], [101, 100, 101, 4, 101, 101]])
        #expect(windows.map(\.forwardTargets) == windows.map(\.forwardInputs))
        #expect(windows.map(\.weights) == [[0, 1, 1, 1, 0, 0], [0, 0, 0, 1, 0, 0]])
        // Words and ends.
        #expect(windows.map(\.positions) == [4, 4])
    }

    @Test(arguments: [1, 2, 3]) func noWordIsLostWhateverTheWindow(size: Int) {
        let sentences = (0..<20).map { index in (0..<index % 4).map { UInt32(index * 4 + $0) } }
        let windows = windows(sentences, batch: 2, window: size)
        let words = windows.flatMap { window in window.weights.indices.filter { window.weights[$0] == 1 }.map { window.forwardInputs[$0] } }
        #expect(words.sorted() == sentences.flatMap { $0 }.sorted())
        #expect(windows.reduce(0) { $0 + $1.positions } == words.count + 20)
    }

    @Test func positionsAreSaved() {
        var one = WindowBatcher(batch: 2, begin: 100, end: 101, objective: .masked), rest = (0..<30).map { [UInt32($0), 50] }[...]
        var window = TrainingWindow(batch: 2, window: 3)
        func next(_ take: (ArraySlice<UInt32>) -> Void) -> Bool {
            guard let sentence = rest.popFirst() else { return false }
            take(sentence[...])
            return true
        }
        for steps in 1..<9 {
            #expect(one.fill(&window, next: next))
            var position = DataPosition()
            one.save(into: &position)
            var other = WindowBatcher(batch: 2, begin: 100, end: 101, objective: .masked, from: position)
            let left = rest
            var expected = TrainingWindow(batch: 2, window: 3), found = expected
            var copy = one
            #expect(copy.fill(&expected, next: next))
            rest = left
            #expect(other.fill(&found, next: next))
            rest = left
            #expect(found.forwardInputs == expected.forwardInputs && found.weights == expected.weights, "\(steps)")
        }
    }
}
