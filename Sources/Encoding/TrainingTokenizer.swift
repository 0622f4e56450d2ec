import Files
public import Model
import Shards
public import Tokenization

extension Tokenizer {
    /// Tokenises text as the training text of a model was; the model says how. Sentences are not cut.
    /// - Parameter mode: another way of finding tokens.
    public init(for configuration: EncoderConfiguration, mode: Mode? = nil) {
        let options = Self.options(configuration)
        func value(_ name: String) -> String? { options[name] }
        self.init(
            mode: mode ?? value("mode").flatMap(Mode.init(rawValue:)) ?? .penn, lowercase: value("lowercase") == "true",
            normalization: value("normalize").flatMap(Normalization.init(rawValue:)) ?? .none, maximumSentenceLength: .max)
    }

    /// What of a token shard's header says how its words were made: sentences, and units of words, are another matter.
    static func description(_ fields: ShardFields) -> String {
        ["mode", "lowercase", "normalize"].compactMap { name in fields[name].map { "\(name)=\($0)" } }.joined(separator: " ")
    }

    /// The same of a model's training text; empty if that is not known.
    public static func description(_ configuration: EncoderConfiguration) -> String {
        let options = options(configuration)
        return ["mode", "lowercase", "normalize"].compactMap { name in options[name].map { "\(name)=\($0)" } }
            .joined(separator: " ")
    }

    private static func options(_ configuration: EncoderConfiguration) -> [String: String] {
        var result: [String: String] = [:]
        for option in configuration.tokenizer.parts(separatedBy: " ") {
            let parts = option.parts(separatedBy: "=", most: 1)
            if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
        }
        return result
    }
}
