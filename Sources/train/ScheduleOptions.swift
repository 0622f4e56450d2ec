public import ArgumentParser
import ToolSupport
public import Training

extension Recipe: ExpressibleByArgument {}
extension RateSchedule: ExpressibleByArgument {}
extension OptimizerKind: ExpressibleByArgument {}

/// How it is trained: a recipe, and what is to be different from it.
struct ScheduleOptions: ParsableArguments {
    @Option(
        help: """
            Settings for what follows: quick; elmo-c, the paper's (Adam, 10 epochs, rate 1e-4 x batch/128 after 10,000 \
            steps, batch 128); or elmo, ELMo's (Adagrad, rate 0.2, clip 10, loss summed over a window's steps, 10 epochs, batch 128).
            """)
    var recipe: Recipe = .quick

    @Option(help: ArgumentHelp("Parallel streams of text [quick: 64].", valueName: "n"))
    var batch: Int?

    @Option(help: ArgumentHelp("Words of a stream trained together (truncated BPTT).", valueName: "n"))
    var window = 20

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
        guard (1...65536).contains(batch ?? 1), (1...65536).contains(window), (batch ?? 64) * window <= 1 << 24 else {
            throw ValidationError("--batch and --window must be from 1 to 65536, their product at most 16777216")
        }
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

    func options(seed: UInt64, _ evaluation: EvaluationOptions) -> TrainingOptions {
        var options = recipe.options
        if let batch {
            options.batch = batch
            options.peakRate = recipe.peakRate(batch: batch * accumulate)
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
