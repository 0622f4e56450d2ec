extension EncoderConfiguration {
    /// In which fields this configuration differs from another, for a message: `cell 512, not 1024; table …`.
    public func difference(from other: EncoderConfiguration) -> String {
        zip(Self.fields(self), Self.fields(other))
            .filter { $0.text != $1.text }
            .map { "\($0.name) \($0.text), not \($1.text)" }
            .joined(separator: "; ")
    }

    /// All fields by the names that users know, those of the encoder's shape among them.
    private static func fields(_ value: Any) -> [(name: String, text: String)] {
        Mirror(reflecting: value).children.flatMap { child -> [(name: String, text: String)] in
            if let encoder = child.value as? EncoderShape {
                return [("encoder", encoder.name)] + fields(encoder.family)
            }
            return [(names[child.label ?? ""] ?? child.label ?? "", text(child.value))]
        }
    }

    private static func text(_ value: Any) -> String {
        switch value {
        case let bound as Float?: bound.map { "\($0)" } ?? "none"
        case let size as Int?: size.map { "\($0)" } ?? "none"
        case let choice as any RawRepresentable<String>: choice.rawValue
        default: "\(value)"
        }
    }

    /// What users call fields whose names are others.
    private static let names = [
        "inputSize": "vectors of", "outputSize": "targets of", "tableDigest": "table", "tokenizer": "tokens",
        "layerNorm": "layer norm", "dropoutKind": "dropout kind", "normPenalty": "norm penalty", "dotScale": "dot scale",
        "reading": "directions",
    ]
}
