extension EncoderConfiguration {
    /// In which fields this configuration differs from another, for a message: `cell 512, not 1024; table …`.
    public func difference(from other: EncoderConfiguration) -> String {
        func text(_ value: Any) -> String {
            switch value {
            case let directions as [Direction]: directions.map(\.rawValue).joined(separator: " and ")
            case let bound as Float?: bound.map { "\($0)" } ?? "none"
            case let choice as any RawRepresentable<String>: choice.rawValue
            default: "\(value)"
            }
        }
        return zip(Mirror(reflecting: self).children, Mirror(reflecting: other).children)
            .map { (name: Self.names[$0.label ?? ""] ?? $0.label ?? "", mine: text($0.value), theirs: text($1.value)) }
            .filter { $0.mine != $0.theirs }
            .map { "\($0.name) \($0.mine), not \($0.theirs)" }
            .joined(separator: "; ")
    }

    /// What users call fields whose names are others.
    private static let names = [
        "inputSize": "vectors of", "outputSize": "targets of", "tableDigest": "table", "tokenizer": "tokens",
        "layerNorm": "layer norm", "dropoutKind": "dropout kind", "normPenalty": "norm penalty", "dotScale": "dot scale",
    ]
}
