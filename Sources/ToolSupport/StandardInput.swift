import ArgumentParser

/// Throws `ValidationError` if standard input, which can be read once, is named more often.
/// - Parameters:
///   - what: the inputs, as the user knows them: `merges and text`.
///   - paths: their names; `-` is standard input.
public func requireOneStandardInput(_ what: String, _ paths: [String?]) throws {
    guard paths.count(where: { $0 == "-" }) <= 1 else {
        throw ValidationError("of \(what) only one can come from standard input")
    }
}
