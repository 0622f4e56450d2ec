public import ArgumentParser
public import Encoding
import Files
import HDF5
import Kernels
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

    @Option(
        help: ArgumentHelp(
            """
            Also write the tokens, with any form: a line a sentence, a space between tokens, an empty line for an empty sentence. \
            Token by token (--pool: line by line) they are the rows of the vectors.
            """,
            valueName: "file"),
        completion: .file())
    var tokens: String?

    /// Whether nothing was chosen.
    var isDefault: Bool {
        layers == .all && mix == nil && pool == nil && format == .shard && storage == .float32 && !lineBuffered
            && tokens == nil
    }

    /// Throws `ValidationError` for choices that exclude each other.
    func check(output: String) throws {
        if mix != nil && layers != .all { throw ValidationError("--mix adds all layers up: leave --layers out") }
        if format.isText && storage != .float32 {
            throw ValidationError("--storage float16 is for binary forms, not for --format \(format.rawValue)")
        }
        if lineBuffered && !format.isText { throw ValidationError("--line-buffered needs --format json or text") }
        if let tokens {
            let others = format == .npy ? [output, Self.offsets(of: output)] : [output]
            guard !others.contains(where: { $0 == tokens || isSameFile($0, tokens) }) else {
                throw ValidationError("--tokens and -o name the same file, \(tokens == "-" ? "standard output" : tokens)")
            }
        }
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

    /// Makes the outputs, empty. Throws `ToolError` like what makes them.
    func open(_ output: OutputOption) throws -> FormTarget {
        let vectors: FormTarget.Vectors
        switch format {
        case .npyFolder: vectors = .folder(try OutputFolder(path: output.output, suffix: ".npy"))
        case .hdf5: vectors = .hdf5(try HDF5Writer(path: output.output))
        case .npy:
            let file = try output.open(binary: true)
            guard file.hasPlaces else {
                throw ToolError(.usage, "\(output.output): NumPy arrays begin with their size, and need a plain file")
            }
            vectors = .npy(file, offsets: try OutputFile(path: Self.offsets(of: output.output), binary: true))
        case .shard, .json, .text: vectors = .file(try output.open(binary: !format.isText))
        }
        return FormTarget(vectors: vectors, tokens: try tokens.map { try OutputFile(path: $0, binary: false) })
    }

    /// `vectors.npy` has its offsets in `vectors.offsets.npy`.
    private static func offsets(of path: String) -> String {
        "\(path.ends(with: ".npy") ? String(Substring(path.utf8.dropLast(4))) : path).offsets.npy"
    }

    /// What the outputs will take where they are written; `nil` if that is not known.
    func plan(_ input: InputSize?, _ model: LoadedModel, _ choice: LayerChoice, output: String) -> DiskPlan? {
        guard let input else { return nil }
        let extent = OutputExtent(
            input, layers: choice.count(of: model.encoder.layerCount), width: model.encoder.layerWidth, storage: storage,
            isPooled: pool != nil)
        let size =
            switch format {
            case .shard: ShardVectorWriter.size(extent)
            case .npy: NpyVectorWriter.size(extent)
            case .npyFolder: NpyFolderWriter.size(extent)
            case .hdf5: HDF5VectorWriter.size(extent)
            case .json: JSONVectorWriter.size(extent)
            case .text: TextVectorWriter.size(extent)
            }
        return DiskPlan([(output, size)] + (tokens.map { [($0, TokenTextWriter.size(input))] } ?? []))
    }
}
