public import Files
import Glibc
import Kernels
import Layers
public import Model
public import Parallel

/// Trains an encoder on a corpus, step by step.
public final class Trainer {
    /// What is known after each step, for a progress line.
    public struct Progress: Sendable {
        public let step: Int
        public let totalSteps: Int
        public let words: Int
        /// Mean over the last steps.
        public let loss: Double
        public let wordsPerSecond: Double
        public let secondsLeft: Double
    }

    /// Called after every step.
    public var onProgress: (Progress) -> Void = { _ in }
    /// Called after every evaluation, with the results of all directions.
    public var onEvaluation: (_ step: Int, _ words: Int, [HeldOutResult]) -> Void = { _, _, _ in }

    public let encoder: ContextualEncoder
    public let totalSteps: Int
    private let options: TrainingOptions
    private let corpus: Corpus
    private let rows: WordRows
    private let heldOut: HeldOutText?
    private let log: MetricsLog
    private let rate: LearningRate
    private let tasks: [DirectionTask]
    private var words = 0

    /// Everything one direction needs for a step: its vectors, and what comes out.
    private final class DirectionTask {
        let inputs: FloatBuffer, targets: FloatBuffer
        var weights: [Float]
        var loss = 0.0, norm = 0.0

        init(positions: Int, dimension: Int) {
            inputs = FloatBuffer(count: positions * dimension)
            targets = FloatBuffer(count: positions * dimension)
            weights = [Float](repeating: 0, count: positions)
        }
    }

    /// - Parameters:
    ///   - log: where metrics go, in JSON Lines.
    public init(
        _ configuration: EncoderConfiguration, options: TrainingOptions, corpus: Corpus, rows: WordRows,
        heldOut: HeldOutText?, log: OutputFile?, pool: ThreadPool
    ) {
        self.options = options
        self.corpus = corpus
        self.rows = rows
        self.heldOut = heldOut
        self.log = MetricsLog(log)
        let positions = options.batch * options.window
        let perEpoch = Double(corpus.positions) / Double(positions)
        totalSteps = options.steps ?? max(1, Int((options.epochs * perEpoch).rounded(.up)))
        rate = LearningRate(
            peak: options.peakRate, warmupSteps: min(options.warmupSteps, totalSteps / 10), totalSteps: totalSteps)
        encoder = ContextualEncoder(
            configuration, capacity: WindowCapacity(batch: options.batch, rows: positions), training: true, pool: pool)
        encoder.initialize(seed: options.seed)
        tasks = configuration.directions.map { _ in DirectionTask(positions: positions, dimension: rows.dimension) }
    }

    /// Trains to the last step. Throws `ToolError`: `dataError` naming the step if a loss or gradient is not a number,
    /// and what reading and the log throw.
    public func run() throws {
        var window = TrainingWindow(batch: options.batch, window: options.window)
        var batcher = WindowBatcher(batch: options.batch, begin: rows.begin, end: rows.end)
        var epoch = 0
        var sentences = corpus.shuffled(seed: options.seed, epoch: epoch)
        var interval = Interval(start: now())
        let start = now()
        for step in 0..<totalSteps {
            // Streams run on into the next epoch, so every window is full.
            _ = try batcher.fill(&window) { take in
                if try sentences.nextSentence(take) { return true }
                epoch += 1
                sentences = corpus.shuffled(seed: options.seed, epoch: epoch)
                return try sentences.nextSentence(take)
            }
            try train(window, step: step)
            words += window.positions
            interval.add(tasks, words: window.positions)
            let isLast = step == totalSteps - 1
            if interval.steps == logInterval || isLast {
                try writeInterval(interval, step: step + 1, seconds: now() - start)
                interval = Interval(start: now())
            }
            report(step: step + 1, seconds: now() - start)
            if isLast || options.evaluations > 1 && (step + 1) % evaluationInterval == 0 {
                let before = now()
                try evaluate(step: step + 1)
                interval.start += now() - before
            }
        }
    }

    private var logInterval: Int { max(1, totalSteps / 500) }
    private var evaluationInterval: Int {
        let evaluations = max(1, options.evaluations)
        return max(1, (totalSteps + evaluations - 1) / evaluations)
    }

    private func train(_ window: TrainingWindow, step: Int) throws {
        let shape = WindowShape(steps: window.window, batch: window.batch)
        let adam = Adam()
        let rate = rate(step)
        encoder.forEachDirection { model in
            let task = tasks[encoder.directions.firstIndex { $0 === model } ?? 0]
            let isForward = model.direction == .forward
            let input = Matrix(task.inputs, rows: shape.rows, columns: rows.dimension)
            let target = Matrix(task.targets, rows: shape.rows, columns: rows.dimension)
            let targetRows = isForward ? window.forwardTargets : window.backwardTargets
            rows.gather(isForward ? window.forwardInputs : window.backwardInputs, into: input)
            rows.gather(targetRows, into: target)
            for place in 0..<shape.rows {
                task.weights[place] = rows.isUsable(targetRows[place]) ? window.weights[place] : 0
            }
            task.loss = model.accumulate(
                input, targets: target, weights: task.weights, shape: shape, carry: options.carriesState,
                seed: options.seed, step: step)
            task.norm = model.update(adam, step: step + 1, rate: rate, clip: options.clip)
        }
        for (task, model) in zip(tasks, encoder.directions) where !task.loss.isFinite || !task.norm.isFinite {
            throw ToolError(
                .dataError,
                "training stopped at step \(step + 1), \(model.direction) direction: loss \(task.loss), gradient norm "
                    + "\(task.norm); a smaller --rate may help")
        }
    }

    private func evaluate(step: Int) throws {
        guard let heldOut else { return }
        // One after the other, each on all threads: a ranking is one large product.
        let results = encoder.directions.map { heldOut.score($0, trainingBatch: options.batch) }
        for result in results {
            try log.write(
                HeldOutMetrics(
                    step: step, words: words, direction: result.direction.rawValue, loss: result.loss,
                    constantLoss: result.constantLoss, candidates: heldOut.candidateCount, scores: result.scores))
        }
        onEvaluation(step, words, results)
    }

    private func writeInterval(_ interval: Interval, step: Int, seconds: Double) throws {
        try log.write(
            TrainingMetrics(
                step: step, epoch: Double(words) / Double(corpus.positions), words: words, loss: interval.meanLoss,
                rate: rate(step - 1), gradientNorm: interval.largestNorm, seconds: seconds,
                wordsPerSecond: Double(interval.words) / max(1e-9, now() - interval.start)))
    }

    private var smoothedLoss: Double?

    private func report(step: Int, seconds: Double) {
        let loss = tasks.reduce(0) { $0 + $1.loss } / Double(tasks.count)
        smoothedLoss = smoothedLoss.map { 0.98 * $0 + 0.02 * loss } ?? loss
        onProgress(
            Progress(
                step: step, totalSteps: totalSteps, words: words, loss: smoothedLoss ?? loss,
                wordsPerSecond: Double(words) / max(1e-9, seconds),
                secondsLeft: seconds / Double(step) * Double(totalSteps - step)))
    }

    /// Sums since the last line of the log.
    private struct Interval {
        var start: Double
        var steps = 0, words = 0
        var loss = 0.0, largestNorm = 0.0

        var meanLoss: Double { loss / Double(max(1, steps)) }

        mutating func add(_ tasks: [DirectionTask], words: Int) {
            steps += 1
            self.words += words
            for task in tasks {
                loss += task.loss / Double(tasks.count)
                largestNorm = max(largestNorm, task.norm)
            }
        }
    }
}

/// Seconds on a clock that only goes forward.
private func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
