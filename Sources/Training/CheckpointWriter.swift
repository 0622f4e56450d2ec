import Files
import Model
import Parallel
import Shards

/// Writes checkpoints when they are due, and finds the one to go on from.
public final class CheckpointWriter {
    private let directory: CheckpointDirectory
    private let interval: Double
    private var last = 0.0
    /// Seconds spent on writing, and on training and writing since `begin`.
    public private(set) var secondsWriting = 0.0

    /// - Parameter interval: seconds from one checkpoint to the next.
    public init(_ directory: CheckpointDirectory, interval: Double) {
        self.directory = directory
        self.interval = interval
    }

    /// Starts the clock.
    func begin() { last = monotonicSeconds() }

    var isDue: Bool { monotonicSeconds() - last >= interval }

    /// Writes a checkpoint under its final name, then removes the oldest. Throws `ToolError` with status `ioError`, on a
    /// full disk for example; earlier checkpoints are as they were.
    func write(_ encoder: ContextualEncoder, _ state: TrainingState, _ position: DataPosition) throws {
        let start = monotonicSeconds()
        try tellingWhatIsLeft {
            let output = try directory.output(step: state.step)
            try Checkpoint.write(encoder, state, position, to: output)
            try output.commit()
        }
        try directory.prune()
        last = monotonicSeconds()
        secondsWriting += last - start
    }

    /// Keeps the model as the best so far.
    func writeBest(_ encoder: ContextualEncoder) throws {
        try tellingWhatIsLeft {
            let output = try OutputFile(path: directory.best, binary: true)
            try ModelFile.write(encoder, to: output)
            try output.commit()
        }
    }

    /// Does `write`, and adds to an error in it which checkpoint the run can go on from, if there is one.
    private func tellingWhatIsLeft(_ write: () throws -> Void) throws {
        do { try write() } catch let error as ToolError {
            guard let newest = try directory.checkpoints().first else { throw error }
            throw ToolError(error.status, "\(error); the same command with --resume goes on from \(newest)")
        }
    }

    func loadBest(into encoder: ContextualEncoder) throws {
        try ModelFile.load(SafetensorsReader(path: directory.best), into: encoder)
    }

    /// Loads the newest checkpoint that is sound into `encoder`; damaged ones are passed over with a warning.
    ///
    /// Returns `nil` if there is none at all. Throws `ToolError`: the first damage if none is sound; `configuration` for
    /// one of another encoder, and what `check` throws, which gets the state and its file.
    func newest(
        for encoder: ContextualEncoder, rowCount: Int, warn: (String) -> Void,
        check: (TrainingState, String) throws -> Void
    ) throws -> (state: TrainingState, position: DataPosition)? {
        var damage: ToolError?
        let paths = try directory.checkpoints()
        for path in paths {
            do {
                return try Checkpoint.read(path, into: encoder, rowCount: rowCount) { try check($0, path) }
            } catch let error as ToolError where error.status == .dataError || error.status == .noInput || error.status == .ioError {
                if path != paths.last { warn("\(error); trying an earlier checkpoint") }
                damage = damage ?? error
            }
        }
        if let damage { throw damage }
        return nil
    }
}

extension TrainingState {
    /// Throws `ToolError` with status `configuration` if a run of these options and data cannot go on from here.
    func check(_ options: TrainingOptions, _ corpus: Corpus, file: String) throws {
        let options = self.options.disagreements(with: options)
        guard options.isEmpty else {
            throw ToolError(
                .configuration, "\(file): was made with another \(options.joined(separator: ", ")); use the same as before")
        }
        guard corpusDigests == corpus.digests.map({ String($0, radix: 16) }), corpusSentences == corpus.sentences else {
            throw ToolError(
                .configuration,
                "\(file): was made with other training text than \(corpus.name), or another --held-out-every")
        }
    }
}
