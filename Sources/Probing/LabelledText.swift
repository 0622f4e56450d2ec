public import Files
import Tokenization

/// Text with a label for every word, in the columns of CoNLL's shared tasks: a word a line, what belongs to it in columns with
/// blanks between them, an empty line behind every sentence. Lines of `-DOCSTART-` only part sentences.
public struct LabelledText: Sendable {
    public struct Sentence: Sendable, Equatable {
        public var words: [String] = []
        public var labels: [String] = []
        /// The line of the first word, from 1; the others are on the lines behind it.
        public var line = 0
    }

    /// The name that the user gave to the file.
    public let name: String
    /// The column of the labels, from 1.
    public let column: Int
    /// The sentences: at least one, none of them empty.
    public let sentences: [Sentence]

    public var tokenCount: Int { sentences.reduce(0) { $0 + $1.words.count } }

    /// - Parameters:
    ///   - path: `-` for standard input; may be compressed.
    ///   - wordColumn, labelColumn: columns, from 1; without the latter, the last of as many as all lines must have.
    ///   - most: the most sentences to read.
    /// Throws `ToolError`: `noInput`, `ioError`, and `dataError` for bytes that are not text, lines with too few columns and
    /// no sentences at all.
    public init(path: String, wordColumn: Int = 1, labelColumn: Int? = nil, most: Int = .max) throws {
        let lines = LineReader(try openInput(path))
        var sentences: [Sentence] = [], sentence = Sentence(), last: Int?
        while sentences.count < most, let columns = try Self.columns(of: lines) {
            if columns.isEmpty || Self.beginsDocument(columns, wordColumn) {
                if !sentence.words.isEmpty { sentences.append(sentence) }
                sentence = Sentence()
                continue
            }
            let column = labelColumn ?? last ?? columns.count
            if last == nil && labelColumn == nil && (column == wordColumn || column < 2) {
                throw ToolError.data(
                    lines.name, "line \(lines.number)", "has no label behind its word; --column says where they are")
            }
            last = column
            let needed = max(column, wordColumn)
            guard columns.count >= needed else {
                throw ToolError.data(
                    lines.name, "line \(lines.number)",
                    "has \(columns.count) column\(columns.count == 1 ? "" : "s"), and must have \(needed)")
            }
            guard labelColumn != nil || columns.count == column else {
                throw ToolError.data(
                    lines.name, "line \(lines.number)",
                    "has \(columns.count) columns, and those before \(column); --column says where the labels are")
            }
            if sentence.words.isEmpty { sentence.line = lines.number }
            sentence.words.append(columns[wordColumn - 1])
            sentence.labels.append(columns[column - 1])
        }
        if !sentence.words.isEmpty && sentences.count < most { sentences.append(sentence) }
        guard let last, !sentences.isEmpty else { throw ToolError.data(lines.name, "", "has no sentences") }
        name = lines.name
        column = last
        self.sentences = sentences
    }

    private static func beginsDocument(_ columns: [String], _ wordColumn: Int) -> Bool {
        [0, wordColumn - 1].contains { $0 < columns.count && columns[$0] == "-DOCSTART-" }
    }

    /// The columns of the next line, none if it is empty; `nil` after the last line.
    private static func columns(of lines: LineReader) throws -> [String]? {
        var columns: [String] = []
        let isLine = try lines.next { line in
            let fields = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            let texts = line.contains(0) ? [] : fields.compactMap { String(validating: $0, as: UTF8.self) }
            guard texts.count == fields.count else { throw ToolError.notText(line, lines) }
            columns = texts
        }
        return isLine ? columns : nil
    }
}

extension ToolError {
    /// The error for a line that a reader has just given and that is not text: it names the byte and what is wrong with it.
    public static func notText(_ line: UnsafeRawBufferPointer, _ lines: LineReader) -> ToolError {
        do {
            _ = try Tokenizer(mode: .whitespace).tokenize(line)
        } catch let error as TextError {
            return ToolError.data(lines.name, "line \(lines.number): byte \(error.byte)", error.cause)
        } catch {}
        return ToolError.data(lines.name, "line \(lines.number)", "is not UTF-8")
    }
}
