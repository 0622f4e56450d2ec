public import Files
internal import FoundationEssentials
@_spi(HostMemory) import Kernels
public import Layers
internal import Shards

/// A task network in a safetensors file, with the facts that the network needs as JSON in the metadata.
public struct TaskModel {
    /// The description of a network in its file.
    public struct Facts: Codable, Sendable {
        /// The name of the task that the network learns, `LabelledTask.learnedTask`.
        public var task: String
        /// The size of the network, a raw value of `TaskSize`.
        public var size: String
        /// The sizes of `VectorForm`.
        public var layers, width, wordWidth: Int
        /// The model or table that made the vectors, by the name that the user gave.
        public var vectors: String
        /// See `LabelledTask.facts`.
        public var facts: [String: [String]]

        /// Makes the description of a network.
        public init(task: String, size: TaskSize, form: VectorForm, vectors: String, facts: [String: [String]]) {
            (self.task, self.size, self.vectors, self.facts) = (task, size.rawValue, vectors, facts)
            (layers, width, wordWidth) = (form.layers, form.width, form.wordWidth)
        }

        /// The form of the vectors that the network reads.
        public var form: VectorForm { VectorForm(layers: layers, width: width, wordWidth: wordWidth) }
    }

    private static let key = "contour-task"

    /// Writes a network; the caller commits the file. Throws `ToolError` with status `ioError`.
    public static func write(_ facts: Facts, _ parameters: ParameterStore, to output: OutputFile) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(facts), as: UTF8.self)
        try Safetensors.write(
            parameters.layout.parameters.map { SafetensorsOutput(name: $0.name, shape: $0.shape, start: parameters.value($0).start) },
            metadata: [key: text], to: output)
    }

    /// The description of the network.
    public let facts: Facts
    private let reader: SafetensorsReader

    /// Opens a file. Throws `ToolError`: `noInput` if it cannot be opened, and `dataError` if it holds no task network.
    public init(path: String) throws {
        reader = try SafetensorsReader(path: path)
        guard let text = reader.metadata[Self.key] else {
            throw ToolError.data(path, "", "is not the network of a task, as bench task --save writes it")
        }
        do { facts = try JSONDecoder().decode(Facts.self, from: Data(text.utf8)) } catch {
            throw ToolError.data(path, "metadata \(Self.key)", "is damaged")
        }
    }

    /// Copies the weights into `parameters`. Throws `ToolError`, `dataError`, if they do not fit this network.
    public func load(into parameters: ParameterStore) throws {
        let layout = parameters.layout.parameters
        guard reader.tensors.count == layout.count else { throw damaged("has \(reader.tensors.count) tensors, and must have \(layout.count)") }
        for parameter in layout {
            guard let tensor = reader.tensors.first(where: { $0.name == parameter.name }) else { throw damaged("has no tensor \(parameter.name)") }
            guard tensor.shape == parameter.shape else {
                throw ToolError.data(
                    reader.file.name, "tensor \(tensor.name)", "is of the shape \(tensor.shape), and must be of \(parameter.shape)")
            }
            try reader.copy(tensor, into: parameters.value(parameter).start)
            guard parameters.isFinite(parameter) else {
                throw ToolError.data(reader.file.name, "tensor \(tensor.name)", "holds what is no number")
            }
        }
    }

    private func damaged(_ what: String) -> ToolError { ToolError.data(reader.file.name, "", what) }
}
