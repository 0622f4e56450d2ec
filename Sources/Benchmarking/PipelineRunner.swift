internal import Files
internal import Glibc

/// A runner of tools joined by pipes.
struct PipelineRunner {
    /// The folder of the tools, which is that of this program.
    private let directory: String

    /// Finds the tools. Throws `ToolError` with status `systemError` if the system does not report the path of this program.
    init() throws {
        guard let path = linkTarget("/proc/self/exe") else { throw ToolError(.systemError, "/proc/self/exe: cannot be read") }
        directory = String(pathParts(path).folder.dropLast())
    }

    /// Runs `commands`, each reading the output of the one before it, and waits for all. Throws `ToolError` if one cannot be started
    /// or fails; its messages are on stderr.
    /// - `output`: receives the standard output of the last one; `nil` discards it.
    /// - `errors`: receives the standard error of all; `nil` means this process's standard error.
    /// - `processors`: the number of processors on which all of them run together.
    @discardableResult
    func run(
        _ commands: [ToolCommand], to output: ScratchFile? = nil, errors: ScratchFile? = nil, processors: Int
    ) throws -> PipelineUse {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        var use = PipelineUse()
        let begin = now()
        let processes = try Affinity.with(processors: processors) {
            try start(commands, input: null, output: output?.descriptor ?? null, errors: errors?.descriptor)
        }
        var failure: ToolError?
        for (command, process) in zip(commands, processes) {
            do { try wait(command, process, &use) } catch let error as ToolError { failure = failure ?? error }
        }
        use.seconds = now() - begin
        if let failure { throw failure }
        return use
    }

    private func start(_ commands: [ToolCommand], input: CInt, output: CInt, errors: CInt?) throws -> [pid_t] {
        var processes: [pid_t] = []
        var source = input
        for (index, command) in commands.enumerated() {
            let isLast = index == commands.count - 1
            var ends: [CInt] = [-1, output]
            if !isLast {
                guard pipe(&ends) == 0 else { throw ToolError(.systemError, "cannot make a pipe") }
                // Otherwise, the reader would hold its own pipe open, and never see its end.
                for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            }
            defer {
                if index > 0 { close(source) }
                if !isLast { close(ends[1]) }
                source = ends[0]
            }
            processes.append(try command.start(in: directory, input: source, output: ends[1], errors: errors))
        }
        return processes
    }

    private func wait(_ command: ToolCommand, _ process: pid_t, _ use: inout PipelineUse) throws {
        var status: CInt = 0
        var usage = rusage()
        while wait4(process, &status, 0, &usage) < 0 {
            guard errno == EINTR else { throw ToolError.system(.systemError, command.tool, "cannot wait", errno: errno) }
        }
        use.peakMemory = max(use.peakMemory, usage.ru_maxrss << 10)
        guard status == 0 else {
            let signal = status & 0x7F
            throw ToolError(
                signal == 0 ? ExitStatus(rawValue: status >> 8) ?? .software : .software,
                "\(command.tool) \(command.arguments.joined(separator: " ")): "
                    + (signal == 0 ? "ended with status \(status >> 8)" : "was ended by signal \(signal)"))
        }
    }
}

/// A tool of this project with its arguments, run as a separate process.
struct ToolCommand {
    let tool: String
    let arguments: [String]

    init(_ tool: String, _ arguments: [String]) {
        self.tool = tool
        self.arguments = arguments
    }

    init(_ tool: String, _ arguments: String...) { self.init(tool, arguments) }

    /// Starts the tool with the given descriptors as standard input and output. Throws `ToolError`.
    fileprivate func start(in directory: String, input: CInt, output: CInt, errors: CInt?) throws -> pid_t {
        let path = "\(directory)/\(tool)"
        guard path.withFileName({ access($0, X_OK) }) == 0 else {
            throw ToolError(.noInput, "\(path): is not there; build the other tools too: swift build -c release")
        }
        let streams = [(input, STDIN_FILENO), (output, STDOUT_FILENO)] + (errors.map { [($0, STDERR_FILENO)] } ?? [])
        let (process, error) = startProgram(path, [tool] + arguments, descriptors: streams)
        guard error == 0 else { throw ToolError.system(.systemError, path, "cannot start", errno: error) }
        return process
    }
}

/// The time and memory of processes that run side by side.
struct PipelineUse {
    /// The wall-clock seconds from the start of the first process to the end of the last.
    var seconds = 0.0
    /// The largest peak memory of one of them, in bytes.
    var peakMemory = 0
}
