import Model

/// The times at which a run is evaluated, and the part of the held-out text that is scored.
///
/// Unless `--evaluations` or `--evaluate-every` says otherwise, there are at most ten, and as many as take a tenth of the run's
/// time together. Where one alone would take more, it scores fewer positions, unless `--held-out-tokens` says how many. A continuous
/// output is scored over all words after the last step, at as many of these positions as take another tenth at most. All of
/// this is decided by counting operations, so the same options and text give the same evaluations on every machine.
public struct EvaluationPlan: Sendable, Equatable {
    /// Steps from one evaluation to the next; `nil` if there are none. The last step is always evaluated.
    public let interval: Int?
    /// Evaluations of a run that makes all its steps.
    public let count: Int
    /// Positions of the held-out text that are scored, at most.
    public let positions: Int
    /// Positions at which a continuous output is scored over all words after the last step, at most.
    public let exactPositions: Int
    /// Multiplications and additions of one evaluation's products, in all directions.
    public let operations: Double
    /// Operations of the ceiling's speed that ranking takes beside them, and those of scoring over all words.
    private let operationsBeside, exactOperations: Double

    /// The share of a run's time that all evaluations may take.
    private static let share = 0.1
    private static let most = 10
    /// Scores over fewer positions than these would say little.
    private static let fewestPositions = 2_000

    /// Plans for an epoch of `words` positions, a held-out text of `heldOut` positions, the number of words ranked, and that of all
    /// words that a continuous output may predict.
    init(
        _ configuration: EncoderConfiguration, _ options: TrainingOptions, words: Int, heldOut: Int, candidates: Int,
        vocabulary: Int = 0
    ) {
        let cost = TrainingCost(configuration)
        let steps = options.totalSteps(positions: words)
        // The ceiling cancels out.
        let training = cost.secondsOfTraining(words: Double(steps) * Double(options.positionsPerStep), options, ceiling: 1)
        let position = cost.operationsOfHeldOutPosition(candidates: candidates)
        let beside = cost.operationsBesideProducts(candidates: candidates)
        let whole = TrainingCost.secondsOfEvaluation(operations: Double(heldOut) * (position + beside), ceiling: 1)
        var positions = heldOut, interval: Int?
        if let asked = options.evaluationInterval {
            interval = asked
        } else if let asked = options.evaluations {
            interval = asked > 0 ? steps.quotientRoundedUp(by: asked) : nil
        } else if heldOut > 0 {
            let affordable = Self.share * training / whole
            let count = max(1, min(Self.most, Int(min(affordable, Double(Self.most)))))
            interval = steps.quotientRoundedUp(by: count)
            if affordable < 1 && options.heldOutTokens == nil {
                positions = min(heldOut, max(Self.fewestPositions, Int(affordable * Double(heldOut))))
            }
        }
        let all = Double(configuration.directions.count) * 2 * Double(vocabulary) * Double(configuration.outputSize)
            + cost.operationsBesideProducts(candidates: vocabulary)
        let affordable = Self.share * training / TrainingCost.secondsOfEvaluation(operations: max(1, all), ceiling: 1)
        exactPositions = options.heldOutTokens == nil
            ? min(positions, max(Self.fewestPositions, Int(min(affordable, Double(positions))))) : positions
        exactOperations = configuration.output == .continuous ? Double(exactPositions) * all : 0
        self.interval = heldOut > 0 ? interval : nil
        count = self.interval.map { steps.quotientRoundedUp(by: $0) } ?? 0
        self.positions = positions
        operations = Double(positions) * position
        operationsBeside = Double(positions) * beside
    }

    /// Returns true if there is an evaluation after a step.
    func isDue(step: Int, isLast: Bool) -> Bool { interval.map { isLast || step % $0 == 0 } ?? false }

    /// Evaluations after `step`, of a run of so many steps.
    func remaining(after step: Int, of steps: Int) -> Int {
        guard let interval, step < steps else { return 0 }
        return steps.quotientRoundedUp(by: interval) - step / interval
    }

    /// Seconds that an evaluation takes, at most, on a machine whose large products reach `ceiling` GFLOP/s.
    func secondsOfEvaluation(ceiling: Double) -> Double {
        TrainingCost.secondsOfEvaluation(operations: operations + operationsBeside, ceiling: ceiling)
    }

    /// Seconds that scoring over all words takes after the last step, at most.
    func secondsOfExactScores(ceiling: Double) -> Double {
        exactOperations > 0 ? TrainingCost.secondsOfEvaluation(operations: exactOperations, ceiling: ceiling) : 0
    }
}

extension Int {
    /// The quotient of two positive numbers, rounded up, without a sum that could overflow.
    func quotientRoundedUp(by divisor: Int) -> Int { self / divisor + (self % divisor > 0 ? 1 : 0) }
}
