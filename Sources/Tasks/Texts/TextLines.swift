import Files
import Probing
import Tokenization

/// The lines of a labelled text, one after the other, each of them checked to be UTF-8.
struct TextLines {
    let name: String
    private let reader: LineReader

    /// The number of the line that `next` returned last, from 1.
    var number: Int { reader.number }

    /// Opens a file. Throws `ToolError` as `openInput` does.
    /// - `path`: `-` for standard input; the file may be compressed.
    init(path: String) throws {
        reader = LineReader(try openInput(path))
        name = reader.name
    }

    /// Returns the next line without its end, or `nil` after the last one. Throws `ToolError`: `ioError`, and `dataError` for bytes
    /// that are not UTF-8.
    func next() throws -> String? {
        var text: String?
        let isLine = try reader.next { line in
            text = line.contains(0) ? nil : String(validating: line, as: UTF8.self)
            if text == nil { throw ToolError.notText(line, reader) }
        }
        return isLine ? text : nil
    }

    /// Returns the tokens of each sentence of a text from the current line. Throws `ToolError` with status `dataError` for characters
    /// that are not text.
    func tokens(of text: String, by tokenizer: Tokenizer) throws -> [[String]] {
        do {
            return try tokenizer.tokens(text)
        } catch let fault as TextError {
            throw error("has a text whose byte \(fault.byte) \(fault.cause)")
        }
    }

    /// Returns an error in the current line, or in the given one.
    func error(line: Int? = nil, _ cause: String) -> ToolError {
        ToolError.data(name, "line \(line ?? number)", cause)
    }

    /// Returns an error of the whole file.
    func error(ofAll cause: String) -> ToolError { ToolError.data(name, "", cause) }
}

/// Returns the columns of a line. If the line contains tabs, they separate the columns, which may be empty; otherwise blanks do.
func columns(of line: String) -> [String] {
    guard line.utf8.contains(UInt8(ascii: "\t")) else { return line.parts(separatedBy: " ") }
    return line.parts(separatedBy: "\t", keepsEmpty: true).map { cell in
        cell.utf8.contains(UInt8(ascii: " ")) ? cell.parts(separatedBy: " ").joined(separator: " ") : cell
    }
}

/// Returns a number with its noun for a message: `1 column`, `2 columns`.
func counted(_ count: Int, _ thing: String) -> String { "\(count) \(thing)\(count == 1 ? "" : "s")" }
