public import ArgumentParser
public import Encoding
import Files
import HDF5
import Layers
import Model
import Parallel
public import Shards
import ToolSupport
import WordVectors

extension LayerChoice: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
    public var defaultValueDescription: String { description }
}

extension PoolingWriter.Pooling: ExpressibleByArgument {}
extension RowStorage: ExpressibleByArgument {}

/// Which vectors, and in what form.
struct FormOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case shard, npy
        case npyFolder = "npy-folder"
        case hdf5, json, text

        var isText: Bool { self == .json || self == .text }
    }

    @Option(help: "Which layers: all (the input layer is the first), the top one, their average, or one by its number from 0.")
    var layers = LayerChoice.all

    @Option(
        help: ArgumentHelp(
            """
            The sum of the layers with weights that a task learned, softmax-normalised and times gamma: a JSON object such as \
            {"weights": [0.1, 0.3, -0.2], "gamma": 1.1}.
            """,
            valueName: "file"),
        completion: .file())
    var mix: String?

    @Option(help: "One vector a sentence instead of one a token: the mean of its tokens', or the greatest values.")
    var pool: PoolingWriter.Pooling?

    @Option(
        help: """
            The form of the output: a shard; NumPy's x.npy and x.offsets.npy, or a folder with a file a sentence; HDF5 as \
            AllenNLP's elmo makes it; JSON Lines; text, a line a token.
            """)
    var format = Format.shard

    @Option(help: "How numbers are stored: float32, or rounded to float16.")
    var storage = RowStorage.float32

    @Flag(help: "Write each sentence's vectors before the next line is read (json, text), for programs that ask and wait.")
    var lineBuffered = false

    /// Whether nothing was chosen.
    var isDefault: Bool {
        layers == .all && mix == nil && pool == nil && format == .shard && storage == .float32 && !lineBuffered
    }

    /// Throws `ValidationError` for choices that exclude each other.
    func check(output: String) throws {
        if mix != nil && layers != .all { throw ValidationError("--mix adds all layers up: leave --layers out") }
        if format.isText && storage != .float32 {
            throw ValidationError("--storage float16 is for binary forms, not for --format \(format.rawValue)")
        }
        if lineBuffered && !format.isText { throw ValidationError("--line-buffered needs --format json or text") }
        guard output == "-" else { return }
        switch format {
        case .npy: throw ValidationError("NumPy arrays begin with their size: --format npy needs -o FILE")
        case .npyFolder: throw ValidationError("--format npy-folder needs -o FOLDER")
        case .hdf5: throw ValidationError("HDF5 needs a file: --format hdf5 needs -o FILE")
        default: break
        }
    }

    /// Throws `ToolError` if the mix cannot be read.
    func choice() throws -> LayerChoice { try mix.map { .mix(try LayerMix(path: $0)) } ?? layers }

    /// Makes the output, empty. Throws `ToolError` like what makes it.
    func open(_ output: OutputOption) throws -> FormTarget {
        switch format {
        case .npyFolder: return .folder(try OutputFolder(path: output.output, suffix: ".npy"))
        case .hdf5: return .hdf5(try HDF5Writer(path: output.output))
        case .npy:
            let vectors = try output.open(binary: true)
            guard vectors.hasPlaces else {
                throw ToolError(.usage, "\(output.output): NumPy arrays begin with their size, and need a plain file")
            }
            // `vectors.npy` has its offsets in `vectors.offsets.npy`.
            let stem = output.output.hasSuffix(".npy") ? String(output.output.dropLast(4)) : output.output
            return .files([vectors, try OutputFile(path: stem + ".offsets.npy", binary: true)])
        case .shard, .json, .text: return .files([try output.open(binary: !format.isText)])
        }
    }
}

/// What the vectors are written to.
enum FormTarget {
    case files([OutputFile])
    case folder(OutputFolder)
    case hdf5(HDF5Writer)

    /// A writer of the form asked for. Throws `ToolError` if it cannot begin.
    func writer(
        _ model: LoadedModel, _ choice: LayerChoice, _ form: FormOptions, _ pool: WorkerPool
    ) throws -> any VectorWriter {
        let layers = choice.count(of: model.encoder.layerCount), width = model.encoder.layerWidth
        let writer: any VectorWriter
        switch (self, form.format) {
        case (.folder(let folder), _):
            writer = NpyFolderWriter(folder, layers: layers, width: width, storage: form.storage)
        case (.hdf5(let file), _):
            writer = try HDF5VectorWriter(file, layers: layers, width: width, storage: form.storage)
        case (.files(let files), .npy):
            writer = try NpyVectorWriter(files[0], offsets: files[1], layers: layers, width: width, storage: form.storage)
        case (.files(let files), .json):
            writer = JSONVectorWriter(files[0], layers: layers, width: width, isFlushed: form.lineBuffered)
        case (.files(let files), .text):
            writer = TextVectorWriter(files[0], layers: layers, width: width, isFlushed: form.lineBuffered)
        case (.files(let files), _):
            var fields: ShardFields = [
                "layer-choice": choice.description, "model": model.digest,
                "table": model.table.map { hexadecimal($0.table.digest) } ?? "",
                "trained-with-table": model.encoder.configuration.tableDigest,
            ]
            if model.precision != .float32 { fields.append("precision", model.precision.rawValue) }
            if let pooling = form.pool { fields.append("pool", pooling.rawValue) }
            writer = try ShardVectorWriter(
                files[0], tool: Encode.signature, layers: layers, width: width, storage: form.storage, fields: fields, pool: pool)
        }
        let pooled = form.pool.map { PoolingWriter(writer, $0, layers: layers, width: width) } ?? writer
        return FiniteVectors(pooled, of: model.name)
    }

    /// Gives the output its name.
    func commit() throws {
        switch self {
        case .files(let files): for file in files { try file.commit() }
        case .folder(let folder): try folder.commit()
        case .hdf5(let file): try file.commit()
        }
    }
}
