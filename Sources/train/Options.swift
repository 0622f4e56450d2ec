import ArgumentParser
import Files
import Model
import Shards
import ToolSupport
import Training

/// What the encoder looks like.
struct NetworkOptions: ParsableArguments {
    @Option(help: "Sizes of a known encoder: tiny 32/16, small 512/128, base 1024/256, medium 2048/256, elmo-c 4096/512.")
    var preset: Train.Preset = .small

    @Option(help: ArgumentHelp("LSTM cells of a layer and direction, instead of the preset's.", valueName: "n"))
    var cell: Int?

    @Option(help: ArgumentHelp("Width of a layer's output in a direction, instead of the preset's.", valueName: "n"))
    var projection: Int?

    @Option(help: ArgumentHelp("LSTM layers.", valueName: "n"))
    var layers = 2

    @Option(help: ArgumentHelp("Recurrent dropout.", valueName: "p"))
    var dropout: Float = 0.1

    @Flag(help: "No layer normalisation.")
    var noLayerNorm = false

    @Flag(help: "No residual connection.")
    var noResidual = false

    @Flag(help: "Use the vectors as they point, without taking away their mean.")
    var rawTargets = false

    @Option(help: "Train one direction alone.")
    var direction: OneDirection?

    enum OneDirection: String, CaseIterable, ExpressibleByArgument {
        case forward, backward
    }

    /// Throws `ToolError` with status `usage` for sizes that make no network.
    func configuration(_ rows: WordRows, _ corpus: Corpus) throws -> EncoderConfiguration {
        guard var configuration = EncoderConfiguration(preset: preset.rawValue, vectorSize: rows.dimension) else {
            throw ToolError(.usage, "no preset of the name \(preset.rawValue)")
        }
        if let cell { configuration.cell = cell }
        if let projection { configuration.projection = projection }
        configuration.layers = layers
        configuration.dropout = dropout
        configuration.layerNorm = !noLayerNorm
        configuration.residual = !noResidual
        configuration.centred = !rawTargets
        if let direction { configuration.directions = [direction == .forward ? .forward : .backward] }
        configuration.tokenizer = corpus.tokenizer.pairs.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
        configuration.tableDigest = hexadecimal(rows.tableDigest)
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        return configuration
    }
}

/// How it is trained.
struct ScheduleOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Parallel streams of text.", valueName: "n"))
    var batch = 64

    @Option(help: ArgumentHelp("Words of a stream trained together (truncated BPTT).", valueName: "n"))
    var window = 20

    @Option(help: ArgumentHelp("Passes over the text.", valueName: "x"))
    var epochs = 1.0

    @Option(help: ArgumentHelp("Steps in all, instead of --epochs.", valueName: "n"))
    var steps: Int?

    @Option(help: ArgumentHelp("Adam's learning rate at the end of the warm-up; it decays to half.", valueName: "x"))
    var rate: Float = 1e-3

    @Option(help: ArgumentHelp("Steps of warm-up, at most a tenth of all.", valueName: "n"))
    var warmup = 200

    @Option(help: ArgumentHelp("Greatest norm of a direction's gradient; 0 for none.", valueName: "x"))
    var clip = 1.0

    @Flag(help: "Begin every window with a zero state.")
    var resetState = false

    func validate() throws {
        guard (1...65536).contains(batch), (1...65536).contains(window), batch * window <= 1 << 24 else {
            throw ValidationError("--batch and --window must be from 1 to 65536, their product at most 16777216")
        }
        guard epochs > 0, epochs < 1e6 else { throw ValidationError("--epochs must be above 0 and below 1000000") }
        guard (1...1_000_000_000).contains(steps ?? 1) else { throw ValidationError("--steps must be from 1 to 1000000000") }
        guard rate > 0, rate.isFinite else { throw ValidationError("--rate must be a number above 0") }
        guard warmup >= 0 else { throw ValidationError("--warmup must not be below 0") }
        guard clip >= 0, clip.isFinite else { throw ValidationError("--clip must be a number, 0 or above") }
    }

    func options(seed: UInt64, _ evaluation: EvaluationOptions) -> TrainingOptions {
        var options = TrainingOptions()
        options.batch = batch
        options.window = window
        options.epochs = epochs
        options.steps = steps
        options.peakRate = rate
        options.warmupSteps = warmup
        options.clip = clip > 0 ? clip : nil
        options.carriesState = !resetState
        options.seed = seed
        options.evaluations = evaluation.evaluations
        options.candidates = evaluation.candidates
        return options
    }
}

/// What it is measured on.
struct EvaluationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A token shard that is not trained on.", valueName: "file"), completion: .file())
    var heldOut: String?

    @Option(help: ArgumentHelp("Without --held-out, keep every n-th sentence from training; 0 keeps none.", valueName: "n"))
    var heldOutEvery = 100

    @Option(help: ArgumentHelp("Use about this many held-out tokens.", valueName: "n"))
    var heldOutTokens = 30_000

    @Option(help: ArgumentHelp("Evaluations during training.", valueName: "n"))
    var evaluations = 10

    @Option(help: ArgumentHelp("Rank predictions among this many most frequent words.", valueName: "n"))
    var candidates = 10_000

    @Option(help: ArgumentHelp("Write metrics to this file, in JSON Lines.", valueName: "file"), completion: .file())
    var log: String?

    func validate() throws {
        guard heldOutEvery >= 0, heldOutEvery != 1 else { throw ValidationError("--held-out-every must be 0 or above 1") }
        guard heldOutTokens > 0 else { throw ValidationError("--held-out-tokens must be above 0") }
        guard evaluations >= 0 else { throw ValidationError("--evaluations must not be below 0") }
        guard candidates > 0 else { throw ValidationError("--candidates must be above 0") }
    }
}
