import Files
import Kernels
import Layers
public import Model
import Parallel
import Shards

/// What a run would take, by layer: nothing is trained.
public struct TrainingEstimate {
    private let configuration: EncoderConfiguration
    private let options: TrainingOptions
    private let input: TrainingInput

    public init(_ configuration: EncoderConfiguration, _ options: TrainingOptions, _ input: TrainingInput) {
        self.configuration = configuration
        self.options = options
        self.input = input
    }

    /// Lines of a name, a tab and a figure, for people and for `cut`.
    public var text: String {
        // Before anything else is done: what reading has taken, its buffers and the program.
        let read = peakMemory()
        let corpus = input.corpus
        let steps = options.totalSteps(positions: corpus.positions)
        let ceiling = ProductCeiling(pool: input.pool).rate(seconds: 0.3)
        let words = Double(steps * options.positionsPerStep)
        let training = TrainingCost(configuration).secondsOfTraining(words: words, options, ceiling: ceiling)
        let plan = input.evaluationPlan(configuration, options)
        let evaluations = Double(plan.count) * plan.secondsOfEvaluation(ceiling: ceiling)
        var lines = [
            "sentences\t\(corpus.sentences)", "tokens\t\(corpus.tokens)",
            "tokens without a \(input.words.vocabulary == nil ? "vector" : "class")\t\(corpus.tokens - corpus.knownTokens)",
            "words of an epoch, sentence ends counted\t\(corpus.positions)",
            "words of a step\t\(options.positionsPerStep)",
            "steps of an epoch\t\(max(1, (corpus.positions + options.positionsPerStep - 1) / options.positionsPerStep))", "steps in all\t\(steps)",
            "weights\t\(configuration.parameterCount())",
        ]
        let items = memory(read: read)
        lines += items.map { "memory, \($0.name)\t\(Self.megabytes($0.bytes))" }
        lines.append("memory in all\t\(Self.megabytes(items.reduce(0) { $0 + $1.bytes }))")
        lines.append("large products\t\(Int(ceiling)) GFLOP/s")
        lines.append("words a second at \(Int(100 * TrainingCost.usualShare))% of that, about\t\(Int(words / training))")
        lines.append("evaluations\t\(plan.count)")
        if plan.count > 0 { lines.append("held-out words of each, sentence ends counted, about\t\(plan.positions)") }
        lines.append("time of training, about\t\(Self.time(training))")
        lines.append("time of evaluations, at most about\t\(Self.time(evaluations))")
        lines.append("time in all, about\t\(Self.time(training + evaluations))")
        // Which steps and evaluations such a run will make, nobody knows before.
        for (limit, name, needed) in [
            (options.seconds, "--time", training + evaluations), (options.trainingSeconds, "--training-time", training),
        ] {
            if let limit, limit < needed { lines.append("ended before by \(name), after\t\(Self.time(limit))") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func memory(read: Int) -> [(name: String, bytes: Int)] {
        let tableBytes = input.words.vectors?.bytes ?? 0
        var items = [
            ("embedding table", tableBytes), ("program, text read and kept", max(0, read - tableBytes)),
            ("held-out text and its scores", input.heldOutBytes(configuration, options)),
        ]
        let positions = options.batch * options.window
        items += configuration.memoryBill(
            capacity: WindowCapacity(batch: options.batch, rows: positions), training: options.optimizer.optimizer)
        let window = DirectionWindow(configuration, input.words, positions: positions)
        items.append(("words of a window", configuration.directions.count * window.bytes))
        items.append(("sentences being shuffled", 4 * min(input.corpus.positions, ShuffledSentences.defaultBuffer)))
        return items
    }

    private static func megabytes(_ bytes: Int) -> String { "\((Double(bytes) / 1e5).rounded() / 10) MB" }

    private static func time(_ seconds: Double) -> String {
        seconds < 120 ? "\(Int(seconds.rounded(.up))) s"
            : seconds < 7200 ? "\(Int((seconds / 60).rounded())) min"
            : seconds < 172_800 ? "\((seconds / 360).rounded() / 10) h" : "\((seconds / 8640).rounded() / 10) days"
    }
}
