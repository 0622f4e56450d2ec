/// The field that an error of a JSON decoder is about, for a message: `options.batch is missing, or has a value that it cannot have`; `nil` if
/// the text is no JSON.
public func jsonFault(_ error: any Error) -> String? {
    let path: [any CodingKey]
    switch error as? DecodingError {
    case .keyNotFound(let key, let context): path = context.codingPath + [key]
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): path = context.codingPath
    default: return nil
    }
    guard !path.isEmpty else { return nil }
    let name = path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    return "\(name) is missing, or has a value that it cannot have"
}
