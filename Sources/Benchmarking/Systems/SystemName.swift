internal import Files
public import Model

/// What results call a network, so that a reader can tell what it is and how large: `ELMo-A full size 4096/512`,
/// `ELMo-C small 512/128`, `softmax base 1024/256 --loss l2`.
public struct SystemName {
    /// One of the published systems, or else what goes in and comes out.
    public let system: String
    /// What its size is called, if it has a name, and cell and projection.
    public let size: String

    public init(_ configuration: EncoderConfiguration) {
        system = switch (configuration.input, configuration.output) {
        case (.embeddings, .continuous): "ELMo-C"
        case (.embeddings, .adaptiveSoftmax): "ELMo-A"
        case (.characters, .sampledSoftmax): "ELMo"
        case (.subwords, .subwordSoftmax): "ELMo-Sub"
        case (.embeddings, let output): output.rawValue
        case (let input, let output): "\(output.rawValue) of \(input.rawValue)"
        }
        let sizes = "\(configuration.cell)/\(configuration.projection)"
        let preset = EncoderConfiguration.presets.last { $0.cell == configuration.cell && $0.projection == configuration.projection }
        // The published size goes by the names of four systems.
        size = preset.map { ($0.cell == Self.fullSize ? "full size" : $0.name) + " \(sizes)" } ?? sizes
    }

    private static let fullSize = 4096

    /// The name, with those of the user's words that it does not say yet.
    /// - Parameter words: a preset's name and options, as typed.
    public func text(_ words: [String]) -> String {
        var rest: [String] = [], index = words.first?.begins(with: "-") == false ? 1 : 0
        while index < words.count {
            let parts = words[index].parts(separatedBy: "=", most: 1)
            if let option = parts.first, Self.said.contains(option) {
                index += parts.count == 2 ? 1 : 2
            } else {
                rest.append(words[index])
                index += 1
            }
        }
        return ([system, size] + rest).joined(separator: " ")
    }

    /// Options that the name says, or a column of every table.
    private static let said: Set = ["--preset", "--input", "--output", "--cell", "--projection", "--vocabulary", "--units"]
}
