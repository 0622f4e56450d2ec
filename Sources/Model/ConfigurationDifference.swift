extension EncoderConfiguration {
    /// In which fields this configuration differs from another, for a message: `cell 512, not 1024; …`.
    public func difference(from other: EncoderConfiguration) -> String {
        func text(_ value: Any) -> String {
            switch value {
            case let directions as [Direction]: directions.map(\.rawValue).joined(separator: " and ")
            case let bound as Float?: bound.map { "\($0)" } ?? "none"
            default: "\(value)"
            }
        }
        return zip(Mirror(reflecting: self).children, Mirror(reflecting: other).children)
            .map { (name: $0.label ?? "", mine: text($0.value), theirs: text($1.value)) }
            .filter { $0.mine != $0.theirs }
            .map { "\($0.name) \($0.mine), not \($0.theirs)" }
            .joined(separator: "; ")
    }
}
