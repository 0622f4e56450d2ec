public import Files
@_spi(HostMemory) public import Kernels
public import Layers
public import Parallel
public import Shards
import Synchronization

/// Models on disk: a safetensors file with the weights under their paths, and the configuration as JSON in its metadata.
public enum ModelFile {
    /// Metadata key of the configuration.
    static let key = "contour"
    /// Metadata key of the digest: XXH64 of the other texts of the metadata and of all tensors, both sorted by name. safetensors
    /// itself has no checksum.
    static let digestKey = "contour-digest"
    /// Metadata key of the units of words, separated by spaces.
    static let unitsKey = "contour-units"
    /// Prefix of tensors that only a training run needs. A checkpoint is a model with additional tensors.
    public static let trainingPrefix = "training."

    /// Writes all weights of `encoder`. The caller commits `output`. Throws `ToolError` with status `ioError`.
    /// - `metadata`: further strings to store with the model.
    /// - `further`: tensors of a training run, whose names start with `trainingPrefix`.
    public static func write(
        _ encoder: ContextualEncoder, metadata: [String: String] = [:], further: [SafetensorsOutput] = [],
        to output: OutputFile
    ) throws {
        let copies = HostCopies()
        let (tensors, metadata) = try content(of: encoder, metadata: metadata, further: further, copies)
        try Safetensors.write(tensors, metadata: metadata, to: output)
        withExtendedLifetime(copies) {}
    }

    /// Returns the digest that a file of this model has, which identifies the model in its vectors.
    public static func digest(of encoder: ContextualEncoder) throws -> String {
        if let digest = encoder.fileDigest { return digest }
        return try content(of: encoder, metadata: [:], further: [], HostCopies()).metadata[digestKey] ?? ""
    }

    /// The digest in the metadata of an open model. Throws `ToolError` with status `dataError` if it is none.
    public static func digest(of reader: SafetensorsReader) throws -> String {
        _ = try configuration(of: reader)
        guard let digest = reader.metadata[digestKey] else { throw ToolError.data(reader.file.name, "", "has no digest of its content") }
        return digest
    }

    /// Returns the content of a model's file.
    private static func content(
        of encoder: ContextualEncoder, metadata: [String: String], further: [SafetensorsOutput], _ copies: HostCopies
    ) throws -> (tensors: [SafetensorsOutput], metadata: [String: String]) {
        var metadata = metadata
        metadata[key] = try ConfigurationText.encode(encoder.configuration)
        if !encoder.units.isEmpty { metadata[unitsKey] = encoder.units.joined(separator: " ") }
        if !encoder.records.isEmpty { metadata[TrainingRecord.key] = try TrainingRecord.encode(encoder.records) }
        let tensors = encoder.stores.flatMap { store in
            store.layout.parameters.map {
                SafetensorsOutput(name: $0.name, shape: $0.shape, start: copies.start(of: store.value($0), on: store.backend))
            }
        } + further
        var digest = digest(of: metadata)
        for tensor in tensors.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            digest.update(tensor.bytes)
        }
        metadata[digestKey] = hexadecimal(digest.digest())
        return (tensors, metadata)
    }

    /// Returns the configuration of an open model file. Throws `ToolError` with status `dataError`.
    public static func configuration(of reader: SafetensorsReader) throws -> EncoderConfiguration {
        let file = reader.file.name
        guard let text = reader.metadata[key] else {
            throw ToolError.data(file, "", "has no configuration of a contour model in its metadata")
        }
        let configuration: EncoderConfiguration
        do {
            configuration = try ConfigurationText.decode(text)
        } catch {
            let cause = jsonFault(error).map { $0 + ": " } ?? ""
            throw ToolError.data(file, "metadata \(key)", "\(cause)the configuration is damaged or of a later version")
        }
        if let complaint = configuration.complaint { throw ToolError.data(file, "metadata \(key)", complaint) }
        return configuration
    }

    /// Returns the records of an open model's training; empty for a model that was not trained here.
    public static func records(of reader: SafetensorsReader) -> [TrainingRecord] { TrainingRecord.decode(reader) }

    /// Opens a model with memory for batches of `capacity`. Unless it is to be trained, its weights stay in the mapped file, and
    /// start-up only checks each of them.
    ///
    /// - `hasOutput`: whether it will predict; if not, weights of output layers are not read.
    /// - `backends`: backends of a device, which get the weights, one for each direction; empty to use the processor.
    ///
    /// - Throws: `ToolError`: `noInput` if the file cannot be opened; `dataError` if a tensor is missing, unknown, of another shape
    ///   than the configuration requires, or holds a number that is not finite.
    public static func read(
        _ path: String, capacity: WindowCapacity, training: (any Optimizer)? = nil, hasOutput: Bool = true,
        pool: ThreadPool, backends: [any Backend] = []
    ) throws -> ContextualEncoder {
        try read(path, training: training, hasOutput: hasOutput, pool: pool, backends: backends) { _ in capacity }
    }

    /// Opens a model in the same way, with memory for batches of the size that `capacity` returns for it.
    public static func read(
        _ path: String, training: (any Optimizer)? = nil, hasOutput: Bool = true, pool: ThreadPool, backends: [any Backend] = [],
        capacity: (EncoderConfiguration) -> WindowCapacity
    ) throws -> ContextualEncoder {
        let reader = try SafetensorsReader(path: path)
        let configuration = try configuration(of: reader)
        try checkSize(configuration, reader)
        let encoder = ContextualEncoder(
            configuration, capacity: capacity(configuration), training: training, hasOutput: hasOutput, pool: pool,
            backends: Array(backends.prefix(configuration.directions.count)))
        if training == nil && backends.isEmpty { try borrow(reader, for: encoder, pool: pool) } else { try load(reader, into: encoder) }
        if training == nil { encoder.fileDigest = reader.metadata[digestKey] }
        encoder.records = TrainingRecord.decode(reader)
        if let units = reader.metadata[unitsKey] {
            encoder.units = units.parts(separatedBy: " ")
            guard encoder.units.count == configuration.vocabularySize else {
                throw ToolError.data(path, "metadata \(unitsKey)", "has not as many units as the configuration")
            }
        }
        return encoder
    }

    /// Copies the weights of an open model or checkpoint of the same configuration. Throws `ToolError` like `read`; some weights
    /// may have been copied by then.
    public static func load(_ reader: SafetensorsReader, into encoder: ContextualEncoder) throws {
        for (tensor, parameter, store) in try tensors(of: reader, for: encoder) {
            try read(tensor, of: reader, into: store.value(parameter), on: store.backend)
            try checkNumbers(parameter, store, reader)
        }
        try checkDigest(reader)
        encoder.records = TrainingRecord.decode(reader)
    }

    /// Copies a tensor to a matrix of a backend. Throws what `SafetensorsReader.copy` throws.
    public static func read(
        _ tensor: SafetensorsReader.Tensor, of reader: SafetensorsReader, into matrix: Matrix, on backend: any Backend
    ) throws {
        if backend.computesInHostMemory { return try reader.copy(tensor, into: matrix.start) }
        let copy = FloatBuffer(count: matrix.rows * matrix.columns)
        try reader.copy(tensor, into: copy.start)
        backend.write(UnsafeBufferPointer(copy.elements), to: matrix)
    }

    /// Makes `encoder` use the weights in place in the file, and checks them on all threads. Throws `ToolError` like `read`.
    private static func borrow(_ reader: SafetensorsReader, for encoder: ContextualEncoder, pool: ThreadPool) throws {
        let tensors = try tensors(of: reader, for: encoder)
        (encoder.file, encoder.fileDigest) = (reader.file, reader.metadata[digestKey])
        for (tensor, parameter, store) in tensors {
            guard let start = try reader.floats(tensor) else {
                try reader.copy(tensor, into: store.value(parameter).start)
                continue
            }
            let columns = parameter.shape.last ?? 1
            let weights = Matrix(
                UnsafeMutablePointer(mutating: start), rows: parameter.count / max(1, columns), columns: columns)
            store.borrow(parameter, at: weights, from: reader.file)
        }
        let failures = Mutex<[Int: any Error]>([:])
        // The digest is the longest task and runs on one thread.
        pool.forEach(1 + tensors.count) { index in
            do {
                if index == 0 { return try checkDigest(reader) }
                let (_, parameter, store) = tensors[index - 1]
                try checkNumbers(parameter, store, reader)
            } catch {
                failures.withLock { $0[index] = error }
            }
        }
        let found = failures.withLock { $0 }
        // An error in a tensor is reported before one in the digest.
        if let first = found.keys.filter({ $0 > 0 }).min() ?? found.keys.first, let error = found[first] { throw error }
    }

    private static func checkNumbers(_ parameter: Parameter, _ store: ParameterStore, _ reader: SafetensorsReader) throws {
        guard store.isFinite(parameter) else {
            throw ToolError.data(reader.file.name, "tensor \(parameter.name)", "holds a number that is not finite")
        }
    }

    /// Throws `ToolError` with status `dataError` unless names and shapes of the tensors are those that the configuration requires.
    static func checkTensors(_ reader: SafetensorsReader, _ configuration: EncoderConfiguration) throws {
        try checkSize(configuration, reader)
        // Its memory is never touched.
        let encoder = ContextualEncoder(
            configuration, capacity: WindowCapacity(batch: 1, rows: 1), training: nil, pool: ThreadPool(threads: 1))
        _ = try tensors(of: reader, for: encoder)
    }

    /// Returns the tensors of a file, each with its weight. Skips tensors of a training run, and those of output layers that
    /// `encoder` does not have.
    private static func tensors(
        of reader: SafetensorsReader, for encoder: ContextualEncoder
    ) throws -> [(SafetensorsReader.Tensor, Parameter, ParameterStore)] {
        let path = reader.file.name
        var result: [(SafetensorsReader.Tensor, Parameter, ParameterStore)] = []
        var remaining = Dictionary(uniqueKeysWithValues: reader.tensors.map { ($0.name, $0) })
        for store in encoder.stores {
            for parameter in store.layout.parameters {
                let place = "tensor \(parameter.name)"
                guard let tensor = remaining.removeValue(forKey: parameter.name) else {
                    throw ToolError.data(path, place, "is missing")
                }
                guard tensor.shape == parameter.shape else {
                    throw ToolError.data(path, place, "has shape \(tensor.shape), and must have \(parameter.shape)")
                }
                result.append((tensor, parameter, store))
            }
        }
        let outputs = encoder.hasOutput ? [] : encoder.directions.map { "\($0.direction.rawValue).output." } + ["output."]
        let unknown = remaining.keys.filter { name in
            !name.begins(with: trainingPrefix) && !outputs.contains { name.begins(with: $0) }
        }
        if let name = unknown.min() {
            throw ToolError.data(path, "tensor \(name)", "is unknown to this model")
        }
        return result
    }

    /// Throws `ToolError` with status `dataError` unless the digest in the metadata matches the content.
    public static func checkDigest(_ reader: SafetensorsReader) throws {
        var digest = digest(of: reader.metadata)
        for tensor in reader.tensors { reader.withBytes(of: tensor) { digest.update($0) } }
        guard hexadecimal(digest.digest()) == reader.metadata[digestKey] else {
            throw ToolError.data(reader.file.name, "", "the model is damaged: its digest is not that of its content")
        }
    }

    private static func digest(of metadata: [String: String]) -> XXH64 {
        var digest = XXH64()
        for (_, text) in metadata.filter({ $0.key != digestKey })
            .sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            Array(text.utf8).withUnsafeBytes { digest.update($0) }
        }
        return digest
    }

    /// Checks, before memory is allocated, that the configuration has about as many weights as the file.
    private static func checkSize(_ configuration: EncoderConfiguration, _ reader: SafetensorsReader) throws {
        let floats = reader.file.bytes.count / 4
        let family = configuration.encoder.family, width = configuration.width
        guard family.layers <= reader.tensors.count, family.weights(isCausal: configuration.isCausal) <= Double(floats),
            width * max(configuration.inputSize, configuration.outputSize) <= floats, configuration.vocabularySize <= floats,
            configuration.inputWeights <= Double(floats)
        else {
            throw ToolError.data(reader.file.name, "", "has fewer weights than its configuration asks for")
        }
    }
}

/// Copies of matrices in the host's memory for writing to files: those of a device are copied and kept.
public final class HostCopies {
    private var copies: [FloatBuffer] = []

    /// Creates an empty set of copies.
    public init() {}

    /// Returns the floats of a dense matrix, valid as long as its owner and this object live.
    public func start(of matrix: Matrix, on backend: any Backend) -> UnsafePointer<Float> {
        if backend.computesInHostMemory { return UnsafePointer(matrix.start) }
        let copy = FloatBuffer(count: matrix.rows * matrix.columns)
        Matrix(copy, rows: matrix.rows, columns: matrix.columns).copy(from: backend.read(matrix))
        copies.append(copy)
        return UnsafePointer(copy.start)
    }
}

extension ModelFile {
    /// Joins models of one direction each, trained separately, to one model with both directions.
    ///
    /// Throws `ToolError` like `read`, and `configuration` unless the models are two directions of the same encoder, trained with
    /// the same table on text of the same kind.
    public static func merge(_ paths: [String], pool: ThreadPool) throws -> ContextualEncoder {
        var merged: EncoderConfiguration?
        var models: [(Direction, SafetensorsReader)] = []
        for path in paths {
            let reader = try SafetensorsReader(path: path)
            var configuration = try configuration(of: reader)
            guard configuration.objective != .masked else {
                throw ToolError(.configuration, "\(path): is a model of masked words, which has no directions to join")
            }
            guard !configuration.sharesLayers else {
                throw ToolError(.configuration, "\(path): its directions share layers, which cannot be trained apart")
            }
            for direction in configuration.directions { models.append((direction, reader)) }
            configuration.reading = .both
            if let merged, merged != configuration {
                throw ToolError(
                    .configuration, "\(path): does not fit \(paths[0]): \(configuration.difference(from: merged))")
            }
            merged = configuration
        }
        let directions = models.map(\.0)
        guard let configuration = merged, Set(directions).count == directions.count, directions.count > 1 else {
            let have = directions.map(\.rawValue).joined(separator: " and ")
            throw ToolError(
                .configuration,
                "\(paths.joined(separator: ", ")): have \(have.isEmpty ? "no direction" : have); --merge joins a forward and "
                    + "a backward model")
        }
        let capacity = WindowCapacity(batch: 1, rows: 1)
        let encoder = ContextualEncoder(configuration, capacity: capacity, training: nil, pool: pool)
        var records: [TrainingRecord] = []
        for path in paths {
            let part = try read(path, capacity: capacity, pool: pool)
            encoder.units = part.units
            records += part.records
            for model in part.directions {
                encoder.directions.first { $0.direction == model.direction }?.parameters.copyValues(of: model.parameters)
            }
        }
        encoder.records = TrainingRecord.joined(records)
        return encoder
    }
}

extension ModelFile {
    /// Describes a model: its configuration, how it was trained and how it scored, then a line for each tensor with name, shape and
    /// number of weights.
    ///
    /// Throws `ToolError` like `read`.
    public static func describe(_ path: String) throws -> String {
        let reader = try SafetensorsReader(path: path)
        let configuration = try configuration(of: reader)
        // The digest does not cover the tensors' names; the configuration does.
        try checkDigest(reader)
        try checkTensors(reader, configuration)
        var text = "\(path)\n"
        text += "encoder \(configuration.encoder.name), directions "
        text += configuration.directions.map(\.rawValue).joined(separator: " and ")
        text += configuration.objective == .masked ? ", \(configuration.maskingDescription)\n" : "\n"
        text += "input \(configuration.input.rawValue), output \(configuration.outputDescription)"
        text += configuration.sharesLayers ? ", shared by the directions\n" : "\n"
        if configuration.input == .characters { text += "characters \(configuration.characterDescription)\n" }
        text += "vectors \(configuration.inputSize), \(configuration.encoder.family.description)"
        if configuration.output == .continuous { text += "loss \(configuration.lossDescription)\n" }
        text += "vectors centred \(configuration.centred), table \(configuration.tableDigest)\n"
        text += "tokens \(configuration.tokenizer)\n"
        for record in TrainingRecord.decode(reader) { text += record.description }
        var total = 0
        for tensor in reader.tensors.sorted(by: { $0.name < $1.name }) {
            let count = tensor.shape.reduce(1, *)
            total += count
            text += "\(tensor.name)\t\(tensor.shape.map(String.init).joined(separator: " x "))\t\(count)\n"
        }
        return text + "all\t\t\(total)\n"
    }
}
