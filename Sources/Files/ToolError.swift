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
