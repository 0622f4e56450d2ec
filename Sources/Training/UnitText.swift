import Kernels
import Layers
import Model

/// A held-out text of units of words, step by step, so that words can be ranked where they begin.
struct UnitText {
    let ranking: UnitRanking
    private let words: CorpusWords
    private let batch: Int
    private let steps: [TrainingWindow]

    init(_ sentences: Sentences, _ words: CorpusWords, batch: Int, _ ranking: UnitRanking) {
        self.words = words
        self.batch = batch
        self.ranking = ranking
        var batcher = WindowBatcher(batch: batch, begin: words.begin, end: words.end)
        var steps: [TrainingWindow] = []
        var next = TrainingWindow(batch: batch, window: 1)
        var index = 0
        while batcher.fill(&next, next: { take in
            guard index < sentences.count else { return false }
            take(sentences[index])
            index += 1
            return true
        }) { steps.append(next) }
        self.steps = steps
    }

    /// Ranks the words of the text by the forward direction, which starts from the zero state: all of them, or those of the
    /// first steps, as far as the work for it goes. Throws `ToolError` if the table's file cannot be read any more.
    func score(_ model: DirectionModel) throws -> RankingScores {
        var ranking = ranking
        // A word is as probable as its units, which are read after its place is reached: they are scored before.
        var own: [[Double]] = []
        try forEachStep(model) { _, window, logs, _ in
            let values = model.backend.read(logs)
            own.append(
                (0..<batch).map { Double(values[$0 * logs.columns + Int(words.classNumber(window.forwardTargets[$0]))]) })
            return true
        }
        var count = 0
        for step in steps.indices { for stream in 0..<batch where target(step, stream, own) != nil { count += 1 } }
        try forEachStep(model) { step, _, logs, all in
            ranking.rank(model, logs, of: all, targets: (0..<batch).map { target(step, $0, own) })
        }
        return ranking.finish(positions: count)
    }

    /// The word that begins at a step of a stream, if one does and the text has all of it.
    private func target(_ step: Int, _ stream: Int, _ own: [[Double]]) -> (units: [Int32], logProbability: Double)? {
        let input = steps[step].forwardInputs[stream]
        guard steps[step].weights[stream] == 1, input == words.begin || words.endsWord(input) else { return nil }
        var units: [Int32] = [], logProbability = 0.0
        for later in step..<steps.count where steps[later].weights[stream] == 1 {
            let unit = steps[later].forwardTargets[stream]
            units.append(words.classNumber(unit))
            logProbability += own[later][stream]
            if words.endsWord(unit) { return (units, logProbability) }
        }
        return nil
    }

    /// Calls `body` with each step until it returns false.
    private func forEachStep(_ model: DirectionModel, _ body: (Int, TrainingWindow, Matrix, ClassSubset) -> Bool) throws {
        let classes = model.configuration.vocabularySize
        let buffer = FloatBuffer(count: batch * classes)
        let logs = Matrix(buffer, rows: batch, columns: classes)
        let prepared = DirectionWindow(model.configuration, words, positions: batch)
        let shape = WindowShape(steps: 1, batch: batch)
        let all = model.allClasses()
        model.resetState()
        for (step, window) in steps.enumerated() {
            try prepared.prepare(window, .forward)
            model.advance(prepared.input(rows: batch), shape: shape)
            let state = model.savedState(batch: batch)
            model.logProbabilities(model.states(shape), of: all, into: logs)
            guard body(step, window, logs, all) else { break }
            model.restoreState(state, batch: batch)
        }
        withExtendedLifetime(buffer) {}
    }
}
