import Files
public import Kernels
public import Model
import Shards
import Subwords

/// The words of a corpus by number, with each word's vector, class and spelling for a network.
///
/// With a table, numbers are those of its rows and of words met later (`WordRows`). Otherwise they are the classes of the
/// vocabulary, followed by words without a class in the order of their first occurrence.
///
/// One thread assigns numbers while the corpus is read for the first time; afterwards any thread may read.
public final class CorpusWords: @unchecked Sendable {
    /// Vectors of the words, if the network needs vectors.
    public let vectors: WordRows?
    /// Classes of the words, if the network predicts classes.
    public let vocabulary: OutputVocabulary?
    /// Numbers of `<s>` and `</s>`.
    public let begin, end: UInt32
    /// Number of `<unk>`, if it exists.
    private let unknown: UInt32?
    /// Every word met, classes first; empty with vectors.
    private var words = WordTable()
    /// Class of each number, -1 for rows that were not met; used only with both vectors and a vocabulary.
    private var classes: [Int32] = []

    /// Creates the words; at least one of the two arguments is required.
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

    /// Number of words.
    public var count: Int { vectors?.count ?? words.count }
    /// Rows of the table; numbers from here on are words that it lacks. 0 without a table.
    var tableCount: Int { vectors?.tableCount ?? 0 }

    /// Returns the number of a word, and assigns one if the word is new. Throws `ToolError` if the table's file cannot be read.
    public func number(of word: UnsafeRawBufferPointer) throws -> UInt32 {
        guard let vectors else { return UInt32(words.insert(word)) }
        let number = try vectors.row(of: word)
        guard let vocabulary else { return number }
        if Int(number) == classes.count { classes.append(-1) }
        if classes[Int(number)] < 0 { classes[Int(number)] = vocabulary.number(of: word) }
        return number
    }

    /// Returns the number of a word that has one; `nil` for other words.
    public func find(_ word: UnsafeRawBufferPointer) -> UInt32? {
        vectors.map { $0.find(word) } ?? words.find(word).map(UInt32.init)
    }

    /// Returns the class of a number: that of `<unk>` for words outside the vocabulary.
    public func classNumber(_ number: UInt32) -> Int32 {
        guard vectors == nil else { return classes[Int(number)] }
        return Int(number) < (vocabulary?.size ?? 0) ? Int32(number) : EncoderConfiguration.Mark.unknown
    }

    /// Returns true if a word has a class of its own. `<unk>` itself, which may occur in a text, has one; the words it stands for
    /// do not.
    public func hasClass(_ number: UInt32) -> Bool {
        classNumber(number) != EncoderConfiguration.Mark.unknown || number == unknown
    }

    /// Returns true if a word has a vector, or a class of its own, so that the network can predict it.
    public func isKnown(_ number: UInt32) -> Bool {
        vocabulary == nil ? vectors?.isUsable(number) ?? false : classNumber(number) != EncoderConfiguration.Mark.unknown
    }

    /// Returns true for the marks between sentences, and for that of unknown words.
    func isMark(_ number: UInt32) -> Bool { number == begin || number == end || number == unknown }

    /// Returns true if a word can be a target: a zero vector cannot, and unknown words have a class.
    public func isTarget(_ number: UInt32) -> Bool { vocabulary != nil || isKnown(number) }

    /// Calls `body` with the spelling of a word.
    public func withSpelling<Result>(_ number: UInt32, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        if let vectors { return try vectors.withWord(number, body) }
        return try words.withWord(Int(number), body)
    }

    /// True if tokens are subword units.
    public var hasUnits: Bool { vocabulary?.merges.isEmpty == false }

    /// Returns the number of words in a sentence of tokens.
    public func wordCount(_ sentence: some Sequence<UInt32>) -> Int {
        hasUnits ? sentence.count(where: endsWord) : sentence.count { _ in true }
    }

    /// Returns true if a unit is the last of its word.
    public func endsWord(_ number: UInt32) -> Bool { withSpelling(number) { !UnitMark.isContinued($0) } }

    /// Returns the `count` most frequent words, including the mark that ends sentences in a direction. Throws `ToolError` if the
    /// table's file cannot be read.
    /// - `mark`: the mark; `nil` if marks are not predicted.
    /// - `sentences`: number of sentences of the training text, which is the count of the mark; no vocabulary contains it.
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
    /// Writes the unit vectors of words that have been met to `matrix` [words, dimension]; see `WordRows.gather`.
    public func gather(_ words: [UInt32], into matrix: Matrix) throws { try vectors?.gather(words, into: matrix) }

    /// Calls `body` with the spelling of a word, or with the mark that it is.
    public func spell(_ word: UInt32, _ body: (SpellingBatch.Word) -> Int32) -> Int32 {
        if word == begin { return body(.begin) }
        return word == end ? body(.end) : withSpelling(word) { body(.spelled($0)) }
    }
}
