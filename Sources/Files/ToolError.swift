import Glibc

/// The exit statuses of sysexits.h that the tools use, and their meanings here.
public enum ExitStatus: Int32, Sendable {
    /// The command line is invalid.
    case usage = 64
    /// An input is damaged, of the wrong kind, or not what it claims to be.
    case dataError = 65
    /// An input does not exist or cannot be read.
    case noInput = 66
    /// A necessary program is not installed.
    case unavailable = 69
    /// A defect of the tool itself.
    case software = 70
    /// The system refused something that should always work, such as memory or threads.
    case systemError = 71
    /// The output cannot be created.
    case cannotCreate = 73
    /// Reading or writing failed midway, for example on a full disk or a failing device.
    case ioError = 74
    /// Another process is using a necessary resource, which may be free later.
    case inUse = 75
    /// Two inputs, or an input and an option, do not match.
    case configuration = 78
}

/// The line that a tool prints on stderr when it fails, and its exit status.
///
/// The text gives file, place and cause, in this order, and a command that helps if there is one:
/// `corpus.txt: line 17: byte 3 is not UTF-8; try: iconv -c -t UTF-8`.
public struct ToolError: Error, Sendable, CustomStringConvertible {
    /// The exit status.
    public let status: ExitStatus
    /// The message, one line.
    public let description: String

    /// Creates an error from its message.
    public init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }

    /// Returns an error for an input that is damaged or of the wrong kind.
    /// - `file`: the name that the user gave; `standard input` for a pipe.
    /// - `place`: the line, byte or block; empty for the whole file.
    public static func data(_ file: String, _ place: String = "", _ cause: String) -> ToolError {
        ToolError(.dataError, [file, place, cause].filter { !$0.isEmpty }.joined(separator: ": "))
    }

    /// Returns an error for a system call that failed on `file`, with the text of `errno`.
    public static func system(_ status: ExitStatus, _ file: String, _ doing: String, errno code: Int32) -> ToolError {
        ToolError(status, "\(file): \(doing): \(String(cString: strerror(code)))")
    }
}

/// Returns a message made safe to print, whatever names from files contain: control characters become numbers, and very long
/// messages keep their start and end.
/// - `keepsLines`: true to keep line ends.
public func printable(_ message: String, keepsLines: Bool = false) -> String {
    var text = ""
    for scalar in message.shownFileName.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || [0x2028, 0x2029].contains(scalar.value)
        if isControl && !(keepsLines && scalar == "\n") { text += "\\u{\(String(scalar.value, radix: 16))}" } else { text.unicodeScalars.append(scalar) }
    }
    return text.count > 2000 && !keepsLines ? "\(text.prefix(1000))…\(text.suffix(900))" : text
}
