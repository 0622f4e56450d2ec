public import Shards

/// The settings by which text is turned into tokens. Any number of threads may use them at once.
public struct Tokenizer: Sendable {
    /// The rule for cutting text into tokens.
    public enum Mode: String, CaseIterable, Sendable {
        /// English rules in the Penn Treebank manner (docs/tokenization.md); letters of other languages pass unharmed.
        case penn
        /// White space only: for text that is already tokenised.
        case whitespace
    }

    /// The rule for cutting text into sentences.
    public enum Sentences: String, CaseIterable, Sendable {
        /// Each line is one sentence; lines without tokens are left out.
        case lines
        /// Each line is one sentence, and one without tokens is a sentence of none: sentences and lines correspond. No sentence is cut.
        case everyLine = "every-line"
        /// Each line is running text, a paragraph for example, and is split into sentences.
        case withinLines
        /// The whole is running text: line breaks are spaces, a blank line ends the paragraph.
        case runningText

        var splits: Bool { self == .withinLines || self == .runningText }
    }

    public var mode: Mode
    public var sentences: Sentences
    public var lowercase: Bool
    public var normalization: Normalization
    /// Tokens in a sentence at most: a longer one is cut, except where every line is a sentence.
    public var maximumSentenceLength: Int

    /// Bytes without white space that are looked at together: longer runs are cut there, between characters. No word of
    /// any language is so long, and no token of any shard is longer, unless compatibility normalisation makes it so.
    public static let longestRun = 16 << 10

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

    /// The settings as the header of a token shard names them.
    public var fields: ShardFields {
        [
            "mode": mode.rawValue, "sentences": sentences.rawValue, "lowercase": String(lowercase),
            "normalize": normalization.rawValue, "max-length": sentences == .everyLine ? "none" : String(maximumSentenceLength),
        ]
    }

    /// The tokens of `text`, whole lines of UTF-8; in running text, whole paragraphs or sentences. Throws `TextError` at the
    /// first byte that is not text.
    public func tokenize(_ text: UnsafeRawBufferPointer) throws -> TokenizedPiece {
        if let invalid = firstInvalidByte(in: text) { throw TextError(at: invalid, in: text) }
        var worker = PieceTokenizer(self, pieceSize: text.count)
        var piece = TokenizedPiece()
        worker.run(text, into: &piece)
        return piece
    }

    /// The last place where `text`, the beginning of something longer, may be cut without cutting a sentence: behind the last
    /// line break that ends a sentence, whatever comes after `text`. `nil` if there is none.
    /// - Parameter searched: the number of bytes at the beginning that are known to have none (`decided`).
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

    /// The number of bytes of a text without a cut that have none whatever comes behind it: to the white space before its last
    /// chunk, which may go on.
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
        // A blank line ends what was before it.
        if stop == 0 || byte(stop - 1) == 0x0A { return true }
        // What follows must be there to be looked at: at least one whole chunk.
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

    /// The tokens of one sentence or text as strings: for tests and small uses.
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

/// The tokens of one piece of text, and counts of it.
public struct TokenizedPiece: Sendable {
    public var batch = TokenBatch()
    /// Lines, an unfinished last one included.
    public var lines = 0
    /// Lines without tokens: they have no place in a batch, except where every line is a sentence.
    public var emptyLines = 0
    /// Sentences longer than the limit.
    public var cutSentences = 0

    public init() {}

    /// Empties it and keeps its memory.
    mutating func removeAll() {
        batch.removeAll()
        (lines, emptyLines, cutSentences) = (0, 0, 0)
    }
}
