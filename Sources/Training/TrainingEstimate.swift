import Files
import Layers
public import Model
import Parallel
import Shards

/// What a run would take, by layer: nothing is trained, and memory that is only counted is not touched.
public struct TrainingEstimate {
    private let configuration: EncoderConfiguration
    private let options: TrainingOptions
    private let input: TrainingInput

    /// Of the ceiling of large products, what training reaches on small and large machines alike; `bench train` measures
    /// it.
    private static let usualShare = 0.75

    public init(_ configuration: EncoderConfiguration, _ options: TrainingOptions, _ input: TrainingInput) {
        self.configuration = configuration
        self.options = options
        self.input = input
    }

    /// Lines of a name, a tab and a figure, for people and for `cut`.
    public var text: String {
        // Before anything else is done: what reading has taken, its buffers and the program.
        let read = peakMemory()
        let encoder = ContextualEncoder(
            configuration, capacity: WindowCapacity(batch: options.batch, rows: options.batch * options.window),
            training: options.optimizer.optimizer, pool: input.pool)
        let corpus = input.corpus
        let steps = options.totalSteps(positions: corpus.positions)
        let ceiling = productCeiling(input.pool)
        let speed = Self.usualShare * ceiling * 1e9 / operations(encoder)
        var lines = [
            "sentences\t\(corpus.sentences)", "tokens\t\(corpus.tokens)",
            "tokens without a \(input.words.vocabulary == nil ? "vector" : "class")\t\(corpus.tokens - corpus.knownTokens)",
            "words of an epoch, sentence ends counted\t\(corpus.positions)",
            "words of a step\t\(options.positionsPerStep)",
            "steps of an epoch\t\(corpus.positions / options.positionsPerStep)", "steps in all\t\(steps)",
            "weights\t\(encoder.parameterCount)",
        ]
        let items = memory(encoder, read: read)
        lines += items.map { "memory, \($0.name)\t\(Self.megabytes($0.bytes))" }
        lines.append("memory in all\t\(Self.megabytes(items.reduce(0) { $0 + $1.bytes }))")
        lines.append("large products\t\(Int(ceiling)) GFLOP/s")
        lines.append("words a second at \(Int(100 * Self.usualShare))% of that, about\t\(Int(speed))")
        lines.append("time, evaluations left out, about\t\(Self.time(Double(steps * options.positionsPerStep) / speed))")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Of a word: 6 for each weight that it meets (a multiplication and an addition on the way forth, twice that on the way
    /// back), and what a loss does that looks at the other words of its window.
    private func operations(_ encoder: ContextualEncoder) -> Double {
        let others = configuration.loss == .maxMargin && configuration.output == .continuous
            ? options.batch * options.window : 0
        return Double(encoder.directions.count)
            * (6 * configuration.weightsOfWord + 2 * Double(others) * Double(configuration.outputSize))
    }

    private func memory(_ encoder: ContextualEncoder, read: Int) -> [(name: String, bytes: Int)] {
        let tableBytes = input.words.vectors?.bytes ?? 0
        var items = [
            ("embedding table", tableBytes), ("program, text read and kept", max(0, read - tableBytes)),
            ("held-out text and its scores", input.heldOutBytes(options)),
        ]
        for model in encoder.directions { items += model.memory }
        let positions = options.batch * options.window
        let window = DirectionWindow(configuration, input.words, positions: positions)
        items.append(("words of a window", encoder.directions.count * window.bytes))
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
