import Kernels
import Shards

extension ModelFile {
    /// A model as text: its configuration, how it was trained and how it scored, then a line for each tensor with name, shape and number of weights.
    ///
    /// Throws `ToolError` like `read`.
    public static func describe(_ path: String) throws -> String {
        let reader = try SafetensorsReader(path: path)
        let configuration = try configuration(of: reader)
        // The digest does not know the tensors' names; the configuration does.
        try checkDigest(reader)
        try checkTensors(reader, configuration)
        var text = "\(path)\n"
        text += "encoder \(configuration.encoder.name), directions "
        text += configuration.directions.map(\.rawValue).joined(separator: " and ") + "\n"
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
