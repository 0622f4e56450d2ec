import Files
import Glibc
import Layers
import Model
import Parallel
import Shards
import TestSupport
import Testing
import Training
import WordVectors

/// Training as a whole, on a language so regular that a tiny encoder learns it.
struct TrainerTests {
    static let dimension = 12

    /// Sentences in which every word but the first follows from the one before: w(3k) w(3k+1) w(3k+2), a few times.
    static func sentences(_ count: Int) -> [[String]] {
        (0..<count).map { index in
            (0...(index % 3)).flatMap { repeated -> [String] in
                let start = (index * 5 + repeated * 7) % 4 * 3
                return ["w\(start)", "w\(start + 1)", "w\(start + 2)"]
            }
        }
    }

    struct Data {
        let directory: TemporaryDirectory
        let tokens: String
        let table: String

        init(sentences: [[String]]) throws {
            directory = try TemporaryDirectory()
            tokens = directory.file("tokens")
            table = directory.file("table")
            let pool = WorkerPool(threads: 1)
            let output = try OutputFile(path: tokens, binary: true)
            let writer = try TokenShardWriter(output, tool: "test 1", options: ["mode": "penn"], pool: pool)
            for start in stride(from: 0, to: sentences.count, by: 50) {
                var batch = TokenBatch()
                for sentence in sentences[start..<min(sentences.count, start + 50)] {
                    batch.sentenceLengths.append(UInt32(sentence.count))
                    for word in sentence { batch.ids.append(UInt32(batch.words.insert(word))) }
                }
                try writer.append(batch)
            }
            try writer.finish()
            try output.commit()
            try writeTable(pool)
        }

        private func writeTable(_ pool: WorkerPool) throws {
            let output = try OutputFile(path: table, binary: true)
            let words = (0..<12).map { "w\($0)" } + ["<s>", "</s>"]
            let writer = try TableShardWriter(
                output, tool: "test 1", dimension: dimension, count: words.count, fields: ["generator": "none"], pool: pool)
            for (index, word) in words.enumerated() {
                let row = (0..<dimension).map { Float(sin(Double(index * 17 + $0 * $0 + 1) * 1.3)) }
                try row.withUnsafeBufferPointer { row in
                    try Array(word.utf8).withUnsafeBytes {
                        try writer.append($0, count: index < 12 ? 100 : 0, source: index < 12 ? .pretrained : .special, row: row)
                    }
                }
            }
            let mean = [Float](repeating: 0, count: dimension)
            try mean.withUnsafeBufferPointer { try writer.append(tensor: "mean", shape: [dimension], values: $0) }
            try writer.finish()
            try output.commit()
        }
    }

    /// Trains and returns the scores of the last evaluation and the model's bytes.
    func train(
        _ data: Data, options: TrainingOptions, threads: Int = 1, heldOutEvery: Int = 10, log: String? = nil
    ) throws -> (results: [HeldOutResult], model: [UInt8], steps: Int) {
        let pool = WorkerPool(threads: threads)
        let rows = try WordRows(EmbeddingTable(FileSource(path: data.table), pool: pool), centred: true, file: "table")
        let corpus = try Corpus(
            paths: [data.tokens], rows: rows, heldOutEvery: heldOutEvery, heldOutTokens: 1000, pool: pool)
        let heldOut = HeldOutText(
            corpus.heldOut, rows: rows, batch: options.batch, window: options.window, candidates: 100,
            trainingSentences: corpus.sentences)
        let configuration = try #require(EncoderConfiguration(preset: "tiny", vectorSize: Self.dimension))
        let trainer = Trainer(
            configuration, options: options, corpus: corpus, rows: rows, heldOut: heldOut,
            pool: ThreadPool(threads: threads))
        if let log { trainer.log = try MetricsLog(path: log, resumingAt: 0) }
        var results: [HeldOutResult] = []
        trainer.onEvaluation = { results = $2 }
        #expect(try trainer.run() == .finished)
        let output = try OutputFile(path: data.directory.file("model"), binary: true)
        try ModelFile.write(trainer.encoder, to: output)
        try output.commit()
        return (results, try contents(of: data.directory.file("model")), trainer.totalSteps)
    }

    static func options(steps: Int) -> TrainingOptions {
        var options = TrainingOptions()
        options.batch = 8
        options.window = 7
        options.steps = steps
        options.peakRate = 0.01
        options.evaluations = 2
        return options
    }

    @Test func whatFollowsFromTheWordBeforeIsLearnt() throws {
        let data = try Data(sentences: Self.sentences(400))
        let (results, _, _) = try train(data, options: Self.options(steps: 1000))
        #expect(results.map(\.direction) == [.forward, .backward])
        for result in results {
            #expect(result.loss < 0.6 * result.constantLoss, "\(result)")
            // Of the 7 positions of a sentence of mean length 4 are certain, the others a choice of 4 or 5.
            #expect(result.scores.cosineTop1 > 0.5 && result.scores.top1 > 2 * result.scores.unigramTop1, "\(result)")
            #expect(result.scores.perplexity < 0.6 * result.scores.unigramPerplexity, "\(result)")
        }
    }

    @Test func theSeedAloneDecides() throws {
        let data = try Data(sentences: Self.sentences(100))
        let first = try train(data, options: Self.options(steps: 20)).model
        #expect(try train(data, options: Self.options(steps: 20), threads: 3).model == first)
        var other = Self.options(steps: 20)
        other.seed = 2
        #expect(try train(data, options: other).model != first)
    }

    @Test func epochsAreCountedInPositions() throws {
        let data = try Data(sentences: Self.sentences(120))
        var options = Self.options(steps: 1)
        options.steps = nil
        options.epochs = 2.5
        let positions = Self.sentences(120).reduce(0) { $0 + $1.count + 1 }
        let steps = try train(data, options: options, heldOutEvery: 0).steps
        #expect(steps == Int((2.5 * Double(positions) / 56).rounded(.up)))
    }

    @Test func aRateThatIsFarTooLargeStopsWithTheStepNamed() throws {
        let data = try Data(sentences: Self.sentences(100))
        var options = Self.options(steps: 50)
        options.peakRate = .greatestFiniteMagnitude
        options.clip = nil
        let error = #expect(throws: ToolError.self) { try train(data, options: options) }
        #expect(error?.description.contains("step ") == true && error?.status == .dataError)
    }

    @Test func theLogHoldsALineForEachIntervalAndEvaluation() throws {
        let data = try Data(sentences: Self.sentences(100))
        let log = data.directory.file("log")
        _ = try train(data, options: Self.options(steps: 20), log: log)
        let lines = String(decoding: try contents(of: log), as: UTF8.self).split(separator: "\n")
        #expect(lines.count { $0.contains("\"event\":\"train\"") } == 20)
        #expect(lines.count { $0.contains("\"event\":\"held-out\"") } == 4)
        #expect(lines.last?.contains("\"direction\":\"backward\"") == true && lines.last?.contains("\"unigramTop1\":") == true)
    }

    @Test func wordsWithoutAnyVectorAreNoTargets() throws {
        let data = try Data(sentences: Self.sentences(60).map { $0 + ["unheard"] })
        let (results, _, _) = try train(data, options: Self.options(steps: 5))
        #expect(results.allSatisfy { $0.loss.isFinite && $0.scores.positions > 0 })
    }
}
