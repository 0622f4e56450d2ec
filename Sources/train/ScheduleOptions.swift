public import ArgumentParser
import Files
import NetworkArguments
import ToolSupport
public import Training

extension Recipe: ExpressibleByArgument {}
extension RateSchedule: ExpressibleByArgument {}
extension OptimizerKind: ExpressibleByArgument {}

/// The options of training: a recipe, and the settings that differ from it.
struct ScheduleOptions: ParsableArguments {
    @Option(
        help: """
            Settings for what follows: quick; elmo-c, the paper's (Adam, 10 epochs, rate 1e-4 x batch/128 after 10,000 \
            steps, batch 128); or elmo, ELMo's (Adagrad, rate 0.2, clip 10, loss summed over a window's steps, 10 epochs, batch 128).
            """)
    var recipe: Recipe = .quick

    @Option(help: ArgumentHelp("Parallel streams of text [quick: 64; transformer: as many words in all].", valueName: "n"))
    var batch: Int?

    @Option(help: ArgumentHelp(
        "Words of a stream trained together: truncated BPTT, or what a Transformer sees at once [20; transformer: 128].",
        valueName: "n"))
    var window: Int?

    private static let usualWindow = 20

    @Option(help: ArgumentHelp("Windows whose gradients are added up for one step.", valueName: "n"))
    var accumulate = 1

    @Option(help: ArgumentHelp("Passes over the text [quick: 1].", valueName: "x"))
    var epochs: Double?

    @Option(help: ArgumentHelp("Steps in all, instead of --epochs.", valueName: "n"))
    var steps: Int?

    @Option(parsing: .unconditional, help: ArgumentHelp(
        "Take at most this long, evaluations and checkpoints included, reading the inputs left out: 90s, 15m, 2h, 1d.",
        valueName: "time"))
    var time: TimeSpan?

    @Option(parsing: .unconditional, help: ArgumentHelp(
        "Train for at most this long, evaluations and checkpoints left out: to compare networks of which one is slower to evaluate.",
        valueName: "time"))
    var trainingTime: TimeSpan?

    @Option(help: "The rule of the updates [quick: adam].")
    var optimizer: OptimizerKind?

    @Option(help: ArgumentHelp("Learning rate at the end of the warm-up [quick: 0.001].", valueName: "x"))
    var rate: Float?

    @Option(help: "The rate after the warm-up; exponential reaches half at the end [quick: exponential].")
    var schedule: RateSchedule?

    @Option(help: ArgumentHelp("Steps of warm-up, at most a tenth of all [quick: 200].", valueName: "n"))
    var warmup: Int?

    @Option(help: ArgumentHelp("Decay of the weight matrices, times the rate.", valueName: "x"))
    var weightDecay: Float = 0

    @Option(help: ArgumentHelp("Greatest norm of a direction's gradient; 0 for none [quick: 1].", valueName: "x"))
    var clip: Double?

    @Option(help: ArgumentHelp(
        "Multiply the mean loss, which --clip and Adagrad take notice of [1; elmo: the window's steps].", valueName: "x"))
    var lossScale: Double?

    @Flag(help: "Begin every window with a zero state.")
    var resetState = false

    func validate() throws {
        try checkWindow(batch: batch ?? recipe.options.batch, window: window ?? Self.usualWindow)
        guard (1...65536).contains(accumulate) else { throw ValidationError("--accumulate must be from 1 to 65536") }
        guard (epochs ?? 1) > 0, (epochs ?? 1) < 1e6 else {
            throw ValidationError("--epochs must be above 0 and below 1000000")
        }
        guard (1...1_000_000_000).contains(steps ?? 1) else { throw ValidationError("--steps must be from 1 to 1000000000") }
        guard (time?.seconds ?? 1) > 0 else { throw ValidationError("--time must be above 0") }
        guard (trainingTime?.seconds ?? 1) > 0 else { throw ValidationError("--training-time must be above 0") }
        guard (rate ?? 1) > 0, (rate ?? 1).isFinite else { throw ValidationError("--rate must be a number above 0") }
        guard (warmup ?? 0) >= 0 else { throw ValidationError("--warmup must not be below 0") }
        guard weightDecay >= 0, weightDecay < 1e3 else { throw ValidationError("--weight-decay must be 0 or above, and below 1000") }
        guard (lossScale ?? 1) > 0, (lossScale ?? 1) < 1e6 else {
            throw ValidationError("--loss-scale must be above 0 and below 1000000")
        }
        guard (clip ?? 0) >= 0, (clip ?? 0).isFinite else { throw ValidationError("--clip must be a number, 0 or above") }
    }

    /// Returns the options of training.
    /// - `usual`: the usual number of steps in a window of the encoder; `nil` means that of a recurrent encoder.
    func options(seed: UInt64, _ evaluation: EvaluationOptions, usualWindow usual: Int?) -> TrainingOptions {
        var options = recipe.options
        let usual = usual ?? Self.usualWindow, window = window ?? usual
        // Recipes are for windows of recurrent encoders; other encoders get the same number of words per step.
        if usual != Self.usualWindow { options.batch = max(1, options.batch * Self.usualWindow / usual) }
        if let batch {
            options.batch = batch
            options.peakRate = recipe.peakRate(batch: batch * accumulate * usual / Self.usualWindow)
        }
        options.window = window
        options.accumulation = accumulate
        if let epochs { options.epochs = epochs }
        options.steps = steps
        options.seconds = time?.seconds
        options.trainingSeconds = trainingTime?.seconds
        if let optimizer { options.optimizer = optimizer }
        if let rate { options.peakRate = rate }
        if let schedule { options.schedule = schedule }
        if let warmup { options.warmupSteps = warmup }
        options.weightDecay = weightDecay
        if let clip { options.clip = clip > 0 ? clip : nil }
        let scale = lossScale ?? recipe.lossScale(window: window)
        options.lossScale = scale == 1 ? nil : scale
        options.carriesState = !resetState
        options.seed = seed
        options.evaluations = evaluation.evaluations
        options.evaluationInterval = evaluation.evaluateEvery
        options.patience = evaluation.patience
        options.candidates = evaluation.candidates
        options.heldOutTokens = evaluation.heldOutTokens
        return options
    }
}

/// The options of evaluations.
struct EvaluationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("A token shard that is not trained on; train warns if it is training text, too.", valueName: "file"),
        completion: .file())
    var heldOut: String?

    @Option(help: ArgumentHelp("Without --held-out, keep every n-th sentence from training; 0 keeps none.", valueName: "n"))
    var heldOutEvery = 100

    @Option(help: ArgumentHelp(
        "Score about this many held-out tokens [30000, or fewer if one evaluation would take more than a tenth of the run].",
        valueName: "n"))
    var heldOutTokens: Int?

    @Option(help: ArgumentHelp(
        """
        Evaluations during training, evenly spaced, the last one at its end; 0: none [10, or fewer if these would take more than \
        a tenth of the run].
        """, valueName: "n"))
    var evaluations: Int?

    @Option(help: ArgumentHelp("Evaluate after so many steps, instead of --evaluations.", valueName: "n"))
    var evaluateEvery: Int?

    @Option(
        help: ArgumentHelp(
            "Stop after so many evaluations without a lower held-out loss, and give out the best model; needs --checkpoints.",
            valueName: "n"))
    var patience: Int?

    @Option(help: ArgumentHelp("Rank predictions among this many most frequent words.", valueName: "n"))
    var candidates = 10_000

    @Option(help: ArgumentHelp("Write metrics to this file, in JSON Lines.", valueName: "file"), completion: .file())
    var log: String?

    /// The number of held-out tokens that training does not use, whether or not all of them are scored.
    static let defaultHeldOutTokens = 30_000

    func validate() throws {
        guard heldOutEvery >= 0, heldOutEvery != 1 else { throw ValidationError("--held-out-every must be 0 or above 1") }
        guard (heldOutTokens ?? 1) > 0 else { throw ValidationError("--held-out-tokens must be above 0") }
        guard (evaluations ?? 0) >= 0 else { throw ValidationError("--evaluations must not be below 0") }
        guard (evaluateEvery ?? 1) > 0 else { throw ValidationError("--evaluate-every must be above 0") }
        guard (patience ?? 1) > 0 else { throw ValidationError("--patience must be above 0") }
        guard evaluations == nil || evaluateEvery == nil else {
            throw ValidationError("give --evaluations or --evaluate-every, not both")
        }
        guard heldOut != nil || heldOutEvery > 0 || evaluations ?? 0 == 0 && evaluateEvery == nil else {
            throw ValidationError("\(evaluations == nil ? "--evaluate-every" : "--evaluations") needs held-out text, and --held-out-every 0 keeps none")
        }
        guard patience == nil || evaluations != 0 else {
            throw ValidationError("--patience needs evaluations, and --evaluations 0 makes none")
        }
        guard candidates > 0 else { throw ValidationError("--candidates must be above 0") }
    }
}

/// The options of checkpoints.
struct CheckpointOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Keep checkpoints in this directory: from time to time, and when SIGINT or SIGTERM stops the run.",
            valueName: "directory"),
        completion: .directory)
    var checkpoints: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Time from one checkpoint to the next: 90s, 15m, 2h.", valueName: "time"))
    var checkpointEvery = TimeSpan(seconds: 900)

    @Option(help: ArgumentHelp("Checkpoints to keep.", valueName: "n"))
    var keep = 3

    @Flag(help: "Go on from the newest sound checkpoint, if there is one, as if the run had never stopped.")
    var resume = false

    func validate() throws {
        guard checkpointEvery.seconds >= 0 else { throw ValidationError("--checkpoint-every must not be below 0") }
        guard keep > 0 else { throw ValidationError("--keep must be above 0") }
        guard !resume || checkpoints != nil else { throw ValidationError("--resume needs --checkpoints") }
    }

    /// Locks the directory. Throws `ToolError`: `inUse` if another run uses it, `usage` if it contains checkpoints from which training
    /// should not resume.
    func open() throws -> CheckpointDirectory? {
        guard let checkpoints else { return nil }
        let directory = try CheckpointDirectory(path: checkpoints, keep: keep, interval: checkpointEvery.seconds)
        guard try resume || directory.checkpoints().isEmpty else {
            throw ToolError(.usage, "\(checkpoints): holds checkpoints; --resume goes on from them, another directory begins anew")
        }
        return directory
    }
}
