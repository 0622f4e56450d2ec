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

/// Training as a whole.
struct TrainerTests {
    /// Trains and returns the scores of the last evaluation and the model's bytes.
    func train(
        _ data: TrainingData, options: TrainingOptions, threads: Int = 1, heldOutEvery: Int = 10, log: String? = nil
    ) throws -> (results: [HeldOutResult], model: [UInt8], steps: Int) {
        let trainer = try data.trainer(options, threads: threads, heldOutEvery: heldOutEvery)
        if let log { trainer.log = try MetricsLog(path: log, resumingAt: 0) }
        var results: [HeldOutResult] = []
        trainer.onEvaluation = { results = $0.results }
        #expect(try trainer.run() == .finished)
        return (results, try data.bytes(of: trainer.encoder), trainer.totalSteps)
    }

    @Test func whatFollowsFromTheWordBeforeIsLearnt() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(400))
        let (results, _, _) = try train(data, options: TrainingData.options(steps: 1000))
        #expect(results.map(\.direction) == [.forward, .backward])
        for result in results {
            let cosine = try #require(result.cosine)
            #expect(cosine.loss < 0.6 * cosine.constantLoss, "\(result)")
            // Of the 7 positions of a sentence of mean length 4 are certain, the others a choice of 4 or 5.
            #expect(result.scores.cosineTop1 ?? 0 > 0.5 && result.scores.top1 > 2 * result.scores.unigramTop1, "\(result)")
            #expect(result.scores.perplexity < 0.6 * result.scores.unigramPerplexity, "\(result)")
        }
    }

    @Test func theSeedAloneDecides() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        let first = try train(data, options: TrainingData.options(steps: 20)).model
        #expect(try train(data, options: TrainingData.options(steps: 20), threads: 3).model == first)
        var other = TrainingData.options(steps: 20)
        other.seed = 2
        #expect(try train(data, options: other).model != first)
    }

    @Test func epochsAreCountedInPositions() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(120))
        var options = TrainingData.options(steps: 1)
        options.steps = nil
        options.epochs = 2.5
        let positions = TrainingData.sentences(120).reduce(0) { $0 + $1.count + 1 }
        let steps = try train(data, options: options, heldOutEvery: 0).steps
        #expect(steps == Int((2.5 * Double(positions) / 56).rounded(.up)))
    }

    @Test func aRateThatIsFarTooLargeStopsWithTheStepNamed() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        var options = TrainingData.options(steps: 50)
        options.peakRate = .greatestFiniteMagnitude
        options.clip = nil
        let error = #expect(throws: ToolError.self) { try train(data, options: options) }
        #expect(error?.description.contains("step ") == true && error?.status == .dataError)
    }

    /// The gradient is finite, but the only update makes infinite weights of it.
    @Test(arguments: LossKind.allCases) func weightsThatAreNoNumbersAreNoModel(loss: LossKind) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        var options = TrainingData.options(steps: 1)
        options.peakRate = 1e38
        options.clip = nil
        options.optimizer = .adam
        let trainer = try data.trainer(options, loss: loss, checkpoints: data.checkpoints())
        trainer.log = try MetricsLog(path: data.directory.file("log"), resumingAt: 0)
        let error = #expect(throws: ToolError.self) { _ = try trainer.run() }
        #expect(error?.status == .dataError, "\(String(describing: error))")
        #expect(error?.description.contains("step ") == true && error?.description.contains(data.tokens[0]) == true)
    }

    @Test func theLogHoldsALineForEachIntervalAndEvaluation() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        let log = data.directory.file("log")
        _ = try train(data, options: TrainingData.options(steps: 20), log: log)
        let lines = String(decoding: try contents(of: log), as: UTF8.self).split(separator: "\n")
        #expect(lines.count { $0.contains("\"event\":\"train\"") } == 20)
        #expect(lines.count { $0.contains("\"event\":\"held-out\"") } == 4)
        #expect(lines.last?.contains("\"direction\":\"backward\"") == true && lines.last?.contains("\"unigramTop1\":") == true)
    }

    @Test func wordsWithoutAnyVectorAreNoTargets() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(60).map { $0 + ["unheard"] })
        let (results, _, _) = try train(data, options: TrainingData.options(steps: 5))
        #expect(results.allSatisfy { $0.cosine?.loss.isFinite == true && $0.scores.positions > 0 })
    }

    @Test func vectorsOfZerosAreNoTargets() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(60), zeroVectors: ["w1", "w4"])
        let rows = try #require(data.input().words.vectors)
        for word in ["w0", "w1", "w4"] {
            let row = Array(word.utf8).withUnsafeBytes { rows.find($0) }
            #expect(row.map(rows.isUsable) == (word == "w0"))
        }
        let (results, _, _) = try train(data, options: TrainingData.options(steps: 5))
        #expect(results.allSatisfy { $0.cosine?.loss.isFinite == true && $0.objective.isFinite })
    }

    @Test func aTextOfUnknownWordsIsRefused() throws {
        let data = try TrainingData(sentences: [["un", "heard"], ["of"]])
        let error = #expect(throws: ToolError.self) { try data.input(heldOutEvery: 0) }
        #expect(error?.status == .dataError && error?.description.contains("none of its words has a vector") == true)
    }

    @Test func aTextShorterThanAStepIsRefused() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(8))
        var options = TrainingData.options(steps: 5)
        options.accumulation = 4
        let error = #expect(throws: ToolError.self) { try data.trainer(options) }
        #expect(error?.status == .configuration && error?.description.contains("fewer than one step takes, 224") == true)
    }

    @Test func aStepTakesAllWindowsThatItAccumulates() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        var options = TrainingData.options(steps: 12)
        options.accumulation = 3
        let trainer = try data.trainer(options)
        var words = 0
        trainer.onProgress = { words = $0.words }
        #expect(try trainer.run() == .finished)
        #expect(words == 12 * 3 * 56)
    }

    @Test(arguments: [OptimizerKind.adagrad, .adam]) func everyOptimiserLearns(optimizer: OptimizerKind) throws {
        let data = try TrainingData(sentences: TrainingData.sentences(200))
        var options = TrainingData.options(steps: 300)
        options.optimizer = optimizer
        options.peakRate = optimizer == .adagrad ? 0.2 : 0.01
        options.schedule = .constant
        options.weightDecay = 1e-3
        let (results, _, _) = try train(data, options: options)
        for result in results {
            let cosine = try #require(result.cosine)
            #expect(cosine.loss < 0.8 * cosine.constantLoss, "\(optimizer): \(result)")
        }
    }

    @Test func theTimeEndsARun() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        var options = TrainingData.options(steps: 1_000_000)
        options.seconds = 0.3
        let trainer = try data.trainer(options)
        #expect(try trainer.run() == .outOfTime)
        #expect(trainer.step > 0 && trainer.step < 1_000_000)
    }

    /// Evaluations count: with one that takes nearly all of the time, hardly a step is made after the first.
    @Test func theTimeCountsEvaluations() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        var options = TrainingData.options(steps: 1_000_000)
        options.seconds = 0.3
        options.evaluations = nil
        options.evaluationInterval = 1
        let trainer = try data.trainer(options)
        #expect(try trainer.run() == .outOfTime)
        let seconds = trainer.seconds
        #expect(seconds.evaluation > 0 && seconds.training < 0.3)
        // Time of training alone goes on whatever evaluations take.
        (options.seconds, options.trainingSeconds) = (nil, 0.05)
        let other = try data.trainer(options)
        #expect(try other.run() == .outOfTime)
        #expect(other.seconds.training >= 0.05)
    }

    /// What the model's file says of its training.
    @Test func theModelKnowsHowItWasTrained() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        let options = TrainingData.options(steps: 20)
        let trainer = try data.trainer(options)
        var last: Evaluation?
        trainer.onEvaluation = { last = $0 }
        _ = try trainer.run()
        let record = try #require(trainer.encoder.records.first)
        #expect(record.steps == 20 && record.words == 20 * 56 && record.batch == 8 && record.window == 7)
        #expect(record.texts.count == 1 && record.sentences == 90 && record.rate == options.peakRate)
        let results = try #require(last).results
        #expect(record.heldOut.map(\.direction) == [.forward, .backward])
        #expect(record.heldOut.map(\.top1) == results.map(\.scores.top1) && record.heldOut.map(\.step) == [20, 20])
        let path = try data.directory.write("trained", data.bytes(of: trainer.encoder))
        let text = try ModelFile.describe(path)
        #expect(text.contains("trained 20 steps, 1120 words") && text.contains("text \(record.texts[0])"))
        #expect(text.contains("held-out forward after step 20") && text.contains("(unigram "))
        let pool = ThreadPool(threads: 1)
        let read = try ModelFile.read(path, capacity: WindowCapacity(batch: 1, rows: 1), pool: pool)
        #expect(read.records == trainer.encoder.records)
    }

    /// A run that is resumed when all is done has the scores of its last evaluation.
    @Test func scoresOutliveAResume() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        let options = TrainingData.options(steps: 20)
        let first: [UInt8]
        do {
            let trainer = try data.trainer(options, checkpoints: data.checkpoints())
            _ = try trainer.run()
            first = try data.bytes(of: trainer.encoder)
        }
        let trainer = try data.trainer(options, checkpoints: data.checkpoints())
        #expect(try trainer.resume() == 20)
        _ = try trainer.run()
        #expect(try data.bytes(of: trainer.encoder) == first)
    }

    /// Trained apart and joined, the directions are what they are when trained together.
    @Test func directionsTrainedApartCanBeJoined() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        let options = TrainingData.options(steps: 15)
        let both = try data.trainer(options)
        _ = try both.run()
        let expected = try data.bytes(of: both.encoder)
        let paths = try Direction.allCases.map { direction in
            let trainer = try data.trainer(options, directions: [direction])
            _ = try trainer.run()
            return try data.directory.write(direction.rawValue, data.bytes(of: trainer.encoder))
        }
        let pool = ThreadPool(threads: 1)
        #expect(try data.bytes(of: ModelFile.merge(paths, pool: pool)) == expected)
        #expect(try data.bytes(of: ModelFile.merge(paths.reversed(), pool: pool)) == expected)
        for wrong in [[paths[0]], [paths[0], paths[0]], []] {
            let error = #expect(throws: ToolError.self) { try ModelFile.merge(wrong, pool: pool) }
            #expect(error?.status == .configuration)
        }
    }

    /// Squared distance has no bound, so a rate that suddenly is far too large drives the gradient up before it is NaN.
    @Test func aRunThatFallsApartSaysSoEarly() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        var options = TrainingData.options(steps: 60)
        do {
            let trainer = try data.trainer(options, loss: .squaredDistance, checkpoints: data.checkpoints())
            #expect(try trainer.run() == .finished)
        }
        options.steps = 90
        options.peakRate = 3
        let trainer = try data.trainer(options, loss: .squaredDistance, checkpoints: data.checkpoints())
        var warnings: [String] = []
        trainer.onWarning = { warnings.append($0) }
        #expect(try trainer.resume() == 60)
        _ = try trainer.run()
        #expect(warnings.first?.contains("the gradient's norm is") == true && warnings.first?.contains("sentence") == true)
    }
}
