import Glibc

/// The exit statuses of sysexits.h that the tools use, and what each means here.
public enum ExitStatus: Int32, Sendable {
    /// The command line makes no sense.
    case usage = 64
    /// An input is damaged, of the wrong kind, or not what it says it is.
    case dataError = 65
    /// An input does not exist or cannot be read.
    case noInput = 66
    /// A program that this needs is not installed.
    case unavailable = 69
    /// A defect of the tool itself.
    case software = 70
    /// The system refused something that should always work (memory, threads).
    case systemError = 71
    /// The output cannot be created.
    case cannotCreate = 73
    /// Reading or writing failed midway: full disk, failing device.
    case ioError = 74
    /// Another process is using what this one needs; later it may be free.
    case inUse = 75
    /// Two inputs, or an input and an option, do not fit each other.
    case configuration = 78
}

/// The one line that a tool prints on stderr when it fails, and the status it exits with.
///
/// The text says file, place and cause, in this order, and the command that helps if there is one:
/// `corpus.txt: line 17: byte 3 is not UTF-8; try: iconv -c -t UTF-8`.
public struct ToolError: Error, Sendable, CustomStringConvertible {
    public let status: ExitStatus
    public let description: String

    public init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }

    /// An input that is damaged or of the wrong kind.
    /// - Parameters:
    ///   - file: the name the user gave, `standard input` for a pipe.
    ///   - place: the line, byte or block; empty for the whole.
    public static func data(_ file: String, _ place: String = "", _ cause: String) -> ToolError {
        ToolError(.dataError, [file, place, cause].filter { !$0.isEmpty }.joined(separator: ": "))
    }

    /// A system call that failed on `file`, with the text of `errno`.
    public static func system(_ status: ExitStatus, _ file: String, _ doing: String, errno code: Int32) -> ToolError {
        ToolError(status, "\(file): \(doing): \(String(cString: strerror(code)))")
    }
}

/// A message with what names out of files may hold: control characters as their numbers, and of an endless one both ends.
/// - Parameter keepsLines: true if ends of lines stay.
public func printable(_ message: String, keepsLines: Bool = false) -> String {
    var text = ""
    for scalar in message.shownFileName.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || [0x2028, 0x2029].contains(scalar.value)
        if isControl && !(keepsLines && scalar == "\n") { text += "\\u{\(String(scalar.value, radix: 16))}" } else { text.unicodeScalars.append(scalar) }
    }
    return text.count > 2000 && !keepsLines ? "\(text.prefix(1000))…\(text.suffix(900))" : text
}
