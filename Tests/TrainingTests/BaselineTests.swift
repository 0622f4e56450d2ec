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

/// The systems that the continuous output is compared with, trained as it is.
struct BaselineTests {
    struct Baseline: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let network: TrainingData.Network

        init(_ name: String, _ input: InputKind, _ output: OutputKind, shares: Bool = false, _ dropout: DropoutKind = .recurrent) {
            testDescription = name
            network = TrainingData.Network(input: input, output: output, sharesLayers: shares, dropoutKind: dropout)
        }

        static let all = [
            Baseline("ELMo", .characters, .sampledSoftmax, shares: true, .nonRecurrent),
            Baseline("ELMo-A", .embeddings, .adaptiveSoftmax),
            Baseline("ELMo-Sub", .subwords, .subwordSoftmax, shares: true),
            Baseline("characters, continuous", .characters, .continuous),
            Baseline("characters, full softmax", .characters, .softmax),
            Baseline("a table of its own", .subwords, .subwordSoftmax),
            Baseline("embeddings, sampled softmax", .embeddings, .sampledSoftmax),
        ]
    }

    private func train(
        _ data: TrainingData, _ options: TrainingOptions, _ network: TrainingData.Network, threads: Int = 1
    ) throws -> (results: [HeldOutResult], model: [UInt8]) {
        let trainer = try data.trainer(options, threads: threads, network: network)
        var results: [HeldOutResult] = []
        trainer.onEvaluation = { results = $0.results }
        #expect(try trainer.run() == .finished)
        return (results, try data.bytes(of: trainer.encoder))
    }

    @Test(arguments: Baseline.all) func learnsWhatFollows(baseline: Baseline) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(60), merges: baseline.network.merges)
        let (results, _) = try train(data, TrainingData.options(steps: 600), baseline.network)
        #expect(results.map(\.direction) == [.forward, .backward])
        for result in results {
            let scores = result.scores
            // Read backward, units do not say where a word ends.
            let isRanked = baseline.network.input != .subwords || result.direction == .forward
            #expect(isRanked == (scores.positions > 0))
            guard isRanked else { continue }
            #expect(scores.top1 > 2 * scores.unigramTop1 && scores.top1 > 0.5, "\(result)")
            guard baseline.network.output.hasVocabulary else { continue }
            let vocabulary = try #require(result.vocabulary)
            // Eight words and three marks; w8 to w11 are unknown.
            #expect(vocabulary.size == 11 && vocabulary.unknownShare > 0.1 && vocabulary.unknownShare < 0.4)
            #expect(abs(scores.perplexity - exp(result.objective)) < 1e-6)
            #expect(scores.perplexity < 0.6 * scores.unigramPerplexity && scores.perplexity > 1, "\(result)")
        }
    }

    @Test(arguments: Baseline.all) func threadsChangeNothing(baseline: Baseline) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(60), merges: baseline.network.merges)
        let options = TrainingData.options(steps: 12)
        let one = try train(data, options, baseline.network), three = try train(data, options, baseline.network, threads: 3)
        #expect(one.model == three.model)
        var other = options
        other.seed = 2
        #expect(try train(data, other, baseline.network).model != one.model)
    }

    @Test(arguments: Baseline.all, [OptimizerKind.adam, .adagrad])
    func stoppedAndResumedIsNeverStopped(baseline: Baseline, optimizer: OptimizerKind) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(45), shards: 2, merges: baseline.network.merges)
        var options = TrainingData.options(steps: 14)
        options.optimizer = optimizer
        options.lossScale = optimizer == .adagrad ? 7 : nil
        options.accumulation = 2
        let expected = try train(data, options, baseline.network).model
        for stop in [5, 9, Int.max] {
            let trainer = try data.trainer(options, network: baseline.network, checkpoints: data.checkpoints())
            _ = try trainer.resume()
            trainer.shouldStop = { [unowned trainer] in trainer.step == stop }
            _ = try trainer.run()
            if stop == Int.max { #expect(try data.bytes(of: trainer.encoder) == expected) }
        }
    }

    /// Where the text names <unk> itself, that is a word to be ranked; the words that <unk> stands for are none.
    @Test func unknownWordsAreNotRanked() throws {
        let data = try TrainingData(sentences: Array(repeating: ["w0", "w9", "<unk>"], count: 20))
        let input = try TrainingInput(
            table: nil, vocabulary: data.vocabulary(["w0", "<unk>"], merges: nil), tokens: data.tokens, heldOut: nil,
            heldOutEvery: 10, heldOutTokens: 1000, centred: true, threads: 1)
        var configuration = EncoderConfiguration(vectorSize: 0, cell: 8, projection: 4)
        (configuration.input, configuration.output) = (.characters, .softmax)
        configuration.filters = [[1, 4]]
        configuration.vocabularySize = input.words.vocabulary?.size ?? 0
        let options = TrainingData.options(steps: 2)
        let trainer = try Trainer(configuration, options, input, heldOut: nil)
        let heldOut = try #require(try input.heldOutText(configuration, options))
        for model in trainer.encoder.directions {
            let result = try heldOut.score(model, trainingBatch: options.batch)
            #expect(result.scores.positions == 6 && result.scores.coverage == 0.75)
            #expect(result.vocabulary?.unknownShare == 0.5)
        }
    }

    /// A model without an output layer, as others' weights make, is for encoding alone.
    @Test func aModelThatOnlyEncodesIsNotTrained() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(30))
        let error = #expect(throws: ToolError.self) {
            _ = try data.trainer(
                TrainingData.options(steps: 2), network: TrainingData.Network(output: .none))
        }
        #expect(error?.status == .configuration && "\(error!)".contains("without an output layer only encodes"))
    }

    /// The model file has all weights, those of shared layers too.
    @Test(arguments: Baseline.all) func modelsAreReadAsTheyWereWritten(baseline: Baseline) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(30), merges: baseline.network.merges)
        let trainer = try data.trainer(TrainingData.options(steps: 2), network: baseline.network)
        let bytes = try data.bytes(of: trainer.encoder)
        let read = try ModelFile.read(
            data.directory.file("model"), capacity: WindowCapacity(batch: 1, rows: 4), pool: ThreadPool(threads: 1))
        #expect(read.configuration == trainer.encoder.configuration)
        #expect(read.parameterCount == trainer.encoder.parameterCount)
        #expect(try data.bytes(of: read) == bytes)
    }

    /// Weights that are sparse are joined as others are.
    @Test(arguments: Baseline.all.filter { !$0.network.sharesLayers })
    func directionsTrainedApartAreJoined(baseline: Baseline) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(60), merges: baseline.network.merges)
        let options = TrainingData.options(steps: 8)
        let expected = try train(data, options, baseline.network).model
        let paths = try Direction.allCases.map { direction in
            let trainer = try data.trainer(options, directions: [direction], network: baseline.network)
            _ = try trainer.run()
            return try data.directory.write(direction.rawValue, data.bytes(of: trainer.encoder))
        }
        #expect(try data.bytes(of: ModelFile.merge(paths, pool: ThreadPool(threads: 1))) == expected)
    }

    /// Units of words are for the network that reads units, and for no other.
    @Test func unitsAreForSubwords() throws {
        let options = TrainingData.options(steps: 2)
        for (network, merges, hint) in [
            (Baseline.all[2].network, nil, "--input subwords reads units"),
            (Baseline.all[3].network, "abc", "only --input subwords reads units"),
            (TrainingData.Network.continuous, "abc", "only --input subwords reads units"),
        ] as [(TrainingData.Network, String?, String)] {
            let data = try TrainingData(sentences: TrainingData.sentences(30), merges: merges)
            let error = #expect(throws: ToolError.self) { try data.trainer(options, network: network) }
            let text = "\(try #require(error))"
            #expect(error?.status == .configuration && text.contains(hint), "\(text)")
        }
    }

    @Test func directionsThatShareLayersAreNotMerged() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(30))
        let trainer = try data.trainer(TrainingData.options(steps: 2), network: Baseline.all[0].network)
        _ = try data.bytes(of: trainer.encoder)
        let error = #expect(throws: ToolError.self) {
            try ModelFile.merge([data.directory.file("model")], pool: ThreadPool(threads: 1))
        }
        let text = "\(try #require(error))"
        #expect(error?.status == .configuration && text.contains("share layers"))
    }

    @Test func sparseUpdatesAreSaid() throws {
        var options = TrainingData.options(steps: 2)
        func note(_ index: Int) throws -> String {
            let network = Baseline.all[index].network
            let data = try TrainingData(sentences: TrainingData.sentences(30), merges: network.merges)
            return try data.trainer(options, network: network).sparseUpdates ?? ""
        }
        let (sampled, adaptive, tied, table) = (try note(0), try note(1), try note(2), try note(5))
        #expect(sampled.contains("output.weight") && sampled.contains("lazy Adam"))
        #expect(adaptive.isEmpty && tied.isEmpty)
        #expect(table.contains("forward.input.table"))
        options.optimizer = .adagrad
        #expect(try note(0).contains("as dense ones would be"))
    }
}
