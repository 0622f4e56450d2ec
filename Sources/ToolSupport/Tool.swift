public import ArgumentParser
public import Files
import Glibc

/// The version of all six tools.
public let contourVersion = "0.1.0"

/// A command of the pipeline: a `ParsableCommand` with one line on stderr and a sysexits status for every error. SIGINT and SIGTERM
/// leave no half-written output, and SIGPIPE ends it silently.
public protocol Tool: ParsableCommand {
    /// The name with which error messages start: the tool's name, or for a subcommand both names.
    static var name: String { get }

    /// Does the work. Errors are `ToolError`s.
    func perform() throws

    /// True in a process started together with others, of which only the first prints requested information.
    static var isFollower: Bool { get }

    /// Prints an error, and ends this process and those started together with it.
    static func fail(_ error: ToolError) -> Never
}

extension Tool {
    /// The tool's name as the user types it.
    public static var name: String { configuration.commandName ?? String(describing: Self.self) }

    /// False: the process was started alone.
    public static var isFollower: Bool { false }

    /// Prints an error and ends this process.
    public static func fail(_ error: ToolError) -> Never { endProcess(name, error) }

    /// Name and version of the tool, as written in shards.
    public static var signature: String { "\(name) \(contourVersion)" }

    /// Parses the command line and runs the tool.
    public static func main() { runAsRoot() }

    /// Runs the tool, and ends the process with its errors.
    public func run() throws {
        do { try perform() } catch let error as ToolError { Self.fail(error) }
    }

    /// Returns the configuration common to all tools: name, version, and help with an example at the end.
    public static func configuration(_ name: String, _ abstract: String, _ discussion: String) -> CommandConfiguration {
        CommandConfiguration(
            commandName: name, abstract: abstract, discussion: discussion, version: "\(name) (Contour) \(contourVersion)")
    }
}

/// Prints an error in one line, and ends this process.
private func endProcess(_ name: String, _ error: ToolError) -> Never {
    writeToStandardError("\(name): \(printable(error.description))\n")
    Glibc.exit(error.status.rawValue)
}

extension ParsableCommand {
    /// Parses the command line and runs the tool. An invalid command line gives one line, too; help is printed only when requested.
    public static func runAsRoot() {
        let name = configuration.commandName ?? String(describing: Self.self), tool = Self.self as? any Tool.Type
        openStandardStreams()
        installSignalHandlers(name)
        watchInputs()
        do {
            var command = try parseAsRoot(commandLineArguments)
            try command.run()
        } catch {
            // An exit code without message comes from a tool that has already said what is wrong.
            if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
            let code = exitCode(for: error)
            guard code.isSuccess else {
                let isUsage = code == .validationFailure
                let subcommand = configuration.subcommands.map { $0._commandName }.first { $0 == commandLineArguments.first }
                let help = [name, subcommand, "--help"].compactMap(\.self).joined(separator: " ")
                let advice = isUsage ? "; see: \(help)" : "; this is an error of the program"
                let failure = ToolError(isUsage ? .usage : .software, oneLine(message(for: error)) + advice)
                if let tool { tool.fail(failure) }
                endProcess(name, failure)
            }
            // Help, the version, or completions.
            if tool?.isFollower == true { Glibc.exit(0) }
            do {
                let output = try OutputFile(path: "-", binary: false)
                try output.write(fullMessage(for: error) + "\n")
                try output.commit()
            } catch let failure as ToolError {
                endProcess(name, failure)
            } catch {}
            Glibc.exit(0)
        }
    }
}

/// Returns a message as one line, with the list of an option's possible values made part of the sentence.
public func oneLine(_ message: String) -> String {
    let lines = message.split(whereSeparator: \.isNewline).map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    return lines.enumerated().map { place, line in
        guard place > 0 else { return line }
        return (lines[place - 1].hasSuffix(":") ? " " : ", ") + (line.hasPrefix("- ") ? String(line.dropFirst(2)) : line)
    }.joined()
}

/// Returns a word of a command line as a shell accepts it, quoted if necessary.
public func shellQuoted(_ word: String) -> String {
    guard word.shownFileName.isIdentical(to: word) else {
        // Bytes that are not UTF-8 are written as numbers, which bash and zsh turn back into bytes.
        let bytes = word.fileNameBytes.map { byte in
            (0x20..<0x7F).contains(byte) && !"'\\".utf8.contains(byte) ? String(UnicodeScalar(byte)) : "\\x" + String(byte, radix: 16)
        }
        return "$'\(bytes.joined())'"
    }
    let isPlain = !word.isEmpty && word.utf8.allSatisfy { byte in
        UnicodeScalar(byte).properties.isAlphabetic && byte < 128 || "0123456789-_./=+,:@%".utf8.contains(byte)
    }
    return isPlain ? word : "'\(word.replacingBytes(of: "'", with: "'\\''"))'"
}

/// Makes sure that the three standard streams are open, so that no result is written to one of them: a closed one is replaced by a
/// descriptor that cannot be read or written, and stderr by /dev/null. They are close-on-exec, by which `OutputFile` recognises
/// that the caller did not open them.
private func openStandardStreams() {
    for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDWR)]
    where fcntl(descriptor, F_GETFD) < 0 {
        // `open` returns the lowest free number, which is this one.
        _ = open("/dev/null", mode | (descriptor == STDOUT_FILENO ? 0 : O_CLOEXEC))
    }
}

/// Writes `text` to stderr in one call, so that lines of the tools in a pipeline do not mix.
public func writeToStandardError(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
