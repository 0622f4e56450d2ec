import Files
import Model
import Shards

/// The words of a corpus by number, and what each is to a network: a vector, a class, a spelling.
///
/// With a table, numbers are those of its rows and of the words met later (`WordRows`); otherwise those of the vocabulary's
/// classes, and behind them words that are no class, in the order in which they are first met.
///
/// Numbers are given by one thread, while the corpus is read for the first time; from then on any thread may read.
public final class CorpusWords: @unchecked Sendable {
    /// Their vectors, if the network asks for vectors.
    public let vectors: WordRows?
    /// Their classes, if it predicts one of a vocabulary.
    public let vocabulary: OutputVocabulary?
    /// The numbers of `<s>` and `</s>`.
    public let begin, end: UInt32
    /// That of `<unk>`, if there is one.
    private let unknown: UInt32?
    /// Without vectors: every word met, classes first.
    private var words = WordTable()
    /// With vectors and a vocabulary: the class of each number, -1 for rows that were not met.
    private var classes: [Int32] = []

    /// One of the two at least.
    public init(vectors: WordRows?, vocabulary: OutputVocabulary?) {
        self.vectors = vectors
        self.vocabulary = vocabulary
        if let vectors {
            begin = vectors.begin
            end = vectors.end
            unknown = vectors.unknown
            if vocabulary != nil {
                classes = Array(repeating: -1, count: vectors.tableCount)
                classes[Int(begin)] = EncoderConfiguration.Mark.begin
                classes[Int(end)] = EncoderConfiguration.Mark.end
            }
        } else {
            guard let vocabulary else { preconditionFailure("words need vectors or classes") }
            words = vocabulary.words
            begin = UInt32(EncoderConfiguration.Mark.begin)
            end = UInt32(EncoderConfiguration.Mark.end)
            unknown = UInt32(EncoderConfiguration.Mark.unknown)
        }
    }

    public var count: Int { vectors?.count ?? words.count }

    /// The number of a word, which is given one if it is met for the first time. Throws `ToolError` if the table's file
    /// cannot be read.
    public func number(of word: UnsafeRawBufferPointer) throws -> UInt32 {
        guard let vectors else { return UInt32(words.insert(word)) }
        let number = try vectors.row(of: word)
        guard let vocabulary else { return number }
        if Int(number) == classes.count { classes.append(-1) }
        if classes[Int(number)] < 0 { classes[Int(number)] = vocabulary.number(of: word) }
        return number
    }

    /// The number of a word that has one already.
    public func find(_ word: UnsafeRawBufferPointer) -> UInt32? {
        vectors.map { $0.find(word) } ?? words.find(word).map(UInt32.init)
    }

    /// The class of a number: that of `<unk>` for words outside the vocabulary.
    public func classNumber(_ number: UInt32) -> Int32 {
        guard vectors == nil else { return classes[Int(number)] }
        return Int(number) < (vocabulary?.size ?? 0) ? Int32(number) : EncoderConfiguration.Mark.unknown
    }

    /// Whether a word has a class of its own; `<unk>` has one, which a text may name, but the words it stands for have not.
    public func hasClass(_ number: UInt32) -> Bool {
        classNumber(number) != EncoderConfiguration.Mark.unknown || number == unknown
    }

    /// Whether a word has a vector, or a class of its own, so that the network can be asked for it.
    public func isKnown(_ number: UInt32) -> Bool {
        vocabulary == nil ? vectors?.isUsable(number) ?? false : classNumber(number) != EncoderConfiguration.Mark.unknown
    }

    /// Whether a word can be learned as a target: no target can point nowhere, and unknown words are a class.
    public func isTarget(_ number: UInt32) -> Bool { vocabulary != nil || isKnown(number) }

    /// Calls `body` with the spelling of a word. Without a table only.
    public func withSpelling<Result>(_ number: UInt32, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        if let vectors { return try vectors.withWord(number, body) }
        return try words.withWord(Int(number), body)
    }

    /// Whether tokens are units of words.
    public var hasUnits: Bool { vocabulary?.merges.isEmpty == false }

    /// How many words a sentence of tokens has.
    public func wordCount(_ sentence: some Sequence<UInt32>) -> Int {
        hasUnits ? sentence.count(where: endsWord) : sentence.count { _ in true }
    }

    /// Whether a unit is the last of its word: units that are not end with @@.
    public func endsWord(_ number: UInt32) -> Bool {
        withSpelling(number) { $0.count < 2 || $0[$0.count - 1] != UInt8(ascii: "@") || $0[$0.count - 2] != UInt8(ascii: "@") }
    }

    /// The `count` most frequent words, among them the mark that ends sentences in a direction. Throws `ToolError` if the
    /// table's file cannot be read.
    /// - Parameter sentences: sentences of the training text: the count of the mark, which no vocabulary has.
    public func candidates(_ count: Int, mark: UInt32, sentences: Int) throws -> Candidates {
        guard let vocabulary else {
            guard let vectors else { preconditionFailure("words need vectors or classes") }
            return try vectors.candidates(count, mark: mark, sentences: sentences)
        }
        let mark = mark == begin ? EncoderConfiguration.Mark.begin : EncoderConfiguration.Mark.end
        func frequency(_ number: Int32) -> UInt64 { number == mark ? UInt64(sentences) : vocabulary.counts[Int(number)] }
        let ordered = (0..<Int32(vocabulary.size)).filter { $0 == mark || vocabulary.counts[Int($0)] > 0 }
            .sorted { (frequency($0), $1) > (frequency($1), $0) }.prefix(count)
        return Candidates(
            rows: ordered.map(UInt32.init), counts: ordered.map(frequency), tableRows: vocabulary.size, dimension: 0,
            vector: { _, _ in })
    }
}
