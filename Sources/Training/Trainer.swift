import Files
import Glibc
import Kernels
import Layers
public import Model
public import Parallel

/// Trains an encoder on a corpus, step by step, with evaluations and checkpoints on the way.
///
/// Whatever a run does is decided by its options, its seed and its data: stopped at any step and resumed from the
/// checkpoint, it gives the same losses and the same weights, to the bit.
public final class Trainer {
    /// Called after every step.
    public var onProgress: (TrainingProgress) -> Void = { _ in }
    /// Called after every evaluation, with the results of all directions.
    public var onEvaluation: (_ step: Int, _ words: Int, [HeldOutResult]) -> Void = { _, _, _ in }
    /// Called with a sentence when something looks wrong but training goes on.
    public var onWarning: (String) -> Void = { _ in }
    /// Asked after every step: whether to write a checkpoint and stop.
    public var shouldStop: () -> Bool = { false }
    /// Where metrics go.
    public var log = MetricsLog(nil)
    /// Measures GFLOP/s of large products on this machine: what the speed of training is compared with. Asked at the start
    /// and with every evaluation, since neighbours come and go; the greatest counts.
    public var measureCeiling: (() -> Double)?

    public let encoder: ContextualEncoder
    public let totalSteps: Int
    private let options: TrainingOptions
    private let corpus: Corpus
    private let words: CorpusWords
    private let heldOut: HeldOutText?
    private let checkpoints: CheckpointWriter?
    private let rate: LearningRate
    private let trainingStep: TrainingStep
    private var state: TrainingState
    private var ceiling: Double?
    /// Of the products of all steps of this process, and the words trained on in them.
    private var operations = (sum: 0.0, words: 0)
    private var start: DataPosition?

    /// - Parameter checkpoints: where checkpoints go, and how often.
    public init(
        _ configuration: EncoderConfiguration, options: TrainingOptions, corpus: Corpus, words: CorpusWords,
        heldOut: HeldOutText?, checkpoints: CheckpointWriter? = nil, pool: ThreadPool
    ) {
        self.options = options
        self.corpus = corpus
        self.words = words
        self.heldOut = heldOut
        self.checkpoints = checkpoints
        totalSteps = options.totalSteps(positions: corpus.positions)
        rate = LearningRate(
            options.schedule, peak: options.peakRate, warmupSteps: min(options.warmupSteps, totalSteps / 10),
            totalSteps: totalSteps)
        encoder = ContextualEncoder(
            configuration, capacity: WindowCapacity(batch: options.batch, rows: options.batch * options.window),
            training: options.optimizer.optimizer, pool: pool)
        encoder.initialize(seed: options.seed)
        encoder.units = words.vocabulary?.units ?? []
        trainingStep = TrainingStep(encoder, words, options, rate: rate, corpusName: corpus.name)
        state = TrainingState(options: options, corpus: corpus)
    }

    /// What sparse updates do to the optimiser's arithmetic, in words; `nil` if no weights are updated so.
    public var sparseUpdates: String? {
        let names = encoder.stores.flatMap { $0.layout.parameters.filter(\.isSparse).map(\.name) }
        guard !names.isEmpty else { return nil }
        let effect = switch options.optimizer {
        case .adagrad: "as dense ones would be"
        case .adam: "and their moments wait, as they would not with dense updates (lazy Adam)"
        }
        return "\(names.joined(separator: ", ")): rows are updated in the steps that touch them, \(effect)"
    }

    /// Goes back to the newest checkpoint that is sound. Damaged ones are reported and passed over.
    ///
    /// Returns the step it was made after, `nil` if there is none and training begins at the beginning. Throws
    /// `ToolError`: `dataError` if all are damaged, `configuration` if it is of another run.
    public func resume() throws -> Int? {
        guard let checkpoints else { return nil }
        let found = try checkpoints.newest(for: encoder, rowCount: words.count, warn: onWarning) { [options, corpus] in
            try $0.check(options, corpus, file: $1)
        }
        guard let found else { return nil }
        state = found.state
        state.options = options
        start = found.position
        return state.step
    }

    /// Step that a run goes on after; log lines of later ones are to be forgotten.
    public var step: Int { state.step }

    /// Trains to the end. Throws `ToolError`: `dataError` naming the step if a loss or gradient is not a number, and what
    /// reading, the log and checkpoints throw.
    public func run() throws -> TrainingOutcome {
        let firstStep = state.step
        let stream = WindowStream(
            corpus, batch: options.batch, window: options.window, seed: options.seed, begin: words.begin, end: words.end,
            from: start)
        ceiling = measureCeiling?()
        checkpoints?.begin()
        var position: DataPosition { state.step == firstStep ? start ?? DataPosition() : trainingStep.window.position }
        while outcome == nil {
            try step(stream)
            let isLast = outcome != nil
            if state.interval.steps == logInterval || isLast { try writeInterval() }
            report()
            if isLast { try trainingStep.checkWeights(after: state.step) }
            if isLast || state.step % evaluationInterval == 0 { try evaluate() }
            let isStopped = outcome == nil && shouldStop()
            if isStopped || outcome == nil && checkpoints?.isDue == true {
                try trainingStep.checkWeights(after: state.step)
                try checkpoints?.write(encoder, state, position)
            }
            if isStopped { return .stopped }
        }
        try checkpoints?.write(encoder, state, position)
        if options.patience != nil { try checkpoints?.loadBest(into: encoder) }
        return outcome ?? .finished
    }

    /// Why the run is over, if it is.
    private var outcome: TrainingOutcome? {
        if state.step >= totalSteps { return .finished }
        if let patience = options.patience, state.evaluationsSinceBest >= patience { return .noProgress }
        if let limit = options.seconds, state.seconds >= limit { return .outOfTime }
        return nil
    }

    private func step(_ stream: WindowStream) throws {
        let (begin, waitedBefore) = (monotonicSeconds(), stream.waited)
        try trainingStep.run(state.step, stream)
        state.epoch = trainingStep.window.position.epoch
        state.sentences = trainingStep.window.position.sentences
        let seconds = monotonicSeconds() - begin
        state.step += 1
        state.words += trainingStep.positions
        operations.sum += trainingStep.operations
        operations.words += trainingStep.positions
        state.seconds += seconds
        state.interval.add(
            loss: trainingStep.loss, norm: trainingStep.norm, words: trainingStep.positions, seconds: seconds,
            waited: stream.waited - waitedBefore)
        warnEarly()
        state.smoothedLoss = state.smoothedLoss.map { 0.98 * $0 + 0.02 * trainingStep.loss } ?? trainingStep.loss
        state.smoothedNorm = state.smoothedNorm.map { 0.98 * $0 + 0.02 * trainingStep.norm } ?? trainingStep.norm
    }

    /// A gradient far beyond what it was before announces a run that falls apart.
    private func warnEarly() {
        guard let usual = state.smoothedNorm, state.step > 50, trainingStep.norm > 20 * usual else { return }
        onWarning(
            "step \(state.step): the gradient's norm is \(Float(trainingStep.norm)), and was \(Float(usual)) on average; loss "
                + "\(Float(trainingStep.loss)), in the batch that ends with sentence \(state.sentences) of pass "
                + "\(state.epoch + 1)")
    }

    private var logInterval: Int { max(1, totalSteps / 500) }
    private var evaluationInterval: Int {
        options.evaluationInterval ?? max(1, (totalSteps + options.evaluations - 1) / max(1, options.evaluations))
    }

    private func evaluate() throws {
        guard let heldOut, options.evaluations > 0 || options.evaluationInterval != nil else { return }
        try trainingStep.checkWeights(after: state.step)
        // One after the other, each on all threads: a ranking is one large product.
        let results = try encoder.directions.map { try heldOut.score($0, trainingBatch: options.batch) }
        for result in results {
            try log.write(
                HeldOutMetrics(
                    step: state.step, words: state.words, seconds: state.seconds, candidates: heldOut.candidateCount,
                    result: result))
        }
        onEvaluation(state.step, state.words, results)
        ceiling = measureCeiling.map { max(ceiling ?? 0, $0()) }
        let loss = results.reduce(0) { $0 + $1.objective } / Double(results.count)
        if loss < state.bestLoss ?? .infinity {
            state.bestLoss = loss
            state.evaluationsSinceBest = 0
            try checkpoints?.writeBest(encoder)
        } else {
            state.evaluationsSinceBest += 1
        }
    }

    private func writeInterval() throws {
        let interval = state.interval
        try log.write(
            TrainingMetrics(
                step: state.step, epoch: Double(state.words) / Double(corpus.positions), words: state.words,
                loss: interval.meanLoss, rate: rate(state.step - 1), gradientNorm: interval.largestNorm,
                seconds: state.seconds, wordsPerSecond: interval.wordsPerSecond, ceilingShare: share(interval.wordsPerSecond),
                secondsWaited: interval.waited, memory: peakMemory()))
        state.interval = IntervalSums()
    }

    /// The products of training as a share of the ceiling.
    private func share(_ wordsPerSecond: Double) -> Double? {
        ceiling.map { 1e-9 * operations.sum / Double(max(1, operations.words)) * wordsPerSecond / $0 }
    }

    private func report() {
        let speed = Double(state.words) / max(1e-9, state.seconds)
        var left = Double(totalSteps - state.step) * state.seconds / Double(state.step)
        if let limit = options.seconds { left = min(left, limit - state.seconds) }
        onProgress(
            TrainingProgress(
                step: state.step, totalSteps: totalSteps, words: state.words, loss: state.smoothedLoss ?? 0,
                wordsPerSecond: speed, ceilingShare: share(speed), secondsLeft: left))
    }
}
