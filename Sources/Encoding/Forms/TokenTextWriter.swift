public import Files
import Shards

/// The tokens beside vectors in any form: a line a sentence, its tokens with a space between them, an empty line for an empty
/// sentence. Token i of the file, counted through all lines, is row i of the vectors; of pooled sentences, line i is row i.
public final class TokenTextWriter: VectorWriter {
    private let writer: any VectorWriter
    private let output: OutputFile
    private let isFlushed: Bool
    private var tokens = 0

    /// - Parameters:
    ///   - output: the file of tokens, which the caller commits.
    ///   - writer: what the vectors are handed on to.
    ///   - isFlushed: whether a line is handed on before its vectors are written.
    public init(_ output: OutputFile, beside writer: any VectorWriter, isFlushed: Bool = false) {
        self.output = output
        self.writer = writer
        self.isFlushed = isFlushed
    }

    /// Throws `ToolError` with status `dataError` for a token that is empty or has white space in it, which a token shard of other
    /// makers may hold, and which could not be found again.
    public func begin(_ words: [String]) throws {
        var line: [UInt8] = []
        for var word in words {
            tokens += 1
            try word.withUTF8 { bytes in
                try checkWord(UnsafeRawBufferPointer(bytes), number: tokens, file: output.name)
                if !line.isEmpty { line.append(UInt8(ascii: " ")) }
                line.append(contentsOf: bytes)
            }
        }
        line.append(UInt8(ascii: "\n"))
        try output.write(line)
        if isFlushed { try output.flush() }
        try writer.begin(words)
    }

    public func append(_ values: UnsafeBufferPointer<Float>) throws { try writer.append(values) }
    public func end() throws { try writer.end() }
    public func finish() throws { try writer.finish() }

    /// The size of the file.
    public static func size(_ input: InputSize) -> OutputSize {
        // Behind each token is a space or a line end, and in an empty line its end.
        let size = input.wordBytes + input.tokens + input.emptySentences
        return OutputSize(bytes: size, input.isCounted && input.hasExactWords ? .exact : .about)
    }
}
