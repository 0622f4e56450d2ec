import Files
import Probing
import Tokenization

/// The lines of a labelled text, one after the other, each checked to be text.
struct TextLines {
    let name: String
    private let reader: LineReader

    /// The number of the line that `next` gave last, from 1.
    var number: Int { reader.number }

    /// - Parameter path: `-` for standard input; may be compressed. Throws `ToolError` as `openInput` does.
    init(path: String) throws {
        reader = LineReader(try openInput(path))
        name = reader.name
    }

    /// The next line without its end; `nil` behind the last one. Throws `ToolError`: `ioError`, and `dataError` for bytes that are
    /// not UTF-8.
    func next() throws -> String? {
        var text: String?
        let isLine = try reader.next { line in
            text = line.contains(0) ? nil : String(validating: line, as: UTF8.self)
            if text == nil { throw ToolError.notText(line, reader) }
        }
        return isLine ? text : nil
    }

    /// The tokens of a text in the line that was given last, sentence by sentence. Throws `ToolError` with status `dataError` for characters
    /// that are not text.
    func tokens(of text: String, by tokenizer: Tokenizer) throws -> [[String]] {
        do {
            return try tokenizer.tokens(text)
        } catch let fault as TextError {
            throw error("has a text whose byte \(fault.byte) \(fault.cause)")
        }
    }

    /// An error in the line that was given last, or in another one.
    func error(line: Int? = nil, _ cause: String) -> ToolError {
        ToolError.data(name, "line \(line ?? number)", cause)
    }

    /// An error of the whole.
    func error(ofAll cause: String) -> ToolError { ToolError.data(name, "", cause) }
}

/// The columns of a line: with tabs between them if it has any, which may leave columns empty, and otherwise with blanks.
func columns(of line: String) -> [String] {
    guard line.utf8.contains(UInt8(ascii: "\t")) else { return line.parts(separatedBy: " ") }
    return line.parts(separatedBy: "\t", keepsEmpty: true).map { cell in
        cell.utf8.contains(UInt8(ascii: " ")) ? cell.parts(separatedBy: " ").joined(separator: " ") : cell
    }
}

/// A number of things in a message: `1 column`, `2 columns`.
func counted(_ count: Int, _ thing: String) -> String { "\(count) \(thing)\(count == 1 ? "" : "s")" }
