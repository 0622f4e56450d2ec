import Files
public import Kernels
public import Model
import Shards
import Subwords

/// The words of a corpus by number, with the vector, the class and the spelling of each for a network.
///
/// With a table, numbers are those of its rows and of the words met later (`WordRows`); otherwise those of the vocabulary's
/// classes, and behind them words that are no class, in the order in which they are first met.
///
/// Numbers are given by one thread, while the corpus is read for the first time; from then on any thread may read.
public final class CorpusWords: @unchecked Sendable {
    /// The words' vectors, if the network asks for vectors.
    public let vectors: WordRows?
    /// The words' classes, if it predicts one of a vocabulary.
    public let vocabulary: OutputVocabulary?
    /// The numbers of `<s>` and `</s>`.
    public let begin, end: UInt32
    /// The number of `<unk>`, if there is one.
    private let unknown: UInt32?
    /// Every word met, classes first; empty with vectors.
    private var words = WordTable()
    /// The class of each number, -1 for rows that were not met; filled only with vectors and a vocabulary.
    private var classes: [Int32] = []

    /// Makes the words; at least one of the two is needed.
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
    /// Rows of the table: numbers from here on are of words that it lacks. 0 without a table.
    var tableCount: Int { vectors?.tableCount ?? 0 }

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

    /// True if a word has a class of its own. `<unk>` has one, which a text may name; the words it stands for have none.
    public func hasClass(_ number: UInt32) -> Bool {
        classNumber(number) != EncoderConfiguration.Mark.unknown || number == unknown
    }

    /// True if a word has a vector, or a class of its own, so that the network can be asked for it.
    public func isKnown(_ number: UInt32) -> Bool {
        vocabulary == nil ? vectors?.isUsable(number) ?? false : classNumber(number) != EncoderConfiguration.Mark.unknown
    }

    /// True for the marks between sentences, and that of unknown words.
    func isMark(_ number: UInt32) -> Bool { number == begin || number == end || number == unknown }

    /// True if a word can be learned as a target: a zero vector cannot, and unknown words are a class.
    public func isTarget(_ number: UInt32) -> Bool { vocabulary != nil || isKnown(number) }

    /// Calls `body` with the spelling of a word.
    public func withSpelling<Result>(_ number: UInt32, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        if let vectors { return try vectors.withWord(number, body) }
        return try words.withWord(Int(number), body)
    }

    /// True if tokens are units of words.
    public var hasUnits: Bool { vocabulary?.merges.isEmpty == false }

    /// The number of words in a sentence of tokens.
    public func wordCount(_ sentence: some Sequence<UInt32>) -> Int {
        hasUnits ? sentence.count(where: endsWord) : sentence.count { _ in true }
    }

    /// True if a unit is the last of its word.
    public func endsWord(_ number: UInt32) -> Bool { withSpelling(number) { !UnitMark.isContinued($0) } }

    /// The `count` most frequent words, among them the mark that ends sentences in a direction. Throws `ToolError` if the
    /// table's file cannot be read.
    /// - Parameters:
    ///   - mark: `nil` where marks are not predicted.
    ///   - sentences: sentences of the training text: the count of the mark, which no vocabulary has.
    public func candidates(_ count: Int, mark: UInt32?, sentences: Int) throws -> Candidates {
        guard let vocabulary else {
            guard let vectors else { preconditionFailure("words need vectors or classes") }
            return try vectors.candidates(count, mark: mark, sentences: sentences)
        }
        let mark = mark.map { $0 == begin ? EncoderConfiguration.Mark.begin : EncoderConfiguration.Mark.end }
        func frequency(_ number: Int32) -> UInt64 { number == mark ? UInt64(sentences) : vocabulary.counts[Int(number)] }
        let ordered = (0..<Int32(vocabulary.size)).filter { $0 == mark || vocabulary.counts[Int($0)] > 0 }
            .sorted { (frequency($0), $1) > (frequency($1), $0) }.prefix(count)
        return Candidates(
            rows: ordered.map(UInt32.init), counts: ordered.map(frequency), tableRows: vocabulary.size, dimension: 0,
            vector: { _, _ in })
    }
}

extension CorpusWords: NumberedWords {
    /// Writes the unit vectors of words that have been met to `matrix`, [words, dimension]; see `WordRows.gather`.
    public func gather(_ words: [UInt32], into matrix: Matrix) throws { try vectors?.gather(words, into: matrix) }

    public func spell(_ word: UInt32, _ body: (SpellingBatch.Word) -> Int32) -> Int32 {
        if word == begin { return body(.begin) }
        return word == end ? body(.end) : withSpelling(word) { body(.spelled($0)) }
    }
}
