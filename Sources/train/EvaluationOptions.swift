import ArgumentParser

/// What it is measured on.
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

    /// Held-out tokens that are kept from training, whether or not all of them are scored.
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
