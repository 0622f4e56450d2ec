public import Files
public import Parallel
public import Shards

/// Counts over a stream of text.
public struct TokenizeStatistics: Sendable, Equatable {
    /// Bytes of text after decompression.
    public var bytes = 0
    /// Number of lines.
    public var lines = 0
    /// Number of lines without tokens. The output leaves them out, except where every line is a sentence.
    public var emptyLines = 0
    /// Number of sentences.
    public var sentences = 0
    /// Number of tokens.
    public var tokens = 0
    /// Number of sentences that exceeded the limit and were split.
    public var cutSentences = 0
    /// XXH64 of all bytes of text in order; identifies the text that a shard was made from.
    public var digest: UInt64 = 0
}

/// Tokenises any number of inputs one after another, in pieces, on all threads of a pool.
///
/// The boundaries of pieces, of about `pieceSize` bytes each, depend only on the text, so the batches are the same for any number
/// of threads. Two more pieces than threads are in progress, and never more text than `mostPieces` of them. Text must be UTF-8; a
/// byte order mark at the start of an input is dropped. The end of an input ends its last line and its last sentence.
public final class TokenizeStream {
    /// Maximum length of a line in bytes; in running text, of a stretch without a sentence that ends at a line's end.
    public static let longestLine = 16 << 20
    /// Maximum number of pieces in progress. Text, its tokens and the memory to make them take five to ten times the bytes of the
    /// text.
    private static let mostPieces = 12

    private let tokenizer: Tokenizer
    private let pieceSize: Int
    private let lineLimit: Int
    private let sink: (TokenBatch) throws -> Void
    private let workers: OrderedWorkers<Piece, Piece>
    private var statistics = TokenizeStatistics()
    private var digest = XXH64()
    private var spare: [Piece] = []
    private var bytesUnderWay = 0
    /// Name of the current input, and number of its lines tokenised.
    private var name = ""
    private var linesOfInput = 0

    /// Creates a stream.
    /// - `sink`: receives the batches in the order of the text, on the caller's thread.
    public init(
        tokenizer: Tokenizer, pool: WorkerPool, pieceSize: Int = 2 << 20, lineLimit: Int = TokenizeStream.longestLine,
        sink: @escaping (TokenBatch) throws -> Void
    ) {
        precondition(pieceSize > 0 && lineLimit > 0, "pieces and lines hold at least a byte")
        self.tokenizer = tokenizer
        self.pieceSize = pieceSize
        self.lineLimit = lineLimit
        self.sink = sink
        let tokenizers = PieceTokenizers(tokenizer, pieceSize: pieceSize)
        let window = pool.threads == 1 ? 1 : min(pool.threads + 2, Self.mostPieces)
        workers = OrderedWorkers(pool: pool, window: window) { piece in
            try tokenizers.tokenize(piece.text, into: &piece.tokenized)
            return piece
        }
    }

    /// Tokenises `source` to its end. Throws `ToolError`: `dataError` with file, line and byte for invalid text or too long a line,
    /// and what reading and the sink throw.
    public func read(_ source: any ByteSource) throws {
        name = source.name
        linesOfInput = 0
        var mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let source = try PeekedSource(source, oneOf: [mark])
        if source.head.starts(with: mark) {
            // The mark still counts among the bytes of the text.
            statistics.bytes += try mark.withUnsafeMutableBytes { try source.readFully(into: $0) }
            mark.withUnsafeBytes { digest.update($0) }
        }
        var piece = nextPiece()
        while true {
            let count: Int
            do {
                count = try source.readFully(into: piece.free)
            } catch {
                // Errors in earlier text must be reported first.
                try drain()
                throw error
            }
            digest.update(UnsafeRawBufferPointer(rebasing: piece.free[..<count]))
            statistics.bytes += count
            piece.count += count
            let isLast = !piece.free.isEmpty
            if isLast {
                if piece.count > 0 { try submit(piece) } else { spare.append(piece) }
                break
            }
            guard let cut = try cut(piece) else {
                piece.grow()
                continue
            }
            let rest = nextPiece()
            rest.take(from: piece, behind: cut)
            rest.searched = tokenizer.decided(in: rest.text)
            try submit(piece)
            piece = rest
        }
        try drain()
    }

    /// Ends the stream and returns the counts of all text. Call it after the last `read`.
    public func finish() -> TokenizeStatistics {
        statistics.digest = digest.digest()
        return statistics
    }

    /// Returns where to cut a full piece; `nil` if it must grow first.
    private func cut(_ piece: Piece) throws -> Int? {
        if let cut = tokenizer.lastCut(in: piece.text, behind: piece.searched) { return cut }
        piece.searched = tokenizer.decided(in: piece.text)
        guard piece.count >= lineLimit else { return nil }
        // Running text in which no sentence ends at a line's end is cut between lines.
        if let lineBreak = piece.text.lastIndex(of: 0x0A) { return lineBreak + 1 }
        try drain()
        throw ToolError.data(
            name, "line \(linesOfInput + 1)",
            "is longer than \(lineLimit) bytes; is it text? To cut it into lines, try: fold -s -w 100000")
    }

    private func submit(_ piece: Piece) throws {
        // Pieces with long lines count according to their length.
        let limit = Self.mostPieces * pieceSize
        while workers.isFull || (!workers.isEmpty && bytesUnderWay + piece.count > limit) { try takeOutcome() }
        bytesUnderWay += piece.count
        workers.submit(piece)
    }

    private func drain() throws {
        while !workers.isEmpty { try takeOutcome() }
    }

    private func takeOutcome() throws {
        let piece: Piece
        do {
            piece = try workers.next()
        } catch let error as TextError {
            throw ToolError.data(name, "line \(linesOfInput + error.line)", "byte \(error.byte) \(error.cause)")
        }
        bytesUnderWay -= piece.count
        linesOfInput += piece.tokenized.lines
        statistics.lines += piece.tokenized.lines
        statistics.emptyLines += piece.tokenized.emptyLines
        statistics.cutSentences += piece.tokenized.cutSentences
        statistics.sentences += piece.tokenized.batch.sentenceLengths.count
        statistics.tokens += piece.tokenized.batch.ids.count
        if !piece.tokenized.batch.sentenceLengths.isEmpty { try sink(piece.tokenized.batch) }
        if piece.isOrdinary(pieceSize) { spare.append(piece) }
    }

    private func nextPiece() -> Piece {
        guard let piece = spare.popLast() else { return Piece(capacity: pieceSize) }
        piece.count = 0
        piece.searched = 0
        return piece
    }
}

/// Opens text for `TokenizeStream.read` and decompresses it. Throws `ToolError` like `openInput`, and `dataError` for a shard,
/// which is LZ4 data, too.
public func openText(_ path: String) throws -> any ByteSource {
    let input = try PeekedShard(FileSource(path: path))
    guard input.kind == nil else {
        throw ToolError.data(input.source.name, "", "is a shard and not text; to see what a token shard holds, use --print")
    }
    return try decompressed(input.source)
}

/// A piece of text, filled by the reader, and its tokens, filled by a worker; only one of them at a time uses it.
private final class Piece: @unchecked Sendable {
    private var buffer: UnsafeMutableRawBufferPointer
    var count = 0
    /// Number of bytes at the start that are known to allow no cut.
    var searched = 0
    var tokenized = TokenizedPiece()

    init(capacity: Int) { buffer = .allocate(byteCount: capacity, alignment: 16) }

    deinit { buffer.deallocate() }

    var text: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<count]) }
    var free: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: buffer[count...]) }

    func isOrdinary(_ size: Int) -> Bool { buffer.count == size }

    func grow() { resize(buffer.count * 2) }

    private func resize(_ capacity: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
        larger.copyMemory(from: text)
        buffer.deallocate()
        buffer = larger
    }

    /// Moves what follows `cut` in `piece` here.
    func take(from piece: Piece, behind cut: Int) {
        let rest = UnsafeRawBufferPointer(rebasing: piece.text[cut...])
        if buffer.count <= rest.count { resize(piece.buffer.count) }
        buffer.copyMemory(from: rest)
        count = rest.count
        piece.count = cut
    }
}
