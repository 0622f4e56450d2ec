import Encoding
import Files
import HDF5
import Kernels
import Model
import Parallel
import Shards
import ToolSupport
import WordVectors

/// What the vectors and tokens are written to.
struct FormTarget {
    enum Vectors {
        case file(OutputFile)
        case npy(OutputFile, offsets: OutputFile)
        case folder(OutputFolder)
        case hdf5(HDF5Writer)
    }

    let vectors: Vectors
    let tokens: OutputFile?

    /// A writer of the form asked for. Throws `ToolError` if it cannot begin.
    func writer(
        _ model: LoadedModel, _ choice: LayerChoice, _ form: FormOptions, _ pool: WorkerPool
    ) throws -> any VectorWriter {
        let layers = choice.count(of: model.encoder.layerCount), width = model.encoder.layerWidth
        let writer: any VectorWriter
        switch vectors {
        case .folder(let folder):
            writer = NpyFolderWriter(folder, layers: layers, width: width, storage: form.storage)
        case .hdf5(let file):
            writer = try HDF5VectorWriter(file, layers: layers, width: width, storage: form.storage)
        case .npy(let file, let offsets):
            writer = try NpyVectorWriter(file, offsets: offsets, layers: layers, width: width, storage: form.storage)
        case .file(let file) where form.format == .json:
            writer = JSONVectorWriter(file, layers: layers, width: width, isFlushed: form.lineBuffered)
        case .file(let file) where form.format == .text:
            writer = TextVectorWriter(file, layers: layers, width: width, isFlushed: form.lineBuffered)
        case .file(let file):
            var fields: ShardFields = [
                "layer-choice": choice.description, "model": model.digest,
                "table": model.table.map { hexadecimal($0.table.digest) } ?? "",
                "trained-with-table": model.encoder.configuration.tableDigest,
            ]
            if model.precision != .float32 { fields.append("precision", model.precision.rawValue) }
            if let pooling = form.pool { fields.append("pool", pooling.rawValue) }
            writer = try ShardVectorWriter(
                file, tool: Encode.signature, layers: layers, width: width, storage: form.storage, fields: fields, pool: pool)
        }
        let pooled = form.pool.map { PoolingWriter(writer, $0, layers: layers, width: width) } ?? writer
        // Before sentences become their only tokens.
        let whole = tokens.map { TokenTextWriter($0, beside: pooled, isFlushed: form.lineBuffered) } ?? pooled
        return FiniteVectors(whole, of: model.name)
    }

    /// Gives the outputs their names, once all of them are on the disk; that of the vectors comes last.
    func commit() throws {
        try tokens?.prepare()
        switch vectors {
        case .file(let file):
            try file.prepare()
            try tokens?.commit()
            try file.commit()
        case .npy(let file, let offsets):
            try offsets.prepare()
            try file.prepare()
            try tokens?.commit()
            try offsets.commit()
            try file.commit()
        case .folder(let folder):
            try tokens?.commit()
            try folder.commit()
        case .hdf5(let file):
            try file.prepare()
            try tokens?.commit()
            try file.commit()
        }
    }
}
