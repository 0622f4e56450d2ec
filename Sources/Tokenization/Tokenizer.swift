public import Shards

/// The settings by which text is turned into tokens. Any number of threads may use them at once.
public struct Tokenizer: Sendable {
    /// The rule for splitting text into tokens.
    public enum Mode: String, CaseIterable, Sendable {
        /// English rules in the manner of the Penn Treebank (docs/tokenization.md); letters of other languages are not affected.
        case penn
        /// White space only, for text that is already tokenised.
        case whitespace
    }

    /// The rule for splitting text into sentences.
    public enum Sentences: String, CaseIterable, Sendable {
        /// Each line is one sentence; lines without tokens are left out.
        case lines
        /// Each line is one sentence, and a line without tokens is an empty one: sentences and lines correspond. None is split.
        case everyLine = "every-line"
        /// Each line is running text, such as a paragraph, and is split into sentences.
        case withinLines
        /// The whole text is running text: line breaks are spaces, and a blank line ends a paragraph.
        case runningText

        var splits: Bool { self == .withinLines || self == .runningText }
    }

    /// The rule for tokens.
    public var mode: Mode
    /// The rule for sentences.
    public var sentences: Sentences
    /// True if tokens are lowercased.
    public var lowercase: Bool
    /// Unicode normalisation of the text.
    public var normalization: Normalization
    /// Maximum number of tokens in a sentence; longer ones are split, except where every line is a sentence.
    public var maximumSentenceLength: Int

    /// Maximum number of bytes without white space that are processed together; longer runs are cut there, between characters. No
    /// word of any language is so long, and no token of a shard is longer, unless compatibility normalisation makes it so.
    public static let longestRun = 16 << 10

    /// Creates settings.
    public init(
        mode: Mode = .penn, sentences: Sentences = .lines, lowercase: Bool = false, normalization: Normalization = .none,
        maximumSentenceLength: Int = 1_000
    ) {
        precondition(maximumSentenceLength > 0, "a sentence holds at least one token")
        self.mode = mode
        self.sentences = sentences
        self.lowercase = lowercase
        self.normalization = normalization
        self.maximumSentenceLength = sentences == .everyLine ? .max : maximumSentenceLength
    }

    /// The settings as named in the header of a token shard.
    public var fields: ShardFields {
        [
            "mode": mode.rawValue, "sentences": sentences.rawValue, "lowercase": String(lowercase),
            "normalize": normalization.rawValue, "max-length": sentences == .everyLine ? "none" : String(maximumSentenceLength),
        ]
    }

    /// Tokenises `text`, which consists of whole lines of UTF-8; in running text, of whole paragraphs or sentences. Throws
    /// `TextError` at the first byte that is not text.
    public func tokenize(_ text: UnsafeRawBufferPointer) throws -> TokenizedPiece {
        if let invalid = firstInvalidByte(in: text) { throw TextError(at: invalid, in: text) }
        var worker = PieceTokenizer(self, pieceSize: text.count)
        var piece = TokenizedPiece()
        worker.run(text, into: &piece)
        return piece
    }

    /// Returns the last place where `text`, the start of a longer text, may be cut without splitting a sentence: after the last
    /// line break that ends a sentence whatever follows. `nil` if there is none.
    /// - Parameter searched: number of bytes at the start that are known to allow no cut (`decided`).
    func lastCut(in text: UnsafeRawBufferPointer, behind searched: Int = 0) -> Int? {
        guard let base = text.baseAddress else { return nil }
        var expander = ChunkExpander(self)
        var place = text.count - 1
        while place >= searched {
            defer { place -= 1 }
            guard text[place] == 0x0A else { continue }
            if sentences != .runningText || endsSentence(atLineBreak: place, base, text.count, &expander) {
                return place + 1
            }
        }
        return nil
    }

    /// Returns how many bytes of a text without a cut allow none whatever follows: up to the white space before the last chunk,
    /// which may continue.
    func decided(in text: UnsafeRawBufferPointer) -> Int {
        var end = text.count
        while end > 0 && text[end - 1] > 0x20 { end -= 1 }
        while end > 0 && text[end - 1] <= 0x20 { end -= 1 }
        return end
    }

    private func endsSentence(
        atLineBreak lineBreak: Int, _ base: UnsafeRawPointer, _ count: Int, _ expander: inout ChunkExpander
    ) -> Bool {
        func byte(_ position: Int) -> UInt8 { base.load(fromByteOffset: position, as: UInt8.self) }
        var stop = lineBreak
        while stop > 0 && byte(stop - 1) <= 0x20 && byte(stop - 1) != 0x0A { stop -= 1 }
        // A blank line ends what precedes it.
        if stop == 0 || byte(stop - 1) == 0x0A { return true }
        // What follows must be available for inspection: at least one whole chunk.
        var next = lineBreak + 1
        while next < count && byte(next) <= 0x20 { next += 1 }
        while next < count && byte(next) > 0x20 { next += 1 }
        guard next < count else { return false }
        var start = stop
        while start > 0 && byte(start - 1) > 0x20 && stop - start < 64 { start -= 1 }
        let chunk = UnsafeRawBufferPointer(start: base + start, count: stop - start)
        guard stop - start < 64, firstInvalidByte(in: chunk) == nil,
            firstInvalidByte(in: UnsafeRawBufferPointer(start: base + lineBreak, count: next - lineBreak)) == nil
        else { return false }
        var memory = FollowingText.Memory()
        return withUnsafeMutablePointer(to: &memory) { memory in
            let following = FollowingText(base: base, position: stop, end: next, passesLines: true, memory: memory)
            return following.endsSentence(expander.end(of: chunk, next: following))
        }
    }

    /// Returns the tokens of a short text as strings, for tests and small uses.
    public func tokens(_ text: String) throws -> [[String]] {
        var text = text
        let piece = try text.withUTF8 { try tokenize(UnsafeRawBufferPointer($0)) }
        var rest = piece.batch.ids[...]
        return piece.batch.sentenceLengths.map { length in
            defer { rest = rest.dropFirst(Int(length)) }
            return rest.prefix(Int(length)).map { piece.batch.words.word(Int($0)) }
        }
    }
}

/// The tokens of one piece of text, and its counts.
public struct TokenizedPiece: Sendable {
    /// Tokens, by sentence.
    public var batch = TokenBatch()
    /// Number of lines, including an unfinished last one.
    public var lines = 0
    /// Number of lines without tokens. A batch leaves them out, except where every line is a sentence.
    public var emptyLines = 0
    /// Number of sentences that exceeded the limit.
    public var cutSentences = 0

    /// Creates an empty piece.
    public init() {}

    /// Empties the piece and keeps its memory.
    mutating func removeAll() {
        batch.removeAll()
        (lines, emptyLines, cutSentences) = (0, 0, 0)
    }
}
