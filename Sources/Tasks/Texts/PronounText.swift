import Files
import Tokenization

/// Passages with a pronoun and two names, at most one of which the pronoun refers to (GAP, Webster et al. 2018), tokenised by
/// Contour's English rules, without lower-casing or truncation.
public struct PronounText: Sendable {
    /// A passage with a pronoun and two names.
    public struct Passage: Sendable, Equatable {
        /// The identifier in the file.
        public let id: String
        /// The words of each sentence.
        public let sentences: [[String]]
        /// The ranges of the passage's words that share a character with the pronoun, with name A, and with name B.
        public let pronoun, a, b: Range<Int>
        /// True if the pronoun refers to name A, and to name B.
        public let aIsMeant, bIsMeant: Bool
        /// True if the pronoun is a form of "she".
        public let isFeminine: Bool

        /// Makes a passage.
        public init(
            id: String, sentences: [[String]], pronoun: Range<Int>, a: Range<Int>, b: Range<Int>, aIsMeant: Bool, bIsMeant: Bool,
            isFeminine: Bool
        ) {
            (self.id, self.sentences, self.pronoun, self.a, self.b) = (id, sentences, pronoun, a, b)
            (self.aIsMeant, self.bIsMeant, self.isFeminine) = (aIsMeant, bIsMeant, isFeminine)
        }

        /// The words of all sentences.
        public var words: [String] { Array(sentences.joined()) }
    }

    /// The name that the user gave to the file.
    public let name: String
    /// The passages of the file; at least one.
    public let passages: [Passage]

    private static let header = [
        "ID", "Text", "Pronoun", "Pronoun-offset", "A", "A-offset", "A-coref", "B", "B-offset", "B-coref", "URL",
    ]

    /// Reads lines of columns with tabs between them: a header, then one passage per line. Offsets count characters (Unicode scalars)
    /// from 0.
    /// - `path`: `-` for standard input; the file may be compressed.
    ///
    /// Throws `ToolError`: `noInput`, `ioError`, and `dataError` with the line for text that is not UTF-8, a different header, missing
    /// columns, names that are not at their offsets, pronouns other than forms of she and he, and a file without passages.
    public init(path: String) throws {
        let lines = try TextLines(path: path)
        try self.init(lines, header: lines.next())
    }

    /// Returns true if a file with this first line is meant to hold passages.
    static func isHeader(_ line: String?) -> Bool { line?.begins(with: "ID\t") == true }

    /// Reads the lines after the header.
    init(_ lines: TextLines, header: String?) throws {
        let needed = Self.header.count
        var passages: [Passage] = []
        let tokenizer = Tokenizer(sentences: .withinLines, maximumSentenceLength: .max)
        if let header, header.parts(separatedBy: "\t", keepsEmpty: true) != Self.header {
            throw lines.error("is not the header of such a file: \(Self.header.joined(separator: ", "))")
        }
        while let line = try lines.next() {
            guard !line.isEmpty else { continue }
            let columns = line.parts(separatedBy: "\t", keepsEmpty: true)
            guard columns.count == needed else { throw lines.error("has \(counted(columns.count, "column")), and must have \(needed)") }
            passages.append(try Self.passage(columns, lines, tokenizer))
        }
        guard !passages.isEmpty else { throw lines.error(ofAll: "has no passages") }
        name = lines.name
        self.passages = passages
    }

    private static func passage(_ columns: [String], _ lines: TextLines, _ tokenizer: Tokenizer) throws -> Passage {
        let text = Array(columns[1].utf8)
        let sentences = try lines.tokens(of: columns[1], by: tokenizer)
        let places = try Self.places(of: sentences.joined(), in: text, lines)
        /// Returns the words of the mention in a column; the next column holds its offset.
        func words(_ column: Int) throws -> Range<Int> {
            let mention = Array(columns[column].utf8)
            let scalars = columns[1].unicodeScalars
            guard let offset = Int(columns[column + 1]), offset >= 0, !mention.isEmpty,
                let index = scalars.index(scalars.startIndex, offsetBy: offset, limitedBy: scalars.endIndex)
            else { throw lines.error("has '\(columns[column + 1])' as \(header[column + 1]), which is no place in its text") }
            let start = columns[1].utf8.distance(from: columns[1].startIndex, to: index)
            guard text[start...].starts(with: mention) else {
                throw lines.error("has another text than '\(columns[column])' at \(header[column + 1]) \(offset)")
            }
            let inside = places.indices.filter { places[$0].overlaps(start..<start + mention.count) }
            guard let first = inside.first, let last = inside.last else { throw lines.error("has no words in \(header[column])") }
            return first..<last + 1
        }
        func truth(_ column: Int) throws -> Bool {
            switch columns[column].lowercased() {
            case "true": return true
            case "false": return false
            default: throw lines.error("has '\(columns[column])' as \(header[column]), and must have TRUE or FALSE")
            }
        }
        let isFeminine: Bool
        switch columns[2].lowercased() {
        case "she", "her", "hers": isFeminine = true
        case "he", "his", "him": isFeminine = false
        default: throw lines.error("has '\(columns[2])' as Pronoun, and must have she, her, hers, he, his or him")
        }
        return Passage(
            id: columns[0], sentences: sentences, pronoun: try words(2), a: try words(4), b: try words(7), aIsMeant: try truth(6),
            bIsMeant: try truth(9), isFeminine: isFeminine)
    }

    /// Returns the bytes of each word in a text. The tokeniser copies words from the text without changes.
    private static func places(of words: some Sequence<String>, in text: [UInt8], _ lines: TextLines) throws -> [Range<Int>] {
        var place = 0
        return try words.map { word in
            let bytes = Array(word.utf8)
            while place + bytes.count <= text.count && !text[place...].starts(with: bytes) { place += 1 }
            guard place + bytes.count <= text.count else { throw lines.error("has a word '\(word)' that is not in its text") }
            defer { place += bytes.count }
            return place..<place + bytes.count
        }
    }
}
