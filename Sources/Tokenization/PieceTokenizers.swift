import Synchronization

/// Piece tokenizers that wait for their next piece; a thread takes one, and puts it back.
final class PieceTokenizers: Sendable {
    /// One thread at a time has it.
    private final class Entry: @unchecked Sendable {
        var tokenizer: PieceTokenizer
        init(_ tokenizer: consuming PieceTokenizer) { self.tokenizer = tokenizer }
    }

    private let tokenizer: Tokenizer
    private let pieceSize: Int
    private let waiting = Mutex<[Entry]>([])

    init(_ tokenizer: Tokenizer, pieceSize: Int) {
        self.tokenizer = tokenizer
        self.pieceSize = pieceSize
    }

    /// Replaces `result` with what `text` holds. Throws `TextError`.
    func tokenize(_ text: UnsafeRawBufferPointer, into result: inout TokenizedPiece) throws {
        if let invalid = firstInvalidByte(in: text) { throw TextError(invalid, in: text) }
        let entry = waiting.withLock { $0.popLast() } ?? Entry(PieceTokenizer(tokenizer, pieceSize: pieceSize))
        entry.tokenizer.run(text, into: &result)
        // A piece out of the ordinary leaves much memory behind.
        if text.count <= pieceSize { waiting.withLock { $0.append(entry) } }
    }
}
