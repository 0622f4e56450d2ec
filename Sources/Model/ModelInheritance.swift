import Files
@_spi(HostMemory) import Kernels
import Layers
import Shards

/// The weights that a new network has taken from a finished model, and those that it has not.
public struct ModelInheritance: Sendable {
    /// The digest of the model that the weights are from.
    public internal(set) var digest = ""
    /// True if the network reads vectors, and of another table than the model.
    public internal(set) var hasOtherTable = false
    /// Weights that were taken whole, by the names of their tensors.
    public internal(set) var taken: [String] = []
    /// Weights with a row for each unit of words, of which the rows of those units were taken that both vocabularies have.
    public internal(set) var rows: [(name: String, taken: Int, count: Int)] = []
    /// Weights that begin as they would without a model, and why.
    public internal(set) var left: [(name: String, reason: String)] = []
    /// Tensors of the model that the new network has no use for.
    public internal(set) var unused: [String] = []
}

extension ModelFile {
    /// Gives a network the weights of a finished model that fit it, so that training goes on from there on other text, with another
    /// table or another vocabulary.
    ///
    /// A weight fits if the model has one of the same name and shape. What stands for words fits if both networks have the same
    /// vocabulary, or table; with two vocabularies of units, units that are spelled alike keep their rows.
    ///
    /// Throws `ToolError`: `noInput` if the file cannot be opened, `dataError` if it is no model or damaged, and `configuration` if
    /// nothing of it fits.
    public static func inherit(from path: String, into encoder: ContextualEncoder) throws -> ModelInheritance {
        let reader = try SafetensorsReader(path: path)
        let model = try configuration(of: reader)
        try checkDigest(reader)
        try checkTensors(reader, model)
        let units = reader.metadata[unitsKey].map { $0.parts(separatedBy: " ") } ?? []
        var result = ModelInheritance()
        result.digest = reader.metadata[digestKey] ?? ""
        result.hasOtherTable = encoder.configuration.input == .embeddings && encoder.configuration.tableDigest != model.tableDigest
        var tensors = Dictionary(uniqueKeysWithValues: reader.tensors.map { ($0.name, $0) })
        for store in encoder.stores {
            for parameter in store.layout.parameters {
                guard let tensor = tensors.removeValue(forKey: parameter.name) else {
                    result.left.append((parameter.name, "the model has no such weights"))
                    continue
                }
                let words = encoder.configuration.words(of: parameter.name)
                let isOfOtherWords: Bool
                switch words {
                case .none: isOfOtherWords = false
                case .vocabulary: isOfOtherWords = encoder.configuration.vocabularyDigest != model.vocabularyDigest
                case .table: isOfOtherWords = encoder.configuration.tableDigest != model.tableDigest
                }
                if !isOfOtherWords && tensor.shape == parameter.shape {
                    try read(tensor, of: reader, into: store.value(parameter), on: store.backend)
                    result.taken.append(parameter.name)
                } else if words == .vocabulary, !units.isEmpty, !encoder.units.isEmpty, tensor.shape.first == units.count,
                    parameter.shape.first == encoder.units.count, tensor.shape.dropFirst() == parameter.shape.dropFirst() {
                    let count = try inheritRows(tensor, of: reader, units: units, into: parameter, of: store, units: encoder.units)
                    result.rows.append((parameter.name, count, encoder.units.count))
                } else if isOfOtherWords {
                    result.left.append((parameter.name, "the model's is of another \(words == .table ? "table" : "vocabulary")"))
                } else {
                    result.left.append((parameter.name, "has the shape \(parameter.shape), and the model's \(tensor.shape)"))
                }
            }
        }
        result.unused = tensors.keys.filter { !$0.begins(with: trainingPrefix) }.sorted()
        guard !result.taken.isEmpty || !result.rows.isEmpty else {
            throw ToolError(.configuration, "\(path): nothing of it fits this network: \(model.difference(from: encoder.configuration))")
        }
        return result
    }

    /// Copies the rows of units that both vocabularies have. Returns how many they are.
    private static func inheritRows(
        _ tensor: SafetensorsReader.Tensor, of reader: SafetensorsReader, units old: [String], into parameter: Parameter,
        of store: ParameterStore, units new: [String]
    ) throws -> Int {
        let numbers = Dictionary(old.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let columns = parameter.shape.dropFirst().reduce(1, *), source = FloatBuffer(count: old.count * columns)
        try reader.copy(tensor, into: source.start)
        let backend = store.backend, target = FloatBuffer(count: new.count * columns)
        let values = store.value(parameter)
        let present = backend.computesInHostMemory ? Array(values.floats) : backend.read(values)
        for index in present.indices { target.start[index] = present[index] }
        var count = 0
        for (row, unit) in new.enumerated() {
            guard let number = numbers[unit] else { continue }
            for column in 0..<columns { target.start[row * columns + column] = source.start[number * columns + column] }
            count += 1
        }
        if backend.computesInHostMemory {
            for index in 0..<target.count { values.start[index] = target.start[index] }
        } else {
            backend.write(UnsafeBufferPointer(target.elements), to: values)
        }
        return count
    }
}

extension EncoderConfiguration {
    /// The words that rows of weights stand for.
    fileprivate enum Words { case none, vocabulary, table }

    /// Returns what the weights of this name stand for: those of a softmax and of units' vectors are of a vocabulary, trained targets are
    /// of the table's words.
    fileprivate func words(of name: String) -> Words {
        let path = name.parts(separatedBy: ".")
        // A layer of both directions has no direction in its name; layers inside the encoder have more parts.
        let layer = path.first.flatMap { Direction(rawValue: $0) } == nil ? path.first : path.dropFirst().first
        switch layer {
        case "output": return output != .continuous ? .vocabulary : name.hasSuffix(".vectors") ? .table : .none
        case "input": return input == .subwords && name.hasSuffix(".table") ? .vocabulary : .none
        default: return .none
        }
    }
}
