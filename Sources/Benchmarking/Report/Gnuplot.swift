internal import Files
internal import Glibc

/// Draws pictures with the program gnuplot.
public struct Gnuplot {
    private let path: String

    /// Throws `ToolError` with status `unavailable` if gnuplot is not on the PATH.
    public init() throws {
        let folders = (getenv("PATH").map { String(fileName: $0) } ?? "/usr/bin:/bin").parts(separatedBy: ":")
        func isProgram(_ path: String) -> Bool {
            var status = stat()
            return path.withFileName { stat($0, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access($0, X_OK) == 0 }
        }
        guard let folder = folders.first(where: { isProgram("\($0)/gnuplot") }) else {
            throw ToolError(.unavailable, "gnuplot is missing: apt install gnuplot-nox")
        }
        path = "\(folder)/gnuplot"
    }

    /// The picture in SVG. Throws `ToolError`: `software` if gnuplot fails.
    func draw(_ plot: Plot) throws -> Picture {
        let script = try TemporaryFile(), output = try TemporaryFile(), messages = try TemporaryFile()
        let file = script.output()
        try file.write(plot.script)
        try file.commit()
        // To its start again, where gnuplot begins to read.
        _ = try script.source()
        let status = try run(input: script.descriptor, output: output.descriptor, errors: messages.descriptor)
        let text = try Self.text(output)
        guard status == 0, text.contains("</svg>") else {
            let lines = try Self.text(messages).split(whereSeparator: \.isNewline)
            let line = lines.last.map { $0.drop(while: \.isWhitespace) } ?? "status \(status >> 8)"
            // 127: the system could not load the program.
            throw ToolError(status >> 8 == 127 ? .systemError : .software, "\(path): \(plot.name): \(line)")
        }
        return Picture(plot: plot, svg: CleanSVG.cleaned(text, name: plot.name, title: plot.caption))
    }

    /// Runs it with settings and an environment of its own, so that those of the user change nothing.
    private func run(input: CInt, output: CInt, errors: CInt) throws -> CInt {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        var words: [UnsafeMutablePointer<CChar>?] = [strdup("gnuplot"), strdup("--default-settings"), nil]
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("LC_ALL=C.UTF-8"), strdup("PATH=/usr/bin:/bin"), nil]
        defer { for word in words + environment { free(word) } }
        var process = pid_t()
        let failure = path.withFileName { posix_spawn(&process, $0, &actions, nil, &words, &environment) }
        guard failure == 0 else { throw ToolError.system(.systemError, path, "cannot start", errno: failure) }
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw ToolError.system(.systemError, path, "cannot wait", errno: errno) }
        }
        return status
    }

    private static func text(_ file: TemporaryFile) throws -> String {
        let source = try file.source()
        var bytes = [UInt8](repeating: 0, count: source.size ?? 0)
        let count = try bytes.withUnsafeMutableBytes { try source.readFully(into: $0) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

/// A picture that is drawn.
struct Picture {
    let plot: Plot
    /// An `svg` element.
    let svg: String
}
