import Model

/// Multiplications and additions of matrix products, from which times are estimated before anything has been measured.
/// They depend on options and text alone, so what is decided by them is the same on every machine.
struct TrainingCost {
    private let configuration: EncoderConfiguration

    /// Of the ceiling of large products, what training reaches on small and large machines alike; `bench train` measures it.
    static let usualShare = 0.75
    /// What a word costs a direction beside its products, in operations of that speed: reading, shuffling, looking up,
    /// starting small products. It shows in the smallest encoders alone; measured with preset tiny.
    private static let operationsBesideProducts = 150_000.0
    /// An evaluation takes at most this many times the time that its operations take at the ceiling (`bench evaluation`).
    private static let evaluationOverhead = 1.5
    /// What ranking a position among one candidate costs beside the product, in operations of the ceiling's speed: its score is
    /// compared, and the exponential of it added up. It shows where vectors are short.
    private static let operationsOfRanking = 50.0

    init(_ configuration: EncoderConfiguration) { self.configuration = configuration }

    /// Operations of training on a word, in all directions: 6 for each weight that the word meets (a multiplication and an
    /// addition in the forward pass, twice that in the backward pass), and what a loss does that compares the word with the
    /// others of its window.
    func operationsOfWord(_ options: TrainingOptions) -> Double {
        let others = configuration.loss == .maxMargin && configuration.output == .continuous
            ? options.batch * options.window : 0
        return Double(configuration.directions.count)
            * (6 * configuration.weightsOfWord + 2 * Double(others) * Double(configuration.outputSize))
    }

    /// Operations of scoring a held-out position, in all directions.
    /// - Parameter candidates: words that its prediction is ranked among.
    func operationsOfHeldOutPosition(candidates: Int) -> Double {
        let directions = Double(configuration.directions.count)
        let forwardPass = 2 * configuration.weightsOfScoredWord
        switch configuration.output {
        case .continuous: return directions * (forwardPass + 2 * Double(candidates) * Double(configuration.outputSize))
        case .softmax, .sampledSoftmax, .adaptiveSoftmax, .none:
            return directions * (forwardPass + 2 * configuration.outputWeights(ofFirst: candidates))
        case .subwordSoftmax:
            // The forward direction reads the text twice again, and then ranks whole words with a bounded number of steps.
            let ranks = configuration.directions.contains(.forward)
            return forwardPass * (directions + (ranks ? 2 + Double(UnitRanking.workPerWord) : 0))
        }
    }

    /// Operations, of the ceiling's speed, that ranking a held-out position takes beside its products, in all directions.
    func operationsBesideProducts(candidates: Int) -> Double {
        configuration.output == .subwordSoftmax
            ? 0 : Double(configuration.directions.count) * Double(candidates) * Self.operationsOfRanking
    }

    /// Seconds that training on so many words takes, on a machine whose large products reach `ceiling` GFLOP/s.
    func secondsOfTraining(words: Double, _ options: TrainingOptions, ceiling: Double) -> Double {
        let beside = Double(configuration.directions.count) * Self.operationsBesideProducts
        return words * (operationsOfWord(options) + beside) / (Self.usualShare * ceiling * 1e9)
    }

    /// Seconds that an evaluation of so many operations takes at most, on a machine whose large products reach `ceiling`
    /// GFLOP/s.
    static func secondsOfEvaluation(operations: Double, ceiling: Double) -> Double {
        evaluationOverhead * operations / (ceiling * 1e9)
    }
}
