public import Model
public import Tokenization

extension Tokenizer {
    /// Tokenises text as the training text of a model was; the model says how. Sentences are not cut.
    /// - Parameter mode: another way of finding tokens.
    public init(for configuration: EncoderConfiguration, mode: Mode? = nil) {
        let options = configuration.tokenizer.split(separator: " ")
        func value(_ name: String) -> String? {
            options.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        self.init(
            mode: mode ?? value("mode").flatMap(Mode.init(rawValue:)) ?? .penn, lowercase: value("lowercase") == "true",
            normalization: value("normalize").flatMap(Normalization.init(rawValue:)) ?? .none, maximumSentenceLength: .max)
    }
}
