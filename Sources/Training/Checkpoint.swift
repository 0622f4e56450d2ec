import Files
import FoundationEssentials
@_spi(HostMemory) import Kernels
import Layers
import Model
import Shards

/// A training run on disk: a model file (docs/format.md) with further tensors, `training.` before their names, and the
/// run's numbers as JSON in the metadata. `encode` takes it as the model it is.
enum Checkpoint {
    /// The metadata's key for `TrainingState`.
    private static let key = "contour-training"

    /// Writes a checkpoint; `output` is still to be committed. Throws `ToolError` with status `ioError`.
    static func write(
        _ encoder: ContextualEncoder, _ state: TrainingState, _ position: DataPosition, to output: OutputFile
    ) throws {
        let json = JSONEncoder()
        json.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try json.encode(state), as: UTF8.self)
        var states: [FloatBuffer] = []
        var tensors: [SafetensorsOutput] = []
        for (name, parameter, moments) in encoder.stores.flatMap(momentTensors) {
            tensors.append(SafetensorsOutput(name: name, shape: parameter.shape, start: moments.start))
        }
        for model in encoder.directions {
            let saved = model.savedState(batch: state.options.batch)
            states.append(saved)
            tensors.append(SafetensorsOutput(name: stateName(model), shape: [saved.count], start: saved.start))
        }
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
        withExtendedLifetime(states) {}
    }

    /// Brings `encoder` and its optimiser to where a checkpoint has them.
    ///
    /// Throws `ToolError`: `noInput`, or `dataError` if a tensor is missing, unknown, of another shape or type, or
    /// the file is damaged (then the encoder may be half loaded, and another checkpoint must follow); `configuration` if
    /// it is of another encoder; and what `check` throws, which looks at the state before anything is loaded.
    static func read(
        _ path: String, into encoder: ContextualEncoder, rowCount: Int, check: (TrainingState) throws -> Void
    ) throws -> (TrainingState, DataPosition) {
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
        guard configuration == encoder.configuration else {
            throw ToolError(
                .configuration,
                "\(path): was made with \(configuration.difference(from: encoder.configuration)); use the same options, or "
                    + "another directory for --checkpoints")
        }
        try check(state)
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
        let position = try streams(of: reader, state, rowCount: rowCount) { try take($0, shape: nil) }
        try ModelFile.load(reader, into: encoder)
        for (name, parameter, moments) in encoder.stores.flatMap(momentTensors) {
            try reader.copy(take(name, shape: parameter.shape), into: moments.start)
        }
        for model in encoder.directions {
            let saved = FloatBuffer(count: model.savedState(batch: state.options.batch).count)
            try reader.copy(take(stateName(model), shape: [saved.count]), into: saved.start)
            model.restoreState(saved, batch: state.options.batch)
        }
        if let name = remaining.keys.min() { throw ToolError.data(path, "tensor \(name)", "is unknown to this run") }
        return (state, position)
    }

    private enum Streams {
        static let lengths = "training.streams.lengths"
        static let positions = "training.streams.positions"
        static let words = "training.streams.words"
    }

    private static func stateName(_ model: DirectionModel) -> String { "training.\(model.direction.rawValue).state" }

    private static func momentTensors(_ store: ParameterStore) -> [(String, Parameter, Matrix)] {
        (store.training?.optimizer.momentNames ?? []).enumerated().flatMap { index, name in
            store.layout.parameters.map { ("training.\(name).\($0.name)", $0, store.moments(of: $0)[index]) }
        }
    }

    private static func streams(
        of reader: SafetensorsReader, _ state: TrainingState, rowCount: Int,
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
            zip(position.positions, position.lengths).allSatisfy({ Int($0) <= Int($1) + 1 }),
            position.words.allSatisfy({ Int($0) < rowCount })
        else { throw ToolError.data(reader.file.name, "tensor \(Streams.words)", "does not fit the streams") }
        return position
    }
}
