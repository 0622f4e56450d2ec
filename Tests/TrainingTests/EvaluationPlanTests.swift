import Model
import TestSupport
import Testing
import Training

/// How often a run is evaluated, and on how much.
struct EvaluationPlanTests {
    private func plan(
        sentences: Int = 400, heldOutEvery: Int = 4, _ change: (inout TrainingOptions) -> Void
    ) throws -> (plan: EvaluationPlan, positions: Int) {
        let data = try TrainingData(sentences: TrainingData.sentences(sentences))
        var options = TrainingData.options(steps: 100)
        options.evaluations = nil
        change(&options)
        let input = try TrainingInput(
            table: data.table, vocabulary: nil, tokens: data.tokens, heldOut: nil, heldOutEvery: heldOutEvery,
            heldOutTokens: 20_000, centred: true, threads: 1)
        let configuration = EncoderConfiguration(vectorSize: TrainingData.dimension, cell: 32, projection: 16)
        let heldOut = try #require(try input.heldOutText(configuration, options))
        return (heldOut.plan, heldOut.positions)
    }

    @Test func whatIsAskedForIsDone() throws {
        let few = try plan { $0.evaluations = 3 }
        #expect(few.plan.interval == 34 && few.plan.count == 3)
        let every = try plan { $0.evaluationInterval = 30 }
        #expect(every.plan.interval == 30 && every.plan.count == 4)
        let none = try plan { $0.evaluations = 0 }
        #expect(none.plan.interval == nil && none.plan.count == 0)
    }

    /// Ten of a long run, fewer of a shorter one, and at last fewer positions.
    @Test func evaluationsTakeAPartOfTheRun() throws {
        let long = try plan { $0.steps = 100_000 }
        #expect(long.plan.count == 10 && long.plan.positions == long.positions)
        var counts: [Int] = []
        for steps in [3000, 100, 10] { counts.append(try plan { $0.steps = steps }.plan.count) }
        #expect(counts[0] > counts[1] && counts[1] > counts[2] && counts[2] == 1, "\(counts)")
    }

    /// Of a text far too long for a short run a part is scored, spread over all of it; a number that was asked for stays.
    @Test func aTextThatIsTooLongIsThinned() throws {
        let sentences = 6000
        let whole = try plan(sentences: sentences, heldOutEvery: 2) { $0.evaluations = 1 }
        let thinned = try plan(sentences: sentences, heldOutEvery: 2) { $0.steps = 2 }
        #expect(thinned.plan.count == 1 && whole.positions > 10_000)
        #expect(thinned.positions <= 2000 && thinned.positions > 1900)
        let asked = try plan(sentences: sentences, heldOutEvery: 2) { ($0.steps, $0.heldOutTokens) = (2, 30_000) }
        #expect(asked.positions == whole.positions)
    }

    @Test(arguments: [10, 95, 100, 101, 150, 1000]) func thinnedSentencesAreSpreadEvenly(limit: Int) {
        var sentences = Sentences()
        for index in 0..<100 { sentences.append([UInt32(index)]) }
        let some = sentences.thinned(toPositions: limit)
        #expect(some.tokenCount + some.count <= max(2, limit) && some.count >= min(100, max(1, limit / 2 - 1)))
        // Every part of the text has its share.
        let first = (0..<some.count).count { some[$0].first ?? 0 < 50 }
        #expect(abs(2 * first - some.count) <= 1)
    }

    /// The last step counts, whatever the interval.
    @Test func remainingEvaluations() throws {
        let data = try TrainingData(sentences: TrainingData.sentences(100))
        var options = TrainingData.options(steps: 20)
        options.evaluationInterval = 8
        let trainer = try data.trainer(options)
        var steps: [Int] = [], isEvaluating: [Int] = []
        trainer.onEvaluation = { steps.append($0.step) }
        trainer.onProgress = { if $0.isEvaluating { isEvaluating.append($0.step) } }
        #expect(try trainer.run() == .finished)
        #expect(steps == [8, 16, 20] && isEvaluating == steps)
    }
}
