import Files
import Kernels
import Layers
public import Model
import Parallel
import Shards

extension TrainingInput {
    /// Estimates memory and time of a run, by layer, in lines of a name, a tab and a figure, for reading and for `cut`.
    /// - `onDevice`: whether a device trains, whose speed and memory are not estimated.
    /// - `plan`: the part of the run that this rank has, if there are several; `nil` means all of it. Memory is that of this rank.
    /// - `precision`: precision in which ranks send gradients.
    public func estimate(
        _ configuration: EncoderConfiguration, _ options: TrainingOptions, onDevice: Bool = false, plan: RankPlan? = nil,
        precision: SendPrecision = .float32
    ) throws -> String {
        // Measured first: the memory of the program, and of the buffers for reading.
        let read = peakMemory()
        let epoch = corpus.positions(of: configuration.objective), steps = options.totalSteps(positions: epoch)
        let ceiling = ProductCeiling(pool: pool).rate(seconds: 0.3)
        let positions = Double(steps * options.positionsPerStep)
        let training = TrainingCost(configuration).secondsOfTraining(words: positions, options, ceiling: ceiling)
            / Double(plan?.ranks ?? 1)
        let evaluation = evaluationPlan(configuration, options)
        let evaluations = Double(evaluation.count) * evaluation.secondsOfEvaluation(ceiling: ceiling)
            + (evaluation.count > 0 ? evaluation.secondsOfExactScores(ceiling: ceiling) : 0)
        var lines = [
            "sentences\t\(corpus.sentences)", "tokens\t\(corpus.tokens)",
            "tokens without a \(words.vocabulary == nil ? "vector" : "class")\t\(corpus.tokens - corpus.knownTokens)",
            "words of an epoch, sentence ends counted\t\(corpus.positions)",
            "words of a step\t\(options.positionsPerStep)",
            "steps of an epoch\t\(epoch.quotientRoundedUp(by: options.positionsPerStep))", "steps in all\t\(steps)",
            "weights\t\(configuration.parameterCount())",
        ]
        let items = try memory(configuration, options, read: read, onDevice: onDevice, plan)
        lines += items.map { "memory, \($0.name)\t\(Self.megabytes($0.bytes))" }
        lines.append("memory in all\t\(Self.megabytes(items.reduce(0) { $0 + $1.bytes }))")
        if !onDevice {
            lines.append("large products\t\(Int(ceiling)) GFLOP/s")
            lines.append("words a second at \(Int(100 * TrainingCost.usualShare))% of that, about\t\(Int(positions / training))")
        }
        if let plan {
            lines += messages(configuration, plan, precision, secondsOfStep: onDevice ? nil : training / Double(max(1, steps)))
        }
        lines.append("evaluations\t\(evaluation.count)")
        if evaluation.count > 0 { lines.append("held-out words of each, sentence ends counted, about\t\(evaluation.positions)") }
        guard !onDevice else { return lines.joined(separator: "\n") + "\n" }
        lines.append("time of training, about\t\(Self.time(training))")
        lines.append("time of evaluations, at most about\t\(Self.time(evaluations))")
        lines.append("time in all, about\t\(Self.time(training + evaluations))")
        // How many steps and evaluations such a run will make is unknown.
        for (limit, name, needed) in [
            (options.seconds, "--time", training + evaluations), (options.trainingSeconds, "--training-time", training),
        ] {
            if let limit, limit < needed { lines.append("ended before by \(name), after\t\(Self.time(limit))") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Describes what ranks send each other in a step, and the network speed that it requires.
    private func messages(
        _ configuration: EncoderConfiguration, _ plan: RankPlan, _ precision: SendPrecision, secondsOfStep: Double?
    ) -> [String] {
        let count = plan.group.count, others = Double(count - 1) / Double(count)
        let weights = others * 4 * configuration.denseWeights(of: plan.directions)
        let gradients = precision == .bf16 ? weights / 2 : weights
        var lines = [
            "ranks\t\(plan.ranks)", "lanes of a direction\t\(plan.lanes)", "ranks of a direction\t\(count)",
            "gradients sent by a rank in a step, rows of sparse parameters not counted\t\(Self.megabytes(Int(gradients)))",
            "weights sent by a rank in a step\t\(Self.megabytes(Int(weights)))",
        ]
        if let secondsOfStep, gradients > 0 {
            // The backward pass takes two thirds of a step.
            for (bytes, what, pass, share) in [(gradients, "gradients", "backward", 2.0 / 3), (weights, "weights", "next forward", 1.0 / 3)] {
                let bandwidth = 8e-9 * bytes / (secondsOfStep * share)
                lines.append(
                    "bandwidth below which \(what) no longer hide behind the \(pass) pass, about\t\((100 * bandwidth).rounded(.up) / 100) Gbit/s")
            }
        }
        return lines
    }

    private func memory(
        _ configuration: EncoderConfiguration, _ options: TrainingOptions, read: Int, onDevice: Bool, _ plan: RankPlan?
    ) throws -> [(name: String, bytes: Int)] {
        let tableBytes = words.vectors?.bytes ?? 0
        var items = [
            ("embedding table", tableBytes), ("program, text read and kept", max(0, read - tableBytes)),
            ("held-out text and its scores", heldOutBytes(configuration, options)),
        ]
        if !onDevice { items += try plan.map { try bytesOfSteps(configuration, options, $0) } ?? bytesOfSteps(configuration, options) }
        items.append(("sentences being shuffled", 4 * min(corpus.positions, ShuffledSentences.defaultBuffer)))
        return items
    }

    /// Returns the bytes of one rank: those of the directions that it trains, with its share of the moments, and memory for what
    /// others send.
    private func bytesOfSteps(
        _ configuration: EncoderConfiguration, _ options: TrainingOptions, _ plan: RankPlan
    ) throws -> [(name: String, bytes: Int)] {
        let own = configuration.directions[plan.directions].map(\.rawValue), all = configuration.directions.map(\.rawValue)
        let moments = Double(options.optimizer.optimizer.momentNames.count), share = 1 / Double(plan.group.count)
        var items = try bytesOfSteps(configuration, options).filter { item in
            !all.contains { item.name.hasPrefix($0) } || own.contains { item.name.hasPrefix($0) }
        }
        for index in items.indices where items[index].name.hasSuffix("parameters") {
            // Weights, gradients and moments take the same memory each.
            items[index].bytes = Int(Double(items[index].bytes) * (2 + moments * share) / (2 + moments))
        }
        let gradient = 4 * configuration.denseWeights(of: plan.directions)
        items.append(("gradients from other ranks", Int(gradient * (1 - share))))
        let levels = plan.ownLanes.count > 1 ? Double(Int.bitWidth - (plan.ownLanes.count - 1).leadingZeroBitCount) : 0
        items.append(("sums of lanes", Int(gradient * levels)))
        return items
    }

    private static func megabytes(_ bytes: Int) -> String { "\((Double(bytes) / 1e5).rounded() / 10) MB" }

    private static func time(_ seconds: Double) -> String {
        seconds < 120 ? "\(Int(seconds.rounded(.up))) s"
            : seconds < 7200 ? "\(Int((seconds / 60).rounded())) min"
            : seconds < 172_800 ? "\((seconds / 360).rounded() / 10) h" : "\((seconds / 8640).rounded() / 10) days"
    }

    /// Returns the bytes of training steps, by part, for any batch. Memory is only counted, never touched.
    public func bytesOfSteps(
        _ configuration: EncoderConfiguration, _ options: TrainingOptions
    ) throws -> [(name: String, bytes: Int)] {
        let source = try targetSource(configuration)
        let window = DirectionWindow(
            configuration, words, configuration.directions[0], source: source, positions: options.capacity.rows, backend: ProcessorBackend())
        return configuration.memoryBill(capacity: options.capacity, training: options.optimizer.optimizer)
            + [("words of a window", configuration.directions.count * window.bytes)]
            + (source.map { $0.bytes > 0 ? [("words to draw negatives from", $0.bytes)] : [] } ?? [])
            + (configuration.objective == .masked ? [("words to read in place of masked ones", 4 * corpus.otherWords.count)] : [])
    }
}

/// Multiplications and additions of matrix products, from which times are estimated before anything has been measured. They depend
/// only on options and text, so decisions based on them are the same on every machine.
struct TrainingCost {
    private let configuration: EncoderConfiguration

    /// Share of the ceiling of large products that training reaches on small and large machines alike; measured by `bench train`.
    static let usualShare = 0.75
    /// Cost of a word for a direction in addition to its products, in operations at that speed: reading, shuffling, looking up,
    /// starting small products. It matters only for the smallest encoders; measured with preset tiny.
    private static let operationsBesideProducts = 150_000.0
    /// An evaluation takes at most this many times the time of its operations at the ceiling (`bench evaluation`).
    private static let evaluationOverhead = 1.5
    /// Cost of ranking a position against one candidate in addition to the product, in operations at the ceiling's speed: comparing
    /// its score and summing its exponential. It matters if vectors are short.
    private static let operationsOfRanking = 50.0

    init(_ configuration: EncoderConfiguration) { self.configuration = configuration }

    /// Returns the operations of training on a word, in all directions: 6 for each weight that takes part (a multiplication and an
    /// addition in the forward pass, twice that in the backward pass), those of attention, and those of a loss that compares the
    /// word with the others of its window.
    func operationsOfWord(_ options: TrainingOptions) -> Double {
        let others = configuration.loss == .maxMargin && configuration.output == .continuous
            ? configuration.predictedRows(of: options.capacity.rows) : 0
        let attention = configuration.encoder.family.attentionOperations(window: options.window, isCausal: configuration.isCausal)
        return Double(configuration.directions.count)
            * (6 * configuration.weightsOfWord + attention + 2 * predictedShare * Double(others) * Double(configuration.outputSize))
    }

    /// Returns the operations of scoring a held-out position, in all directions.
    /// - Parameter candidates: number of words among which its prediction is ranked.
    func operationsOfHeldOutPosition(candidates: Int) -> Double {
        let directions = Double(configuration.directions.count)
        let forwardPass = 2 * configuration.weightsOfScoredWord
        switch configuration.output {
        case .continuous:
            return directions * (forwardPass + 2 * predictedShare * Double(candidates) * Double(configuration.outputSize))
        case .softmax, .sampledSoftmax, .adaptiveSoftmax, .none:
            return directions * (forwardPass + 2 * predictedShare * configuration.outputWeights(ofFirst: candidates))
        case .subwordSoftmax where configuration.objective == .masked || !configuration.encoder.family.carriesState:
            return directions * (forwardPass + 2 * predictedShare * configuration.outputWeights(ofFirst: candidates))
        case .subwordSoftmax:
            // The forward direction reads the text twice more, and then ranks whole words in a bounded number of steps.
            let ranks = configuration.directions.contains(.forward)
            return forwardPass * (directions + (ranks ? 2 + Double(UnitRanking.workPerWord) : 0))
        }
    }

    /// Share of the positions that go through the output layer.
    private var predictedShare: Double { configuration.isCausal ? 1 : configuration.maskedShare }

    /// Returns the operations, at the ceiling's speed, that ranking a held-out position takes in addition to its products, in all
    /// directions.
    func operationsBesideProducts(candidates: Int) -> Double {
        configuration.output == .subwordSoftmax && configuration.isCausal && configuration.encoder.family.carriesState
            ? 0 : Double(configuration.directions.count) * predictedShare * Double(candidates) * Self.operationsOfRanking
    }

    /// Returns the seconds of training on this many words, on a machine whose large products reach `ceiling` GFLOP/s.
    func secondsOfTraining(words: Double, _ options: TrainingOptions, ceiling: Double) -> Double {
        let beside = Double(configuration.directions.count) * Self.operationsBesideProducts
        return words * (operationsOfWord(options) + beside) / (Self.usualShare * ceiling * 1e9)
    }

    /// Returns the maximum seconds of an evaluation with this many operations, on a machine whose large products reach `ceiling`
    /// GFLOP/s.
    static func secondsOfEvaluation(operations: Double, ceiling: Double) -> Double {
        evaluationOverhead * operations / (ceiling * 1e9)
    }
}
