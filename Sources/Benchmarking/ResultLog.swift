public import Files
internal import FoundationEssentials

/// Results for programs: JSON Lines, one object a line with its keys in alphabetical order.
public struct ResultLog {
    private let output: OutputFile
    private let encoder = JSONEncoder()

    public init(_ output: OutputFile) {
        self.output = output
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    /// Throws what `output` throws.
    public func write(_ record: some Encodable) throws {
        try output.write([UInt8](encoder.encode(record)) + [UInt8(ascii: "\n")])
    }
}
