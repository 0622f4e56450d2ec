import Glibc
import Kernels
import Layers
public import Model

/// The scores of one direction on the held-out text.
public struct HeldOutResult: Sendable {
    /// Direction that was scored.
    public let direction: Direction
    /// Number of positions of the text; with masked words, of those that are predicted.
    public let positions: Int
    /// Mean of the loss that training minimises, over the positions that have a target; for a sampled softmax, that of the full
    /// softmax.
    public let objective: Double
    /// Mean cosine loss of the continuous output over all positions, and that of the constant vector that is best for exactly these
    /// positions: 1 - |mean of the unit targets|.
    public let cosine: (loss: Double, constantLoss: Double)?
    /// Number of a softmax's classes, and share of the targets that have none.
    public let vocabulary: (size: Int, unknownShare: Double)?
    /// Scores of ranking among the candidates.
    public let scores: RankingScores
    /// Scores over all words, for a continuous output; `nil` before the last evaluation.
    public var exact: ExactScores?
}

/// Exact scores of a continuous output over the whole vocabulary.
public struct ExactScores: Sendable {
    /// Number of words with a probability of their own, including `<unk>` if predictions are scored over a vocabulary.
    public var words = 0
    /// Number of positions that have a probability.
    public var positions = 0
    /// Share of all positions whose word has no probability of its own.
    public var unknownShare = 0.0
    /// Perplexity over the positions that have a probability: all with a vocabulary, otherwise those whose word is in the table.
    public var perplexity: Double?
    /// Positions whose word is not in the table but has a vector from its generator; the shares of them at which the word ranks
    /// first, and within the first ten, among the table's words and all such words; and its median rank, from 1.
    public var open: (positions: Int, top1: Double, top10: Double, medianRank: Int)?
}

/// The held-out text, divided into windows once, and the scoring of models on it.
public final class HeldOutText {
    private let words: CorpusWords
    /// Source of the contrastive output's targets; `nil` for other outputs.
    private let source: TargetSource?
    private let windows: [TrainingWindow]
    /// Words that may replace masked ones.
    private let others: [UInt32]
    private let candidates: [Direction: Candidates]
    /// The text step by step, for ranking whole words, if its tokens are subword units.
    private let unitText: UnitText?
    /// Vocabulary over which a continuous output is scored; `nil` means the table.
    private let vocabulary: OutputVocabulary?
    /// Plan of the evaluations on the text.
    public let plan: EvaluationPlan
    /// Number of words among which predictions are ranked.
    public let candidateCount: Int
    /// Number of positions, or of masked words.
    public let positions: Int
    /// Number of words and ends of sentences, which equals the number of positions unless tokens are subword units. With masked
    /// words, units count as words.
    private let wordPositions: Int

    /// Divides the text into windows of training's shape. Throws `ToolError` if the table's file cannot be read.
    /// - `count`: number of words among which to rank predictions.
    /// - `corpus`: training text, for its words and for the frequency of the marks between its sentences.
    /// - `source`: source of the contrastive output's targets; `nil` for other outputs.
    /// - `vocabulary`: vocabulary over which a continuous output is scored like a softmax; `nil` means the table.
    public init(
        _ sentences: Sentences, _ configuration: EncoderConfiguration, batch: Int, window: Int, candidates count: Int, corpus: Corpus,
        source: TargetSource?, vocabulary: OutputVocabulary? = nil, plan: EvaluationPlan
    ) throws {
        let words = corpus.words, isMasked = configuration.objective == .masked
        self.vocabulary = vocabulary
        self.source = source
        self.words = words
        self.plan = plan
        let batch = min(batch, max(1, sentences.count))
        windows = sentences.windows(batch: batch, window: window, words, configuration.objective)
        others = isMasked ? corpus.otherWords : []
        positions = windows.reduce(0) { sum, window in
            guard isMasked else { return sum + window.positions }
            let count = window.weights.indices.count { MaskedWords.canPredict(window, $0, words) }
            return sum + MaskedWords.count(of: count, share: configuration.maskedShare)
        }
        wordPositions = isMasked ? positions : sentences.count + words.wordCount(sentences.rows)
        if isMasked {
            unitText = nil
            let most = try words.candidates(count, mark: nil, sentences: corpus.sentences)
            candidates = [.bidirectional: most]
            candidateCount = most.count
            source?.makeTargets(most, words)
        } else if words.hasUnits && configuration.encoder.family.carriesState {
            let text = UnitText(
                sentences, words, batch: batch,
                UnitRanking(
                    corpus.wordUnits, count: count, sentences: corpus.sentences, classes: words.vocabulary?.size ?? 0,
                    positions: wordPositions))
            unitText = text
            candidates = [:]
            candidateCount = text.ranking.count
        } else {
            unitText = nil
            candidates = [
                .forward: try words.candidates(count, mark: words.end, sentences: corpus.sentences),
                .backward: try words.candidates(count, mark: words.begin, sentences: corpus.sentences),
            ]
            candidateCount = candidates[.forward]?.count ?? 0
            if let source { for candidates in candidates.values { source.makeTargets(candidates, words) } }
        }
    }

    /// Scores one direction without changing its training state. Throws `ToolError` if the table's file can no longer be read.
    /// - `exactly`: whether to score a continuous output over all words, too, which may take longer than everything else.
    public func score(_ model: DirectionModel, trainingBatch: Int, exactly: Bool = false) throws -> HeldOutResult {
        let saved = model.savedState(batch: trainingBatch)
        defer { model.restoreState(saved, batch: trainingBatch) }
        model.resetState()
        let configuration = model.configuration, isContinuous = configuration.output == .continuous
        let width = isContinuous ? configuration.outputSize : configuration.width
        let memory = model.backend.allocate(positions * width)
        defer { withExtendedLifetime(memory) {} }
        var targets: [UInt32] = []
        targets.reserveCapacity(positions)
        var cosineLoss = 0.0, withoutVector = 0, sum = [Double](repeating: 0, count: width)
        let objective = try forEachWindow(model) { window, prepared, places, shape in
            let rows = Matrix(memory, at: targets.count * width, rows: places.count, columns: width)
            let numbers = prepared.targetWords(of: window)
            guard isContinuous else {
                model.backend.gather(places, of: model.predictedStates(shape), into: rows)
                return targets += places.map { classTarget(numbers[$0]) }
            }
            model.backend.gather(places, of: model.predictions(shape), into: rows)
            if exactly && vocabulary != nil && configuration.isCausal {
                // They fill the places that the others leave, from the end.
                let without = window.weights.indices.filter { window.weights[$0] == 1 && !words.isTarget(numbers[$0]) }
                withoutVector += without.count
                let last = Matrix(memory, at: (positions - withoutVector) * width, rows: without.count, columns: width)
                model.backend.gather(without, of: model.predictions(shape), into: last)
                if !configuration.isContrastive { model.backend.normalize(last) }
            }
            guard case .vectors(let target) = prepared.targets(rows: shape.rows) else {
                return targets += places.map { numbers[$0] }
            }
            model.backend.normalize(rows)
            let own = model.backend.allocate(places.count * width), vectors = Matrix(own, rows: places.count, columns: width)
            model.backend.gather(places, of: target, into: vectors)
            for product in model.backend.rowProducts(rows, vectors) { cosineLoss += 1 - product }
            for (index, value) in model.backend.columnSums(of: vectors).enumerated() { sum[index] += value }
            withExtendedLifetime(own) {}
            targets += places.map { numbers[$0] }
        }
        let count = Double(max(1, targets.count))
        var scores = RankingScores()
        if let candidates = candidates[model.direction] {
            let rows = Matrix(memory, rows: positions, columns: width)
            if source != nil { model.replaceTargets(candidates.matrix, of: candidates.rows) }
            let ranking = isContinuous
                ? Ranking(candidates: candidates, predictions: rows, hasScale: source != nil, backend: model.backend)
                : Ranking(
                    candidates: candidates, states: rows, backend: model.backend,
                    rank: model.ranking(among: candidates.rows.map(Int32.init)))
            scores = ranking.score(targets: targets)
        }
        if isContinuous {
            let resultant = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
            var result = HeldOutResult(
                direction: model.direction, positions: positions, objective: objective.mean,
                cosine: configuration.isContrastive ? nil : (cosineLoss / count, 1 - resultant / count), vocabulary: nil,
                scores: scores)
            if exactly, let scale = configuration.isContrastive ? 1 : scores.scale {
                targets += repeatElement(TableProbabilities.noWord, count: withoutVector)
                let rows = Matrix(memory, rows: targets.count, columns: width)
                result.exact = try exactScores(model, rows, targets, scale: scale)
            }
            return result
        }
        if let unitText, model.direction == .forward { scores = try unitText.score(model) }
        scores.perplexity = exp(objective.mean * objective.count / Double(max(1, wordPositions)))
        let unknown = targets.count { $0 == .max || $0 == UInt32(EncoderConfiguration.Mark.unknown) }
        return HeldOutResult(
            direction: model.direction, positions: positions, objective: objective.mean, cosine: nil,
            vocabulary: (words.vocabulary?.size ?? 0, Double(unknown) / count), scores: scores)
    }

    private func exactScores(
        _ model: DirectionModel, _ predictions: Matrix, _ targets: [UInt32], scale: Double
    ) throws -> ExactScores {
        let vectors = try source?.vectors ?? TargetVectors(model.configuration, words)
        let probabilities = try TableProbabilities(
            model.configuration, words, model.direction, vectors: vectors, vocabulary: vocabulary)
        // Spread evenly over the text.
        let count = min(targets.count, plan.exactPositions)
        let places = (0..<count).map { $0 * targets.count / count }
        let memory = model.backend.allocate(count * predictions.columns)
        let rows = Matrix(memory, rows: count, columns: predictions.columns)
        model.backend.gather(places, of: predictions, into: rows)
        let scores = try probabilities.scores(model, rows, targets: places.map { targets[$0] }, scale: scale)
        var exact = ExactScores(words: probabilities.count, positions: count)
        // Positions that are not targets have a word without a vector.
        let unknown = Double(targets.count) * Double(scores.count { !$0.isKnown }) / Double(max(1, count))
        exact.unknownShare = (unknown + Double(positions - targets.count)) / Double(max(1, positions))
        let logs = scores.compactMap(\.logProbability)
        exact.positions = logs.count
        if !logs.isEmpty { exact.perplexity = exp(-logs.reduce(0, +) / Double(logs.count)) }
        let open = scores.compactMap(\.higherThanOpen)
        if !open.isEmpty {
            func share(_ most: Int) -> Double { Double(open.count { $0 < most }) / Double(open.count) }
            exact.open = (open.count, share(1), share(RankTally.most), 1 + open.sorted()[open.count / 2])
        }
        return exact
    }

    /// Returns the class as which a word must be ranked; none for an unknown word, because predicting that some unknown word comes
    /// predicts no word.
    private func classTarget(_ number: UInt32) -> UInt32 {
        words.hasClass(number) ? UInt32(words.classNumber(number)) : .max
    }

    /// Runs all windows, and calls `body` with each and the places in it that count. Returns the mean loss over these places, and
    /// their number.
    private func forEachWindow(
        _ model: DirectionModel, _ body: (TrainingWindow, DirectionWindow, _ places: [Int], WindowShape) -> Void
    ) throws -> (mean: Double, count: Double) {
        var total = 0.0, counted = 0.0
        let capacity = (windows.first?.batch ?? 0) * (windows.first?.window ?? 0)
        let prepared = DirectionWindow(
            model.configuration, words, model.direction, source: source, others: others, positions: capacity,
            backend: model.backend)
        for (number, window) in windows.enumerated() {
            let shape = WindowShape(steps: window.window, batch: window.batch)
            // The same masks and negatives each time, so that losses are comparable.
            try prepared.prepare(window, draw: model.draw(0, number))
            let places = prepared.places
            total += Double(places.count)
                * model.evaluate(
                    prepared.input(rows: shape.rows), targets: prepared.targets(rows: shape.rows),
                    weights: prepared.weights(rows: shape.rows), masking: prepared.masking, shape: shape, carry: true)
            counted += Double(places.count)
            body(window, prepared, places, shape)
        }
        return (total / max(1, counted), counted)
    }
}

extension Sentences {
    /// Returns the sentences in parallel streams, divided into windows.
    func windows(batch: Int, window: Int, _ words: CorpusWords, _ objective: Objective = .nextWord) -> [TrainingWindow] {
        var batcher = WindowBatcher(batch: batch, begin: words.begin, end: words.end, objective: objective)
        var windows: [TrainingWindow] = [], next = TrainingWindow(batch: batch, window: window), index = 0
        while batcher.fill(&next, next: { take in
            guard index < count else { return false }
            take(self[index])
            index += 1
            return true
        }) { windows.append(next) }
        return windows
    }
}

/// A held-out text of subword units, step by step, so that words can be ranked where they start.
struct UnitText {
    let ranking: UnitRanking
    private let words: CorpusWords
    private let batch: Int
    private let steps: [TrainingWindow]

    init(_ sentences: Sentences, _ words: CorpusWords, batch: Int, _ ranking: UnitRanking) {
        self.words = words
        self.batch = batch
        self.ranking = ranking
        steps = sentences.windows(batch: batch, window: 1, words)
    }

    /// Ranks the words of the text by the forward direction, starting from the zero state: all of them, or those of the first steps
    /// if ranking takes too much work. Throws `ToolError` if the table's file can no longer be read.
    func score(_ model: DirectionModel) throws -> RankingScores {
        var ranking = ranking
        // A word is as probable as its units, which are read after its place is reached, so they are scored first.
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

    /// Returns the word that starts at a step of a stream, if the text contains all of it.
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
        let buffer = model.backend.allocate(batch * classes)
        let logs = Matrix(buffer, rows: batch, columns: classes)
        let prepared = DirectionWindow(
            model.configuration, words, .forward, source: nil, positions: batch, backend: model.backend)
        let shape = WindowShape(steps: 1, batch: batch)
        let all = model.allClasses()
        model.resetState()
        for (step, window) in steps.enumerated() {
            try prepared.prepare(window, draw: model.draw(0, step))
            model.advance(prepared.input(rows: batch), shape: shape)
            let state = model.savedState(batch: batch)
            model.logProbabilities(model.states(shape), of: all, into: logs)
            guard body(step, window, logs, all) else { break }
            model.restoreState(state, batch: batch)
        }
        withExtendedLifetime(buffer) {}
    }
}
