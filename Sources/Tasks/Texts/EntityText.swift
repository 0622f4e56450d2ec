import Files
import Probing

/// Text with named entities, one label per word, in the columns of CoNLL-2003 (Tjong Kim Sang and De Meulder 2003). The labels of a
/// file are in IOB1, IOB2, BIOES or BIOUL, one scheme for the whole file; this type converts them to BIOUL.
public struct EntityText: Sendable {
    /// A sentence with the labels of its words.
    public struct Sentence: Sendable, Equatable {
        /// The words of the sentence.
        public let words: [String]
        /// The BIOUL label of each word.
        public let labels: [String]
        /// The line of the first word, from 1; the other words are on the lines after it.
        public let line: Int

        /// Makes a sentence.
        public init(words: [String], labels: [String], line: Int) {
            (self.words, self.labels, self.line) = (words, labels, line)
        }
    }

    /// A scheme of labels for spans of words.
    public enum Scheme: String, Sendable {
        /// The scheme with B- only between two adjacent spans of one type.
        case iob1 = "IOB1"
        /// The scheme with B- at the beginning of every span.
        case iob2 = "IOB2"
        /// The scheme with E- at the end of a span, and S- for a span of one word.
        case bioes = "BIOES"
        /// The scheme with L- at the end of a span, and U- for a span of one word.
        case bioul = "BIOUL"
    }

    /// The name that the user gave to the file.
    public let name: String
    /// The scheme of the file; `nil` if it has no entities.
    public let scheme: Scheme?
    /// The sentences: at least one, and none without words.
    public let sentences: [Sentence]

    /// The types of entities, sorted.
    public var types: [String] {
        Set(sentences.lazy.flatMap(\.labels).compactMap { EntityLabel($0)?.type }).subtracting([""]).sorted()
    }

    /// Reads a file.
    /// - Parameters:
    ///   - path: `-` for standard input; the file may be compressed.
    ///   - wordColumn: the column of the words, from 1.
    ///   - labelColumn: the column of the labels, from 1; by default the last of the columns, whose number must be the same in all
    ///     lines.
    ///
    /// Throws what `LabelledText` throws, and `ToolError` with status `dataError` and the line for text that is not a label of a span,
    /// labels of two schemes, and labels that cannot follow one another.
    public init(path: String, wordColumn: Int = 1, labelColumn: Int? = nil) throws {
        try self.init(LabelledText(path: path, wordColumn: wordColumn, labelColumn: labelColumn))
    }

    /// Converts a labelled text. Throws as `init(path:wordColumn:labelColumn:)` does, apart from errors of reading.
    init(_ text: LabelledText) throws {
        let parsed = try text.sentences.map { sentence in
            try sentence.labels.enumerated().map { index, label in
                guard let label = EntityLabel(label) else {
                    throw ToolError.data(
                        text.name, "line \(sentence.line + index)",
                        "has the label '\(label)', and must have O, or one such as B-PER, with B, I, L, U, E or S in front")
                }
                return label
            }
        }
        let scheme = try Self.scheme(of: parsed, text)
        name = text.name
        self.scheme = scheme
        sentences = try zip(text.sentences, parsed).map { sentence, labels in
            if let scheme { try Self.check(labels, scheme, sentence, text.name) }
            let spans = EntityLabels.spans(of: sentence.labels)
            return Sentence(words: sentence.words, labels: EntityLabels.labels(of: spans, count: sentence.words.count), line: sentence.line)
        }
    }

    /// Checks the types of entities. Throws `ToolError` with status `dataError` and the line at the first type that is not among
    /// `types`.
    public func check(types: Set<String>) throws {
        for sentence in sentences {
            for (index, label) in sentence.labels.enumerated() {
                guard let type = EntityLabel(label)?.type, !type.isEmpty, !types.contains(type) else { continue }
                throw ToolError.data(name, "line \(sentence.line + index)", "has the type '\(type)', which the training set has not")
            }
        }
    }

    private static func scheme(of sentences: [[EntityLabel]], _ text: LabelledText) throws -> Scheme? {
        var found: Scheme?, isIOB1 = true, hasEntities = false
        for (labels, sentence) in zip(sentences, text.sentences) {
            for (index, label) in labels.enumerated() where label.mark != .outside {
                hasEntities = true
                let before = index > 0 ? labels[index - 1] : nil
                if label.mark == .begin && before?.type != label.type { isIOB1 = false }
                guard label.mark == .last || label.mark == .unit else { continue }
                let scheme = label.letter == "E" || label.letter == "S" ? Scheme.bioes : .bioul
                if let found, found != scheme {
                    throw ToolError.data(
                        text.name, "line \(sentence.line + index)",
                        "has the label '\(sentence.labels[index])' of \(scheme.rawValue), and those before it are of \(found.rawValue)")
                }
                found = scheme
            }
        }
        return found ?? (hasEntities ? (isIOB1 ? .iob1 : .iob2) : nil)
    }

    private static func check(_ labels: [EntityLabel], _ scheme: Scheme, _ sentence: LabelledText.Sentence, _ name: String) throws {
        for index in 0...labels.count {
            let before = index > 0 ? labels[index - 1] : nil, label = index < labels.count ? labels[index] : nil
            let follows = label?.type == before?.type && label?.type.isEmpty == false
            let mayFollow: Bool
            switch scheme {
            case .iob1: mayFollow = label?.mark != .begin || follows
            case .iob2: mayFollow = label?.mark != .inside || follows
            case .bioes, .bioul:
                mayFollow = before?.isOpen == true ? label?.isContinuation == true && follows : label?.isContinuation != true
            }
            guard !mayFollow else { continue }
            let text = { (index: Int) in "'\(sentence.labels[index])'" }
            let cause =
                label == nil
                ? "the label \(text(index - 1)) cannot end a sentence"
                : "the label \(text(index)) cannot \(index > 0 ? "follow \(text(index - 1))" : "begin a sentence")"
            throw ToolError.data(
                name, "line \(sentence.line + min(index, labels.count - 1))",
                "\(cause) in \(scheme.rawValue), in which the file's other labels are")
        }
    }
}
