import Files
import FoundationEssentials
import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Model
import Parallel
import Shards

/// A training run on disk: a model file (docs/format.md) with additional tensors, whose names start with `training.`, and the run's
/// numbers as JSON in the metadata. `encode` accepts it as a model.
enum Checkpoint {
    /// Metadata key of `TrainingState`.
    private static let key = "contour-training"

    /// Writes a checkpoint without committing `output`. Throws `ToolError` with status `ioError`.
    static func write(
        _ encoder: ContextualEncoder, _ state: TrainingState, _ position: DataPosition, _ carried: CarriedStates, to output: OutputFile
    ) throws {
        let json = JSONEncoder()
        json.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try json.encode(state), as: UTF8.self)
        var keptTargets: [UnsafeMutableBufferPointer<UInt32>] = []
        var tensors: [SafetensorsOutput] = []
        let copies = HostCopies()
        for store in encoder.stores {
            for (name, parameter, moments) in momentTensors(store) {
                let start = copies.start(of: moments, on: store.backend)
                tensors.append(SafetensorsOutput(name: name, shape: parameter.shape, start: start))
            }
        }
        for (model, saved) in zip(encoder.directions, carried.states) {
            tensors.append(SafetensorsOutput(name: stateName(model), shape: [saved.count], start: UnsafePointer(saved.start)))
        }
        if keepsTargets(encoder.configuration) {
            for (model, lanes) in zip(encoder.directions, carried.keptTargets) {
                for (lane, kept) in lanes.enumerated() {
                    let numbers = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: kept.count)
                    _ = numbers.initialize(fromContentsOf: kept)
                    keptTargets.append(numbers)
                    tensors.append(
                        SafetensorsOutput(name: keptName(model, lane, of: lanes.count), numbers: UnsafeBufferPointer(numbers)))
                }
            }
        }
        defer { for numbers in keptTargets { numbers.deallocate() } }
        try position.lengths.withUnsafeBufferPointer { lengths in
            try position.positions.withUnsafeBufferPointer { positions in
                try position.words.withUnsafeBufferPointer { words in
                    tensors.append(SafetensorsOutput(name: Streams.lengths, numbers: lengths))
                    tensors.append(SafetensorsOutput(name: Streams.positions, numbers: positions))
                    tensors.append(SafetensorsOutput(name: Streams.words, numbers: words))
                    try ModelFile.write(encoder, metadata: [key: text], further: tensors, to: output)
                }
            }
        }
        withExtendedLifetime((carried, copies)) {}
    }

    /// Returns the number of lanes of the run that made a checkpoint; `nil` if it cannot be read.
    static func lanes(_ path: String) -> Int? {
        guard let text = try? SafetensorsReader(path: path).metadata[key] else { return nil }
        return try? JSONDecoder().decode(TrainingState.self, from: Data(text.utf8)).options.laneCount
    }

    /// Restores `encoder` and its optimiser from a checkpoint.
    ///
    /// Throws `ToolError`: `noInput`; `dataError` if a tensor is missing, unknown, or of another shape or type, or if the file is
    /// damaged (the encoder may then be partly loaded, and another checkpoint must be read); `configuration` if it is of another
    /// encoder; and what `check` throws, which examines the state before anything is loaded.
    static func read(
        _ path: String, into encoder: ContextualEncoder, rowCount: Int, check: (TrainingState) throws -> Void
    ) throws -> Resumed {
        let reader = try SafetensorsReader(path: path)
        try ModelFile.checkDigest(reader)
        let configuration = try ModelFile.configuration(of: reader)
        guard let text = reader.metadata[key] else {
            throw ToolError.data(path, "", "is a model, not a checkpoint: it has no training state")
        }
        let state: TrainingState
        do { state = try JSONDecoder().decode(TrainingState.self, from: Data(text.utf8)) } catch {
            let cause = jsonFault(error).map { $0 + ": " } ?? ""
            throw ToolError.data(path, "metadata \(key)", "\(cause)the training state is damaged or of a later version")
        }
        if let complaint = state.complaint { throw ToolError.data(path, "metadata \(key)", complaint) }
        // The options come first, because a network may differ because of them.
        try check(state)
        guard configuration == encoder.configuration else {
            throw ToolError(
                .configuration,
                "\(path): was made with \(configuration.difference(from: encoder.configuration)); use the same options, or "
                    + "another directory for --checkpoints")
        }
        var remaining = Dictionary(
            uniqueKeysWithValues: reader.tensors.filter { $0.name.begins(with: ModelFile.trainingPrefix) }.map { ($0.name, $0) })
        func take(_ name: String, shape: [Int]?) throws -> SafetensorsReader.Tensor {
            guard let tensor = remaining.removeValue(forKey: name) else {
                throw ToolError.data(path, "tensor \(name)", "is missing")
            }
            if let shape, tensor.shape != shape {
                throw ToolError.data(path, "tensor \(name)", "has shape \(tensor.shape), and must have \(shape)")
            }
            return tensor
        }
        let position = try streams(of: reader, state, configuration.objective, rowCount: rowCount) { try take($0, shape: nil) }
        let lanes = state.options.laneCount
        var carried = CarriedStates()
        if keepsTargets(configuration) {
            for model in encoder.directions {
                carried.keptTargets.append(
                    try (0..<lanes).map { lane in
                        let name = keptName(model, lane, of: lanes), kept = try reader.numbers(take(name, shape: nil))
                        guard kept.allSatisfy({ Int($0) < rowCount }) else {
                            throw ToolError.data(path, "tensor \(name)", "does not fit the words")
                        }
                        return kept
                    })
            }
        }
        try ModelFile.load(reader, into: encoder)
        for store in encoder.stores {
            for (name, parameter, moments) in momentTensors(store) {
                try ModelFile.read(take(name, shape: parameter.shape), of: reader, into: moments, on: store.backend)
            }
        }
        for model in encoder.directions {
            let saved = FloatBuffer(count: lanes * model.stateCount(batch: state.options.laneBatch))
            let tensor = try take(stateName(model), shape: [saved.count])
            try ModelFile.read(tensor, of: reader, into: Matrix(saved, rows: 1, columns: saved.count), on: ProcessorBackend())
            carried.states.append(saved)
        }
        if let name = remaining.keys.min() { throw ToolError.data(path, "tensor \(name)", "is unknown to this run") }
        return Resumed(state: state, position: position, carried: carried)
    }

    private enum Streams {
        static let lengths = "training.streams.lengths"
        static let positions = "training.streams.positions"
        static let words = "training.streams.words"
    }

    private static func keptName(_ model: DirectionModel, _ lane: Int, of lanes: Int) -> String {
        "training.\(model.direction.rawValue).\(lanes > 1 ? "lane\(lane)." : "")targets"
    }

    private static func keepsTargets(_ configuration: EncoderConfiguration) -> Bool {
        configuration.isContrastive && configuration.negativeSource == .earlier
    }

    private static func stateName(_ model: DirectionModel) -> String { "training.\(model.direction.rawValue).state" }

    private static func momentTensors(_ store: ParameterStore) -> [(String, Parameter, Matrix)] {
        (store.training?.optimizer.momentNames ?? []).enumerated().flatMap { index, name in
            store.layout.parameters.map { ("training.\(name).\($0.name)", $0, store.moments(of: $0)[index]) }
        }
    }

    private static func streams(
        of reader: SafetensorsReader, _ state: TrainingState, _ objective: Objective, rowCount: Int,
        _ take: (String) throws -> SafetensorsReader.Tensor
    ) throws -> DataPosition {
        var position = DataPosition()
        position.epoch = state.epoch
        position.sentences = state.sentences
        position.lengths = try reader.numbers(take(Streams.lengths))
        position.positions = try reader.numbers(take(Streams.positions))
        position.words = try reader.numbers(take(Streams.words))
        guard position.lengths.count == state.options.batch, position.positions.count == state.options.batch,
            position.lengths.reduce(0, { $0 + Int($1) }) == position.words.count,
            zip(position.positions, position.lengths).allSatisfy({ Int($0) <= objective.positions(of: Int($1)) }),
            position.words.allSatisfy({ Int($0) < rowCount })
        else { throw ToolError.data(reader.file.name, "tensor \(Streams.words)", "does not fit the streams") }
        return position
    }
}

/// The directory in which a run keeps its checkpoints: the last few `step-….safetensors`, and `best.safetensors`, the model with
/// the lowest held-out loss. Only one run at a time may use it. It writes checkpoints when they are due, and finds the one to
/// resume from.
public final class CheckpointDirectory {
    private let directory: LockedDirectory
    /// Number of checkpoints kept.
    private let keep: Int
    /// Seconds between checkpoints.
    private let interval: Double
    private var last = 0.0
    /// Seconds spent on writing.
    public private(set) var secondsWriting = 0.0

    /// Creates the directory, locks it, and removes unfinished files of killed runs. Throws `ToolError`: `cannotCreate`, `ioError`,
    /// or `inUse` if another run holds the lock.
    /// - `keep`: number of checkpoints to keep.
    /// - `interval`: seconds between checkpoints.
    public init(path: String, keep: Int, interval: Double) throws {
        precondition(keep > 0)
        directory = try LockedDirectory(path: path)
        self.keep = keep
        self.interval = interval
        for name in try directory.names() where Self.isLeftOver(name) { directory.remove(name) }
    }

    private var best: String { directory.file("best.safetensors") }

    /// Returns the existing checkpoints, newest first.
    public func checkpoints() throws -> [String] {
        try directory.names().filter { Self.step(of: $0) != nil }
            .sorted { (Self.step(of: $0) ?? 0, $1) > (Self.step(of: $1) ?? 0, $0) }.map(directory.file)
    }

    /// Returns true if a file is an unfinished checkpoint or best model of a killed run. Other temporary files belong to others.
    private static func isLeftOver(_ name: String) -> Bool {
        name.ends(with: ".tmp") && (name.begins(with: ".step-") || name.begins(with: ".best.safetensors."))
    }

    private static func step(of name: String) -> Int? {
        guard name.begins(with: "step-"), name.ends(with: ".safetensors") else { return nil }
        let digits = name.dropFirst(5).dropLast(12)
        return digits.allSatisfy { $0.isASCII && $0.isNumber } ? Int(digits) : nil
    }

    /// Starts the clock.
    func begin() { last = monotonicSeconds() }

    var isDue: Bool { monotonicSeconds() - last >= interval }

    /// Writes a checkpoint under its final name, then removes the oldest. Throws `ToolError` with status `ioError`, for example on
    /// a full disk; earlier checkpoints are not affected.
    func write(
        _ encoder: ContextualEncoder, _ state: TrainingState, _ position: DataPosition, _ carried: CarriedStates
    ) throws {
        let start = monotonicSeconds()
        let digits = String(state.step), zeros = String(repeating: "0", count: max(0, 9 - digits.count))
        try write(to: directory.file("step-\(zeros)\(digits).safetensors")) {
            try Checkpoint.write(encoder, state, position, carried, to: $0)
        }
        for path in try checkpoints().dropFirst(keep) { directory.remove(pathParts(path).name) }
        last = monotonicSeconds()
        secondsWriting += last - start
    }

    /// Keeps the model as the best so far.
    func writeBest(_ encoder: ContextualEncoder) throws { try write(to: best) { try ModelFile.write(encoder, to: $0) } }

    /// Writes a file. To an error it adds the checkpoint that the run can be resumed from, if there is one.
    private func write(to path: String, _ body: (OutputFile) throws -> Void) throws {
        do {
            let output = try OutputFile(path: path, binary: true)
            try body(output)
            try output.commit()
        } catch let error as ToolError {
            guard let newest = try checkpoints().first else { throw error }
            throw ToolError(error.status, "\(error); the same command with --resume goes on from \(newest)")
        }
    }

    /// Returns the number of lanes of the newest checkpoint with a sound header; `nil` if there is none.
    public func lanes() throws -> Int? {
        for path in try checkpoints() { if let lanes = Checkpoint.lanes(path) { return lanes } }
        return nil
    }

    func loadBest(into encoder: ContextualEncoder) throws { try ModelFile.load(SafetensorsReader(path: best), into: encoder) }

    /// Loads the newest sound checkpoint into `encoder`; damaged ones are skipped with a warning.
    ///
    /// Returns `nil` if there are no checkpoints. Throws `ToolError`: the first error if all are damaged; `configuration` for one
    /// of another encoder; and what `check` throws, which gets the state and its file.
    func newest(
        for encoder: ContextualEncoder, rowCount: Int, warn: (String) -> Void, check: (TrainingState, String) throws -> Void
    ) throws -> Resumed? {
        var damage: ToolError?
        let paths = try checkpoints()
        for path in paths {
            do {
                return try Checkpoint.read(path, into: encoder, rowCount: rowCount) { try check($0, path) }
            } catch let error as ToolError where [.dataError, .noInput, .ioError].contains(error.status) {
                if path != paths.last { warn("\(error); trying an earlier checkpoint") }
                damage = damage ?? error
            }
        }
        if let damage { throw damage }
        return nil
    }
}

extension TrainingState {
    /// Throws `ToolError` with status `configuration` if a run with these options and data cannot continue from this state.
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
