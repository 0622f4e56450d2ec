internal import Files
internal import FoundationEssentials
internal import Glibc

/// A system in a process of its own, from outside: `StepServer` is what runs there.
final class ServedSystem {
    /// What a turn was.
    struct Turn {
        var words: Int
        var seconds: Double
        /// By part; see `StepRunner.Step`.
        var costs: [Double]
        var gradientBytes: Int
        var peakMemory: Int
    }

    let name: String
    private var process: pid_t = 0
    private var socket: CInt = -1
    private var received: [UInt8] = []
    private let workFile: ScratchFile
    private let check: () throws -> Void

    /// Starts the process; it begins to read at once. Throws `ToolError` if it cannot be started.
    /// - Parameter check: called while an answer is waited for; what it throws ends the waiting.
    init(_ work: ServedWork, check: @escaping () throws -> Void) throws {
        name = work.system.name
        self.check = check
        workFile = try ScratchFile()
        let output = workFile.output()
        guard let text = try? JSONEncoder().encode(work) else { throw ToolError(.software, "a system that is no JSON") }
        try output.write([UInt8](text))
        try output.commit()
        try start()
    }

    deinit { end() }

    /// What the system is, as soon as it has read everything. Throws `ToolError` with what it says is wrong.
    func ready() throws -> (parameters: Int, optimizerBytes: Int, largestBatch: Int) {
        let reply = try self.reply()
        return (reply.parameters ?? 0, reply.optimizerBytes ?? 0, reply.largestBatch ?? 0)
    }

    /// Steps that count for nothing: memory is touched for the first time, and it is tried how directions run faster.
    /// - Returns: the seconds of the fastest.
    func settle() throws -> Double {
        try ask("settle")
        return try reply().seconds ?? 0
    }

    /// Trains for at least `seconds`, and at least a step.
    func turn(seconds: Double) throws -> Turn {
        try ask("turn \(seconds)")
        let reply = try self.reply()
        return Turn(
            words: reply.words ?? 0, seconds: reply.seconds ?? 0, costs: reply.costs ?? [],
            gradientBytes: reply.gradientBytes ?? 0, peakMemory: reply.peakMemory ?? 0)
    }

    /// Ends the process, wherever it is.
    func end() {
        guard process > 0 else { return }
        close(socket)
        kill(process, SIGKILL)
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        process = 0
    }

    private func start() throws {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ToolError(.systemError, "cannot make a socket")
        }
        socket = ends[0]
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        // What it has to say it answers; what is written when a program breaks down would only be noise.
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var words: [UnsafeMutablePointer<CChar>?] = ["bench", "serve-steps", workFile.path].map { (word: String) in strdup(word) }
        defer { for word in words { free(word) } }
        words.append(nil)
        let status = posix_spawn(&process, "/proc/self/exe", &actions, nil, words, environ)
        guard status == 0 else {
            process = 0
            throw ToolError.system(.systemError, "bench", "cannot be started again", errno: status)
        }
    }

    private func ask(_ command: String) throws {
        let bytes = Array((command + "\n").utf8)
        guard send(socket, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count else { throw ended() }
    }

    /// The next line of its answers.
    private func reply() throws -> ServedReply {
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Data(received[..<end])
                received.removeSubrange(...end)
                guard let reply = try? JSONDecoder().decode(ServedReply.self, from: line) else {
                    throw ToolError(.software, "\(name): its process answers what is no JSON")
                }
                if let error = reply.error { throw ToolError(.software, error) }
                return reply
            }
            var poll = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            let count = Glibc.poll(&poll, 1, Self.patience)
            try check()
            guard count > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 1 << 14)
            let read = recv(socket, &buffer, buffer.count, 0)
            if read < 0 && errno == EINTR { continue }
            guard read > 0 else { throw ended() }
            received += buffer[..<read]
        }
    }

    /// Milliseconds from one `check` to the next.
    private static let patience: CInt = 200

    private func ended() -> ToolError {
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        process = 0
        close(socket)
        let signal = status & 0x7F
        return ToolError(
            .software,
            signal == SIGKILL ? "its process was killed (signal 9), as the system does when memory runs out"
                : signal == SIGILL || signal == SIGTRAP
                ? "its process broke down (signal \(signal)), as one does that gets no memory"
                : signal != 0 ? "its process was ended by signal \(signal)" : "its process ended with status \(status >> 8)")
    }
}

/// The user wants no more rounds.
struct Interruption: Error {}
