public import Files
import Tokenization

/// Text with a label for every word, in the columns of CoNLL's shared tasks: one word on each line, columns separated by blanks,
/// and an empty line after every sentence. Lines of `-DOCSTART-` only separate sentences.
public struct LabelledText: Sendable {
    /// A sentence with the labels of its words.
    public struct Sentence: Sendable, Equatable {
        /// Words of the sentence.
        public var words: [String] = []
        /// Label of each word.
        public var labels: [String] = []
        /// Line of the first word, from 1; the other words are on the following lines.
        public var line = 0
    }

    /// The name that the user gave to the file.
    public let name: String
    /// Column of the labels, from 1.
    public let column: Int
    /// Sentences: at least one, and none of them empty.
    public let sentences: [Sentence]

    /// Number of words.
    public var tokenCount: Int { sentences.reduce(0) { $0 + $1.words.count } }

    /// Reads a file. Throws `ToolError`: `noInput`, `ioError`, and `dataError` for bytes that are not text, lines with too few
    /// columns, and a file without sentences.
    /// - `path`: the file, possibly compressed; `-` is standard input.
    /// - `wordColumn`, `labelColumn`: columns, from 1. Without `labelColumn`, the last of the columns, whose number must be the same
    ///   on all lines.
    /// - `most`: maximum number of sentences to read.
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

    /// Returns the columns of the next line, none if it is empty; `nil` after the last line.
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
    /// Returns the error for a line of a reader that is not text: it names the byte and what is wrong with it.
    public static func notText(_ line: UnsafeRawBufferPointer, _ lines: LineReader) -> ToolError {
        do {
            _ = try Tokenizer(mode: .whitespace).tokenize(line)
        } catch let error as TextError {
            return ToolError.data(lines.name, "line \(lines.number): byte \(error.byte)", error.cause)
        } catch {}
        return ToolError.data(lines.name, "line \(lines.number)", "is not UTF-8")
    }
}
