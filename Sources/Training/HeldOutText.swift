import Kernels
import Layers
public import Model

/// What one direction makes of the held-out text.
public struct HeldOutResult: Sendable {
    public let direction: Direction
    /// Mean cosine loss over all positions.
    public let loss: Double
    /// The loss of the constant vector that is best for exactly these positions: 1 - |mean of the unit targets|.
    public let constantLoss: Double
    public let scores: RankingScores
    /// Mean of the loss that training minimises, over the positions that have a target.
    public let objective: Double
}

/// The held-out text, cut into windows once, and the scores of a model on it.
public final class HeldOutText {
    private let rows: WordRows
    private let windows: [TrainingWindow]
    private let candidates: [Direction: Candidates]
    /// How many words a prediction is ranked among.
    public let candidateCount: Int
    /// Positions in all.
    public let positions: Int

    /// - Parameters:
    ///   - sentences: the text.
    ///   - batch, window: the shape in which the model will see it, that of training.
    ///   - count: how many words to rank predictions among.
    ///   - trainingSentences: sentences of the training text, for the frequency of the marks between them.
    /// Throws `ToolError` if the table's file cannot be read.
    public init(
        _ sentences: Sentences, rows: WordRows, batch: Int, window: Int, candidates count: Int, trainingSentences: Int
    ) throws {
        self.rows = rows
        var batcher = WindowBatcher(batch: min(batch, max(1, sentences.count)), begin: rows.begin, end: rows.end)
        var windows: [TrainingWindow] = []
        var next = TrainingWindow(batch: min(batch, max(1, sentences.count)), window: window)
        var index = 0
        while batcher.fill(&next, next: { take in
            guard index < sentences.count else { return false }
            take(sentences[index])
            index += 1
            return true
        }) { windows.append(next) }
        self.windows = windows
        positions = windows.reduce(0) { $0 + $1.positions }
        candidates = [
            .forward: try rows.candidates(count, mark: rows.end, sentences: trainingSentences),
            .backward: try rows.candidates(count, mark: rows.begin, sentences: trainingSentences),
        ]
        candidateCount = candidates[.forward]?.count ?? 0
    }

    /// Scores one direction. Its training state is left as it was.
    public func score(_ model: DirectionModel, trainingBatch: Int) -> HeldOutResult {
        let saved = model.savedState(batch: trainingBatch)
        defer { model.restoreState(saved, batch: trainingBatch) }
        model.resetState()
        let dimension = rows.dimension
        let predictions = FloatBuffer(count: positions * dimension)
        var targets: [UInt32] = []
        targets.reserveCapacity(positions)
        var sum = [Double](repeating: 0, count: dimension)
        var loss = 0.0
        var objective = 0.0, counted: Float = 0
        let capacity = (windows.first?.batch ?? 0) * (windows.first?.window ?? 0)
        var weights = [Float](repeating: 0, count: capacity)
        let inputBuffer = FloatBuffer(count: capacity * dimension), targetBuffer = FloatBuffer(count: capacity * dimension)
        for window in windows {
            let shape = WindowShape(steps: window.window, batch: window.batch)
            let input = Matrix(inputBuffer, rows: shape.rows, columns: dimension)
            let target = Matrix(targetBuffer, rows: shape.rows, columns: dimension)
            let isForward = model.direction == .forward
            let targetRows = isForward ? window.forwardTargets : window.backwardTargets
            rows.gather(isForward ? window.forwardInputs : window.backwardInputs, into: input)
            rows.gather(targetRows, into: target)
            for place in 0..<shape.rows { weights[place] = rows.isUsable(targetRows[place]) ? window.weights[place] : 0 }
            let count = weights.reduce(0, +)
            objective += Double(count)
                * model.evaluate(input, targets: target, weights: weights, shape: shape, carry: true)
            counted += count
            let predicted = model.predictions(shape)
            for place in 0..<shape.rows where weights[place] == 1 {
                let row = predictions.start + targets.count * dimension
                row.update(from: predicted.row(place), count: dimension)
                Vector.normalize(row, count: dimension)
                loss += 1 - Vector.dot(row, target.row(place), count: dimension)
                for index in 0..<dimension { sum[index] += Double(target.row(place)[index]) }
                targets.append(targetRows[place])
            }
        }
        let count = Double(max(1, targets.count))
        let resultant = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        var scores = RankingScores()
        if let candidates = candidates[model.direction] {
            scores = Ranking(candidates: candidates, compute: model.compute).score(predictions: predictions, targets: targets)
        }
        return HeldOutResult(
            direction: model.direction, loss: loss / count, constantLoss: 1 - resultant / count, scores: scores,
            objective: objective / Double(max(1, counted)))
    }
}
