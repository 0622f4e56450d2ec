import Files
import Glibc
public import Kernels
import Layers
import MessagePassing
public import Model
import Parallel

/// Trains an encoder on a corpus, step by step, with evaluations and checkpoints along the way.
///
/// A run is determined by its options, its seed and its data: if it is stopped at any step and resumed from the checkpoint, it has
/// the same losses and weights, to the bit.
public final class Trainer {
    /// Called once, before the first step, with the estimated seconds of the rest of the run.
    public var onStart: (_ secondsLeft: Double) -> Void = { _ in }
    /// Called after every step, and before every evaluation.
    public var onProgress: (TrainingProgress) -> Void = { _ in }
    /// Called after every evaluation.
    public var onEvaluation: (Evaluation) -> Void = { _ in }
    /// Called with a sentence when something looks wrong but training continues.
    public var onWarning: (String) -> Void = { _ in }
    /// Called after every step; returning true writes a checkpoint and stops.
    public var shouldStop: () -> Bool = { false }
    /// The log of metrics, if there is one.
    public var log: MetricsLog?
    /// Measures GFLOP/s of large products on this machine. The speed of training is compared with it, and times are estimated from
    /// it. It is called at the start, and again after evaluations of longer runs, because other processes come and go; the greatest
    /// result is used.
    public var measureCeiling: (() -> Double)?

    /// The encoder being trained.
    public let encoder: ContextualEncoder
    /// Number of steps of the whole run.
    public let totalSteps: Int
    private let options: TrainingOptions
    private let corpus: Corpus
    private let heldOut: HeldOutText?
    private let checkpoints: CheckpointDirectory?
    private let rate: LearningRate
    private let trainingStep: TrainingStep
    private let plan: RankPlan
    /// The ranks that train together; `nil` if this process trains alone.
    private let ranks: Ranks?
    private let remote: RemoteState?
    /// The summary of a step that all ranks get: the loss and the norm of each direction, and three decisions.
    private var summary: [Double]
    private var state: TrainingState
    private var ceiling: Double?
    /// Time at which the ceiling was measured, and the minimum number of seconds between measurements.
    private var measured = 0.0
    private static let measuringInterval = 120.0
    /// Time at which this process started to train, and the seconds that the run had taken before.
    private var begun = (at: 0.0, after: 0.0)
    /// Operations in the products of all steps of this process, and number of words trained on in them.
    private var operations = (sum: 0.0, words: 0)
    private var start: DataPosition?
    /// Seconds waited for other ranks, and bytes sent to them, up to the last line of the log.
    private var reported = (waited: 0.0, sent: 0, thread: 0.0)

    /// Prepares a run. Throws `ToolError`: `usage` if the ranks cannot share the lanes, and if the table's file cannot be read.
    /// - `heldOut`: the held-out text of `input`, if it is to be scored.
    /// - `checkpoints`: directory of checkpoints, if there are to be any.
    /// - `backends`: backends of a device, one for each direction; empty to use the processor.
    /// - `ranks`: ranks that train together, the first of which has the checkpoints and the log; `nil` if this process trains
    ///   alone.
    /// - `precision`: precision in which gradients are sent.
    public init(
        _ configuration: EncoderConfiguration, _ options: TrainingOptions, _ input: TrainingInput, heldOut: HeldOutText?,
        checkpoints: CheckpointDirectory? = nil, backends: [any Backend] = [], ranks: Ranks? = nil,
        precision: SendPrecision = .float32
    ) throws {
        self.options = options
        self.ranks = ranks
        let plan = try RankPlan(
            rank: ranks?.rank ?? 0, ranks: ranks?.count ?? 1, lanes: options.laneCount, batch: options.batch, configuration)
        self.plan = plan
        summary = Array(repeating: 0, count: 2 * configuration.directions.count + 3)
        corpus = input.corpus
        self.heldOut = heldOut
        self.checkpoints = checkpoints
        totalSteps = options.totalSteps(positions: corpus.positions(of: configuration.objective))
        rate = LearningRate(
            options.schedule, peak: options.peakRate, warmupSteps: min(options.warmupSteps, totalSteps / 10),
            totalSteps: totalSteps)
        encoder = ContextualEncoder(
            configuration, capacity: options.capacity, training: options.optimizer.optimizer, pool: input.pool,
            backends: backends)
        // The others belong to other ranks.
        for direction in plan.directions { encoder.directions[direction].initialize(seed: options.seed) }
        encoder.units = input.words.vocabulary?.units ?? []
        let source = try input.targetSource(configuration)
        try source?.initializeTargets(of: encoder, input.words)
        trainingStep = try TrainingStep(
            encoder, corpus, source: source, options, rate: rate, plan: plan, communicator: ranks?.communicator, precision: precision)
        remote = ranks.map { [encoder, trainingStep] in RemoteState(encoder, plan, $0, trainingStep, batch: options.laneBatch) }
        state = TrainingState(options: options, corpus: corpus)
    }

    /// Describes how sparse updates change the optimiser's arithmetic; `nil` if no weights are updated sparsely.
    public var sparseUpdates: String? {
        let names = encoder.stores.flatMap { $0.layout.parameters.filter(\.isSparse).map(\.name) }
        guard !names.isEmpty else { return nil }
        let effect = switch options.optimizer {
        case .adagrad: "as dense ones would be"
        case .adam: "and their moments wait, as they would not with dense updates (lazy Adam)"
        }
        return "\(names.joined(separator: ", ")): rows are updated in the steps that touch them, \(effect)"
    }

    /// Begins with the weights of a finished model where they fit; to be called before `run`, and not after `resume`. The options hold the model's
    /// digest. Returns what was taken. Throws `ToolError` as `ModelFile.inherit` does, and `dataError` if the file is not that model.
    public func begin(from path: String) throws -> ModelInheritance {
        let inheritance = try ModelFile.inherit(from: path, into: encoder)
        guard inheritance.digest == options.initialModel else { throw ToolError.data(path, "", "has changed since training began") }
        return inheritance
    }

    /// Returns to the newest sound checkpoint. Damaged ones are reported and skipped.
    ///
    /// Returns the step after which it was made; `nil` if there is none and training starts from the beginning. Throws `ToolError`:
    /// `dataError` if all are damaged, `configuration` if it belongs to another run.
    public func resume() throws -> Int? {
        let found = try checkpoints?.newest(for: encoder, rowCount: corpus.words.count, warn: onWarning) { [options, corpus] in
            try $0.check(options, corpus, file: $1)
        }
        guard let resumed = try remote?.spread(found) ?? found else { return nil }
        state = resumed.state
        state.options = options
        start = resumed.position
        if remote == nil { try trainingStep.restore(resumed.carried, plan) }
        return state.step
    }

    /// The step after which a run resumes; log lines of later ones must be removed.
    public var step: Int { state.step }

    /// Seconds spent on training, and on evaluations.
    public var seconds: (training: Double, evaluation: Double) { (state.seconds, state.evaluationSeconds ?? 0) }

    /// Returns true if the run would take minutes at `gigaflops` GFLOP/s for each thread, so that measuring is worth its time.
    public func mayTakeMinutes(atGigaflops gigaflops: Double, threads: Int) -> Bool {
        secondsOfTrainingLeft(ceiling: gigaflops * Double(threads)) > 60
    }

    /// Returns the seconds of training left, given the GFLOP/s of large products.
    private func secondsOfTrainingLeft(ceiling: Double) -> Double {
        let words = Double(max(0, totalSteps - state.step)) * Double(options.positionsPerStep)
        return TrainingCost(encoder.configuration).secondsOfTraining(words: words, options, ceiling: ceiling)
    }

    /// Trains to the end. Throws `ToolError`: `dataError` naming the step if a loss or gradient is not finite, and what reading,
    /// the log and checkpoints throw.
    public func run() throws -> TrainingOutcome {
        let firstStep = state.step
        let stream = WindowStream(
            corpus, objective: encoder.configuration.objective, batch: options.batch, window: options.window, seed: options.seed,
            from: start)
        begun = (monotonicSeconds(), state.elapsed ?? state.seconds)
        measure()
        onStart(estimatedSecondsLeft)
        checkpoints?.begin()
        let keepsCheckpoints = try ranks?.spread([checkpoints == nil ? 0 : 1]) == [1] || checkpoints != nil
        var position: DataPosition { state.step == firstStep ? start ?? DataPosition() : trainingStep.window.position }
        func write() throws {
            let carried = try remote?.gather(withMoments: keepsCheckpoints) ?? trainingStep.carried(plan)
            encoder.records = [record]
            try checkpoints?.write(encoder, state, position, carried)
            remote?.forget()
        }
        var end = outcome
        while end == nil {
            try step(stream)
            // Determined once in each step, because the clock runs on.
            end = outcome
            if state.interval.steps == logInterval || end != nil { try writeInterval() }
            report()
            if end != nil { try trainingStep.checkWeights(after: state.step) }
            if heldOut?.plan.isDue(step: state.step, isLast: end != nil) == true { try evaluate(isLast: end != nil) }
            if end == nil && hasLostPatience { end = .noProgress }
            state.elapsed = elapsed
            let isStopped = end == nil && isToStop
            if isStopped || end == nil && isCheckpointDue {
                try trainingStep.checkWeights(after: state.step)
                if keepsCheckpoints { try write() }
            }
            if isStopped { return .stopped }
        }
        try write()
        if options.patience != nil { try checkpoints?.loadBest(into: encoder) }
        return end ?? .finished
    }

    /// The reason why the run is over, if it is.
    private var outcome: TrainingOutcome? {
        if state.step >= totalSteps { return .finished }
        if hasLostPatience { return .noProgress }
        // However short the time, a model without a single step is useless.
        guard state.step > 0 else { return nil }
        return isOutOfTime ? .outOfTime : nil
    }

    /// True if the time is up; with several ranks, by the first rank's clock.
    private var isOutOfTime: Bool { ranks == nil ? isTimeUp : decides(.timeIsUp) }
    private var isTimeUp: Bool {
        if let limit = options.trainingSeconds, state.seconds >= limit { return true }
        if let limit = options.seconds, elapsed + secondsOfLastEvaluation >= limit { return true }
        return false
    }

    /// True if a stop was requested in any rank.
    private var isToStop: Bool { ranks == nil ? shouldStop() : decides(.stop) }
    private var isCheckpointDue: Bool { ranks == nil ? checkpoints?.isDue == true : decides(.checkpoint) }

    /// Decisions that all ranks take together after a step.
    private enum Decision: Int {
        case stop, timeIsUp, checkpoint
    }

    private func decides(_ decision: Decision) -> Bool { summary[summary.count - 3 + decision.rawValue] > 0 }

    /// Learns the losses and norms of all directions, and what to do after this step. Throws `ToolError` if a rank is lost, or if a
    /// loss or gradient is not finite.
    private func agree() throws {
        let count = encoder.directions.count
        for (index, direction) in plan.directions.enumerated() {
            (summary[direction], summary[count + direction]) = (trainingStep.losses[index], trainingStep.norms[index])
        }
        if let ranks {
            summary[2 * count + Decision.stop.rawValue] = shouldStop() ? 1 : 0
            summary[2 * count + Decision.timeIsUp.rawValue] = ranks.isFirst && isTimeUp ? 1 : 0
            summary[2 * count + Decision.checkpoint.rawValue] = checkpoints?.isDue == true ? 1 : 0
            let width = summary.count
            try ranks.summarize(&summary) { [plan] all in
                for (direction, group) in plan.groups.enumerated() {
                    let leader = group.lowerBound * width
                    (all[direction], all[count + direction]) = (all[leader + direction], all[leader + count + direction])
                }
                for decision in 2 * count..<width {
                    for rank in 1..<plan.ranks { all[decision] = max(all[decision], all[rank * width + decision]) }
                }
            }
        }
        for (index, model) in encoder.directions.enumerated() {
            try trainingStep.checkNumbers(model.direction, loss: summary[index], norm: summary[count + index], step: state.step)
        }
    }

    private var lastLoss: Double {
        var sum = 0.0
        for index in encoder.directions.indices { sum += summary[index] / Double(encoder.directions.count) }
        return sum
    }

    /// The largest of the directions' gradient norms.
    private var lastNorm: Double {
        let count = encoder.directions.count
        var norm = 0.0
        for index in count..<2 * count { norm = max(norm, summary[index]) }
        return norm
    }

    private var hasLostPatience: Bool { options.patience.map { state.evaluationsSinceBest >= $0 } ?? false }

    /// Seconds of wall-clock time that the run has taken, without those between a stop and a resume.
    private var elapsed: Double { begun.after + monotonicSeconds() - begun.at }

    /// Seconds that the last evaluation will take, which includes scoring over all words.
    private var secondsOfLastEvaluation: Double {
        guard let plan = heldOut?.plan, plan.interval != nil, let ceiling else { return secondsOfEvaluation }
        return secondsOfEvaluation + plan.secondsOfExactScores(ceiling: ceiling)
    }

    /// Seconds that the next evaluation will take, estimated from previous ones or from the machine's speed.
    private var secondsOfEvaluation: Double {
        guard let plan = heldOut?.plan, plan.interval != nil else { return 0 }
        if let seconds = state.evaluationSeconds, let count = state.evaluations, count > 0 { return seconds / Double(count) }
        // Called in every step, so without a closure, which would be allocated.
        guard let ceiling else { return 0 }
        return plan.secondsOfEvaluation(ceiling: ceiling)
    }

    /// The record of the run for the model's file.
    private var record: TrainingRecord { state.record(positions: corpus.positions, warmupSteps: rate.warmupSteps) }

    private func measure() {
        guard let measureCeiling else { return }
        ceiling = max(ceiling ?? 0, measureCeiling())
        measured = monotonicSeconds()
    }

    private func step(_ stream: WindowStream) throws {
        let (begin, waitedBefore) = (monotonicSeconds(), stream.waited)
        ranks?.communicator.note(step: state.step + 1)
        try trainingStep.run(state.step, stream)
        try agree()
        state.epoch = trainingStep.window.position.epoch
        state.sentences = trainingStep.window.position.sentences
        let seconds = monotonicSeconds() - begin
        state.step += 1
        state.words += trainingStep.positions
        operations.sum += trainingStep.operations
        operations.words += trainingStep.positions
        state.seconds += seconds
        state.interval.add(
            loss: lastLoss, norm: lastNorm, words: trainingStep.positions, seconds: seconds,
            waited: stream.waited - waitedBefore)
        warnEarly()
        state.smoothedLoss = state.smoothedLoss.map { [lastLoss] in 0.98 * $0 + 0.02 * lastLoss } ?? lastLoss
        state.smoothedNorm = state.smoothedNorm.map { [lastNorm] in 0.98 * $0 + 0.02 * lastNorm } ?? lastNorm
    }

    /// Warns of a gradient far larger than before, which announces that a run diverges.
    private func warnEarly() {
        guard let usual = state.smoothedNorm, state.step > 50, lastNorm > 20 * usual else { return }
        onWarning(
            "step \(state.step): the gradient's norm is \(Float(lastNorm)), and was \(Float(usual)) on average; loss "
                + "\(Float(lastLoss)), in the batch that ends with sentence \(state.sentences) of pass "
                + "\(state.epoch + 1)")
    }

    private var logInterval: Int { max(1, totalSteps / 500) }

    private func evaluate(isLast: Bool) throws {
        guard let heldOut else { return }
        try trainingStep.checkWeights(after: state.step)
        report(isEvaluating: true)
        let start = monotonicSeconds()
        // One after another, each on all threads: a ranking is one large product.
        var results: [HeldOutResult] = [], clocks = [start]
        for (direction, model) in encoder.directions.enumerated() where plan.leads(direction) {
            results.append(try heldOut.score(model, trainingBatch: options.laneBatch, exactly: isLast))
            clocks.append(monotonicSeconds())
        }
        if let ranks { results = try ranks.share(results, plan, encoder.directions.map(\.direction)) }
        while clocks.count <= results.count { clocks.append(monotonicSeconds()) }
        state.evaluationSeconds = (state.evaluationSeconds ?? 0) + monotonicSeconds() - start
        state.evaluations = (state.evaluations ?? 0) + 1
        state.heldOut = results.map { TrainingRecord.Scores($0, step: state.step, candidates: heldOut.candidateCount) }
        let evaluation = Evaluation(
            step: state.step, words: state.words, secondsOfTraining: state.seconds, candidates: heldOut.candidateCount,
            results: results)
        for (index, result) in results.enumerated() {
            try log?.write(HeldOutMetrics(result, of: evaluation, seconds: clocks[index + 1] - clocks[index]))
        }
        onEvaluation(evaluation)
        if monotonicSeconds() - measured > Self.measuringInterval { measure() }
        let loss = results.reduce(0) { $0 + $1.objective } / Double(results.count)
        if loss < state.bestLoss ?? .infinity {
            state.bestLoss = loss
            state.evaluationsSinceBest = 0
            encoder.records = [record]
            _ = try remote?.gather(withMoments: false)
            try checkpoints?.writeBest(encoder)
        } else {
            state.evaluationsSinceBest += 1
        }
    }

    private func writeInterval() throws {
        let interval = state.interval
        var metrics = TrainingMetrics(
            step: state.step, epoch: Double(state.words) / Double(corpus.positions), words: state.words,
            loss: interval.meanLoss, rate: rate(state.step - 1), gradientNorm: interval.largestNorm,
            seconds: state.seconds, wordsPerSecond: interval.wordsPerSecond, ceilingShare: share(interval.wordsPerSecond),
            secondsWaited: interval.waited, memory: peakMemory())
        if let ranks {
            let waited = trainingStep.waited + ranks.waited, sent = ranks.communicator.bytesSent
            (metrics.ranks, metrics.secondsWaitedForRanks) = (ranks.count, waited - reported.waited)
            let thread = ranks.communicator.secondsOfThread
            metrics.bytesSent = sent - reported.sent
            metrics.secondsOfCommunicator = thread - reported.thread
            reported = (waited, sent, thread)
        }
        try log?.write(metrics)
        state.interval = IntervalSums()
    }

    /// Returns the speed of training's products as a share of the ceiling.
    private func share(_ wordsPerSecond: Double) -> Double? {
        ceiling.map { 1e-9 * operations.sum / Double(max(1, operations.words)) * wordsPerSecond / $0 }
    }

    /// Seconds that the rest of the run takes, estimated from the machine's speed at large products; 0 if that is unknown.
    private var estimatedSecondsLeft: Double {
        ceiling.map { secondsLeft(training: secondsOfTrainingLeft(ceiling: $0)) } ?? 0
    }

    /// Returns the seconds left, given those of training alone.
    private func secondsLeft(training: Double) -> Double {
        var left = options.trainingSeconds.map { min(training, $0 - state.seconds) } ?? training
        left += Double(heldOut?.plan.remaining(after: state.step, of: totalSteps) ?? 0) * secondsOfEvaluation
        return max(0, options.seconds.map { min(left, $0 - elapsed) } ?? left)
    }

    private func report(isEvaluating: Bool = false) {
        let speed = Double(state.words) / max(1e-9, state.seconds)
        let training = Double(totalSteps - state.step) * state.seconds / Double(state.step)
        onProgress(
            TrainingProgress(
                step: state.step, totalSteps: totalSteps, words: state.words, loss: state.smoothedLoss ?? 0,
                wordsPerSecond: speed, ceilingShare: share(speed),
                secondsLeft: secondsLeft(training: training) + (isEvaluating ? secondsOfEvaluation : 0),
                isEvaluating: isEvaluating))
    }
}
