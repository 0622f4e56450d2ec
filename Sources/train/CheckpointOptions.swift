import ArgumentParser
import Files
import ToolSupport
import Training

/// How a run survives.
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

    /// Takes the directory. Throws `ToolError`: `inUse` if another run has it, `usage` if it holds checkpoints that are
    /// not to be gone on from.
    func open() throws -> CheckpointWriter? {
        guard let checkpoints else { return nil }
        let directory = try CheckpointDirectory(path: checkpoints, keep: keep)
        guard try resume || directory.checkpoints().isEmpty else {
            throw ToolError(.usage, "\(checkpoints): holds checkpoints; --resume goes on from them, another directory begins anew")
        }
        return CheckpointWriter(directory, interval: checkpointEvery.seconds)
    }
}
