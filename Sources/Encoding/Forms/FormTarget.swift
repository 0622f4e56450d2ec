import Files
import HDF5
import Kernels
import Layers
import Model
public import Parallel
public import Shards
import WordVectors

/// The form in which vectors are written.
public struct VectorForm: Sendable, Equatable {
    /// A file format.
    public enum Format: String, CaseIterable, Sendable {
        /// A vector shard, and a NumPy array.
        case shard, npy
        /// A folder with a NumPy array for each sentence.
        case npyFolder = "npy-folder"
        /// HDF5, JSON Lines, and text.
        case hdf5, json, text

        var isText: Bool { self == .json || self == .text }
    }

    /// File format.
    public var format: Format
    /// Storage type of numbers.
    public var storage: RowStorage
    /// Pooling of a sentence's vectors to one; `nil` keeps them.
    public var pooling: PoolingWriter.Pooling?
    /// True if each sentence is output before the next one is read.
    public var isFlushed: Bool

    /// Creates a form.
    public init(
        _ format: Format = .shard, storage: RowStorage = .float32, pooling: PoolingWriter.Pooling? = nil, isFlushed: Bool = false
    ) {
        self.format = format
        self.storage = storage
        self.pooling = pooling
        self.isFlushed = isFlushed
    }

    /// Returns why this form cannot be written to a file or folder and a file of tokens, one of which may be `-` for standard
    /// output, in terms of `encode`'s options; `nil` if it can.
    public func complaint(output: String, tokens: String?) -> String? {
        if format.isText && storage != .float32 {
            return "--storage float16 is for binary forms, not for --format \(format.rawValue)"
        }
        if isFlushed && !format.isText { return "--line-buffered needs --format json or text" }
        let others = format == .npy ? [output, Self.offsets(of: output)] : [output]
        if let tokens, others.contains(where: { $0 == tokens || isSameFile($0, tokens) }) {
            return "--tokens and -o name the same file, \(tokens == "-" ? "standard output" : tokens)"
        }
        guard output == "-" else { return nil }
        return switch format {
        case .npy: "NumPy arrays begin with their size: --format npy needs -o FILE"
        case .npyFolder: "--format npy-folder needs -o FOLDER"
        case .hdf5: "HDF5 needs a file: --format hdf5 needs -o FILE"
        case .shard, .json, .text: nil
        }
    }

    /// Creates the outputs, which are empty. Throws `ToolError`.
    public func open(output: String, tokens: String?) throws -> FormTarget {
        let outputs: [any PreparedOutput], makeWriter: FormTarget.MakeWriter
        switch format {
        case .npyFolder:
            let folder = try OutputFolder(path: output, suffix: ".npy")
            (outputs, makeWriter) = ([folder], { layout, _ in NpyFolderWriter(folder, layout) })
        case .hdf5:
            let file = try HDF5Writer(path: output)
            (outputs, makeWriter) = ([file], { layout, _ in try HDF5VectorWriter(file, layout) })
        case .npy:
            let file = try OutputFile(path: output, binary: true)
            guard file.hasPlaces else {
                throw ToolError(.usage, "\(output): NumPy arrays begin with their size, and need a plain file")
            }
            let offsets = try OutputFile(path: Self.offsets(of: output), binary: true)
            (outputs, makeWriter) = ([offsets, file], { layout, _ in try NpyVectorWriter(file, offsets: offsets, layout) })
        case .shard, .json, .text:
            let file = try OutputFile(path: output, binary: !format.isText)
            (outputs, makeWriter) = ([file], { [self] layout, header in
                switch format {
                case .json: JSONVectorWriter(file, layout, isFlushed: isFlushed)
                case .text: TextVectorWriter(file, layout, isFlushed: isFlushed)
                default: try ShardVectorWriter(file, layout, tool: header.tool, fields: header.fields, pool: header.pool)
                }
            })
        }
        let tokens = try tokens.map { try OutputFile(path: $0, binary: false) }
        return FormTarget(form: self, tokens: tokens, vectors: outputs, makeWriter: makeWriter)
    }

    /// The offsets of `vectors.npy` are in `vectors.offsets.npy`.
    private static func offsets(of path: String) -> String {
        "\(path.ends(with: ".npy") ? String(Substring(path.utf8.dropLast(4))) : path).offsets.npy"
    }

    /// Returns how much space the outputs will take on their disks, with `layers` vectors of `width` values for each token.
    public func plan(_ input: InputSize, layers: Int, width: Int, output: String, tokens: String?) -> DiskPlan {
        let extent = OutputExtent(
            input, VectorLayout(layers: layers, width: width, storage: storage), isPooled: pooling != nil)
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

/// Open outputs for vectors and tokens, created by `VectorForm.open`.
public struct FormTarget {
    /// The header of a shard, and the pool that compresses it.
    fileprivate typealias Header = (tool: String, fields: ShardFields, pool: WorkerPool)
    fileprivate typealias MakeWriter = (VectorLayout, Header) throws -> any VectorWriter

    fileprivate let form: VectorForm
    fileprivate let tokens: OutputFile?
    /// The outputs of the vectors in the order in which they get their names.
    fileprivate let vectors: [any PreparedOutput]
    fileprivate let makeWriter: MakeWriter

    /// Returns a writer of the form. Throws `ToolError` if it cannot start.
    /// - `tool`: name and version of the program, for the header of a shard.
    public func writer(_ model: LoadedModel, _ choice: LayerChoice, tool: String, pool: WorkerPool) throws -> any VectorWriter {
        let layout = VectorLayout(
            layers: choice.count(of: model.encoder.layerCount), width: model.encoder.layerWidth, storage: form.storage)
        var fields: ShardFields = [
            "layer-choice": choice.description, "model": model.digest,
            "table": model.table.map { hexadecimal($0.table.digest) } ?? "",
            "trained-with-table": model.encoder.configuration.tableDigest,
        ]
        if model.precision != .float32 { fields.append("precision", model.precision.rawValue) }
        if let pooling = form.pooling { fields.append("pool", pooling.rawValue) }
        let writer = try makeWriter(layout, (tool, fields, pool))
        let pooled = form.pooling.map { PoolingWriter(writer, $0, layout) } ?? writer
        // Before pooling makes a sentence a single token.
        let whole = tokens.map { TokenTextWriter($0, beside: pooled, isFlushed: form.isFlushed) } ?? pooled
        return FiniteVectors(whole, of: model.name)
    }

    /// Gives the outputs their names after all of them are on disk; the vectors come last. Throws `ToolError`.
    public func commit() throws {
        let outputs = (tokens.map { [$0] } ?? []) + vectors
        for output in outputs { try output.prepare() }
        for output in outputs { try output.commit() }
    }
}

/// An output that can be written to disk completely before it gets its name.
private protocol PreparedOutput {
    func prepare() throws
    func commit() throws
}

extension OutputFile: PreparedOutput {}
extension HDF5Writer: PreparedOutput {}
extension OutputFolder: PreparedOutput {
    /// Does nothing: its files are on disk.
    fileprivate func prepare() {}
}
