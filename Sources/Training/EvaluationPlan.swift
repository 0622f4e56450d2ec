import Model

/// The times at which a run is evaluated, and the amount of held-out text that is scored.
///
/// Unless `--evaluations` or `--evaluate-every` says otherwise, there are at most ten evaluations, and as many as take a tenth of
/// the run's time together. If a single one would take more, it scores fewer positions, unless `--held-out-tokens` sets their
/// number. After the last step, a continuous output is scored over all words, at as many of these positions as take at most another
/// tenth. All of this is determined by counting operations, so that the same options and text give the same evaluations on every
/// machine.
public struct EvaluationPlan: Sendable, Equatable {
    /// Steps between evaluations; `nil` if there are none. The last step is always evaluated.
    public let interval: Int?
    /// Number of evaluations of a run that makes all its steps.
    public let count: Int
    /// Maximum number of positions of the held-out text that are scored.
    public let positions: Int
    /// Maximum number of positions at which a continuous output is scored over all words after the last step.
    public let exactPositions: Int
    /// Multiplications and additions in the products of one evaluation, in all directions.
    public let operations: Double
    /// Operations that ranking takes in addition, at the ceiling's speed, and those of scoring over all words.
    private let operationsBeside, exactOperations: Double

    /// Share of a run's time for all evaluations together.
    private static let share = 0.1
    private static let most = 10
    /// Scores over fewer positions would mean little.
    private static let fewestPositions = 2_000

    /// Plans evaluations for an epoch of `words` positions, a held-out text of `heldOut` positions, the number of words ranked, and
    /// the number of all words that a continuous output may predict.
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

    /// Returns true if a step is followed by an evaluation.
    func isDue(step: Int, isLast: Bool) -> Bool { interval.map { isLast || step % $0 == 0 } ?? false }

    /// Returns the number of evaluations after `step` in a run of this many steps.
    func remaining(after step: Int, of steps: Int) -> Int {
        guard let interval, step < steps else { return 0 }
        return steps.quotientRoundedUp(by: interval) - step / interval
    }

    /// Returns the maximum seconds of an evaluation on a machine whose large products reach `ceiling` GFLOP/s.
    func secondsOfEvaluation(ceiling: Double) -> Double {
        TrainingCost.secondsOfEvaluation(operations: operations + operationsBeside, ceiling: ceiling)
    }

    /// Returns the maximum seconds of scoring over all words after the last step.
    func secondsOfExactScores(ceiling: Double) -> Double {
        exactOperations > 0 ? TrainingCost.secondsOfEvaluation(operations: exactOperations, ceiling: ceiling) : 0
    }
}

extension Int {
    /// Returns the quotient of two positive numbers rounded up, without a sum that could overflow.
    func quotientRoundedUp(by divisor: Int) -> Int { self / divisor + (self % divisor > 0 ? 1 : 0) }
}
