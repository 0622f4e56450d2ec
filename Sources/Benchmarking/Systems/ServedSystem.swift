internal import Files
internal import FoundationEssentials
internal import Glibc
internal import Kernels
internal import Model
internal import Parallel
internal import Shards
internal import Training

/// A system in a separate process, seen from outside; `StepServer` runs inside.
final class ServedSystem {
    /// The sizes of a system, which are known as soon as it has read its inputs.
    struct Sizes: Codable {
        let parameters, optimizerBytes, largestBatch: Int
    }

    /// The measurements of one turn.
    struct Turn: Codable {
        var words = 0
        var seconds = 0.0
        /// The seconds by part, as in `StepRunner.Step`; empty on a device, because the host does not wait for single parts.
        var costs: [Double] = []
        /// The size of the last step's gradient in bytes.
        var gradientBytes = 0
        /// The peak memory of the process in bytes, as the system reports it; on a device, the device's memory, as its driver reports
        /// it.
        var peakMemory = 0
    }

    let name: String
    private var process: pid_t = 0
    private var socket: CInt = -1
    private var received: [UInt8] = []
    private let workFile, errors: ScratchFile
    /// True if the process must be told when it may allocate memory on a device.
    private let opensDevice: Bool
    private let check: () throws -> Void

    /// Starts the process, which begins to read at once. Throws `ToolError` if it cannot be started.
    /// - `check`: called while waiting for an answer; an error that it throws ends the waiting.
    init(_ work: ServedWork, check: @escaping () throws -> Void) throws {
        name = work.system.name
        self.check = check
        (workFile, errors) = (try ScratchFile(), try ScratchFile())
        opensDevice = work.device != nil
        guard let text = try? JSONEncoder().encode(work) else { throw ToolError(.software, "a system that is no JSON") }
        try workFile.write { try $0.write([UInt8](text)) }
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ToolError(.systemError, "cannot make a socket")
        }
        socket = ends[0]
        defer { close(ends[1]) }
        let (started, error) = startProgram(
            "/proc/self/exe", ["bench", "serve-steps", workFile.path],
            descriptors: [(ends[1], STDIN_FILENO), (ends[1], STDOUT_FILENO), (errors.descriptor, STDERR_FILENO)])
        guard error == 0 else { throw ToolError.system(.systemError, "bench", "cannot be started again", errno: error) }
        process = started
    }

    deinit { end() }

    /// Waits until the system is ready and returns its sizes. Throws `ToolError` with the system's message if something is wrong.
    ///
    /// A system allocates memory on a device only in this call, because its memory is measured as the decrease of the free memory: no
    /// other process may use the device meanwhile.
    func ready() throws -> Sizes {
        // A process that has failed reads no commands, and has already answered with the reason.
        if opensDevice { _ = tell("open") }
        return try reply(\.sizes)
    }

    /// Makes steps that do not count, in which memory is touched for the first time, and the faster way to run the directions is
    /// determined. Returns the seconds of the fastest step.
    func settle() throws -> Double {
        try ask("settle")
        return try reply(\.fastest)
    }

    /// Trains for at least `seconds`, and at least one step.
    func turn(seconds: Double) throws -> Turn {
        try ask("turn \(seconds)")
        return try reply(\.turn)
    }

    /// Ends the process in any state.
    func end() {
        guard process > 0 else { return }
        close(socket)
        kill(process, SIGKILL)
        _ = waitForEnd(of: process)
        process = 0
    }

    private func ask(_ command: String) throws {
        guard tell(command) else { throw ended() }
    }

    /// Sends a command. Returns false if the process does not listen.
    private func tell(_ command: String) -> Bool {
        let bytes = Array((command + "\n").utf8)
        return send(socket, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count
    }

    /// Waits for the next line of the answers and returns a part of it.
    private func reply<Part>(_ part: KeyPath<ServedReply, Part?>) throws -> Part {
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Data(received[..<end])
                received.removeSubrange(...end)
                let reply = try? JSONDecoder().decode(ServedReply.self, from: line)
                if let error = reply?.error { throw ToolError(.software, error) }
                guard let answer = reply?[keyPath: part] else {
                    throw ToolError(.software, "\(name): its process does not answer what it is asked")
                }
                return answer
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

    /// The milliseconds from one `check` to the next.
    private static let patience: CInt = 200

    private func ended() -> ToolError {
        let status = waitForEnd(of: process) ?? 0
        process = 0
        close(socket)
        let signal = status & 0x7F
        // The backtrace of a crashed process would only be noise.
        if signal == 0, let message = try? errors.lastLine() { return ToolError(.software, message) }
        return ToolError(
            .software,
            signal == SIGKILL ? "its process was killed (signal 9), as the system does when memory runs out"
                : signal == SIGILL || signal == SIGTRAP
                ? "its process broke down (signal \(signal)), as one does that gets no memory"
                : signal != 0 ? "its process was ended by signal \(signal)" : "its process ended with status \(status >> 8)")
    }
}

/// A server of one system in a separate process, so that memory is attributed to this system, and several systems can take turns. It
/// reads lines from its input and answers each with a line of JSON: `turn SECONDS` trains for at least that long, and at least one
/// step; `settle` trains until the faster way to run the directions is known; `open`, the first command if a device trains, opens the
/// device.
public struct StepServer {
    private let input: LineReader
    private let work: ServedWork

    /// Reads its work. Throws `ToolError`.
    /// - `path`: the file that describes the training.
    public init(work path: String) throws {
        var work: ServedWork?
        _ = try LineReader(FileSource(path: path)).next { work = try? JSONDecoder().decode(ServedWork.self, from: Data($0)) }
        guard let work else {
            throw ToolError.data(path, "", "is not what bench tells its processes to do")
        }
        self.work = work
        input = LineReader(try FileSource(path: "-"))
    }

    /// Serves until the input ends. Errors are sent as answers, and not thrown.
    public func run() {
        // The parent process decides when this one ends: an interrupt from the terminal is for the parent.
        for number in [SIGINT, SIGHUP] { signal(number, SIG_IGN) }
        do { try serve() } catch { answer(ServedReply(error: "\(error)")) }
    }

    private func serve() throws {
        let system = work.system
        let input = try TrainingInput(
            table: work.table, tableMemory: work.tableMemory, vocabulary: work.vocabulary, tokens: [work.tokens], heldOut: nil,
            heldOutEvery: 0, heldOutTokens: 0, centred: true, threads: work.threads)
        if let path = work.metWords {
            let reader = try VocabularyShardReader(FileSource(path: path), pool: WorkerPool(threads: 1))
            while try reader.nextBlock({ word, _ in _ = try input.words.number(of: word) }) {}
        }
        let read = peakMemory()
        var configuration = system.configuration
        input.describe(in: &configuration)
        if try work.device != nil && nextCommand() == nil { return }
        let device = try work.device.map { try OpenedDevice($0, directions: configuration.directions.count) }
        let memory = device.map { DeviceMemory(configuration, system.training, input, backend: $0.backends[0]) }
        try memory?.check(work.device?.name ?? "")
        let runner = try StepRunner(configuration, system.training, input, backends: device?.backends ?? [])
        let largest = try memory?.largestBatch(in: work.memoryGiven, most: mostStreams)
            ?? largestBatch(input, configuration, read: read)
        answer(
            ServedReply(
                sizes: ServedSystem.Sizes(
                    parameters: runner.encoder.parameterCount, optimizerBytes: runner.encoder.momentBytes, largestBatch: largest)))
        var taken: Int?
        while let command = try nextCommand() {
            switch command.name {
            case "settle":
                var steps = 0, fastest = Double.infinity
                while steps < Self.firstSteps || !runner.isSettled {
                    fastest = min(fastest, try runner.run().seconds)
                    steps += 1
                }
                runner.wait()
                taken = device?.taken
                answer(ServedReply(fastest: fastest))
            default:
                var turn = try turn(runner, seconds: command.seconds)
                if let taken { (turn.peakMemory, turn.costs) = (taken, []) }
                answer(ServedReply(turn: turn))
            }
        }
    }

    private func turn(_ runner: StepRunner, seconds: Double) throws -> ServedSystem.Turn {
        var turn = ServedSystem.Turn()
        repeat {
            let step = try runner.run()
            turn.words += step.words
            turn.seconds += step.seconds
            turn.costs = turn.costs.isEmpty ? step.costs : zip(turn.costs, step.costs).map { $0 + $1 }
            turn.gradientBytes = step.gradientBytes
        } while turn.seconds < seconds
        // Work that is still queued on a device belongs to this turn.
        let start = now()
        runner.wait()
        turn.seconds += now() - start
        turn.peakMemory = peakMemory()
        return turn
    }

    /// Returns the largest number of streams of text whose training fits in the given memory, by the estimate of `train --dry-run`.
    private func largestBatch(_ input: TrainingInput, _ configuration: EncoderConfiguration, read: Int) throws -> Int {
        func fits(_ batch: Int) throws -> Bool {
            var options = work.system.training
            options.batch = batch
            // Memory far beyond that of the machine cannot even be reserved, and is estimated instead.
            let about = configuration.trainingBytes(
                batch: batch, window: options.window, moments: options.optimizer.optimizer.momentNames.count)
            if about > 2 * Double(memoryLimit()) { return about <= Double(work.memoryGiven) }
            return try input.bytesOfSteps(configuration, options).reduce(read) { $0 + $1.bytes } <= work.memoryGiven
        }
        var low = 0, high = 1
        while try low < mostStreams && fits(high) { (low, high) = (high, min(2 * high, mostStreams)) }
        while high - low > 1 {
            let middle = (low + high) / 2
            if try fits(middle) { low = middle } else { high = middle }
        }
        return low
    }

    /// The number of steps in which memory is touched for the first time; the second step is the first that touches moments.
    private static let firstSteps = 2

    /// The largest number of streams that `train --batch` allows, alone and in its product with `--window`.
    private var mostStreams: Int { min(1 << 16, (1 << 24) / work.system.window) }

    private func nextCommand() throws -> (name: String, seconds: Double)? {
        var words: [String] = []
        guard try input.next({ words = String(decoding: $0, as: UTF8.self).parts(separatedBy: " ") }) else { return nil }
        return (words.first ?? "", words.count > 1 ? Double(words[1]) ?? 0 : 0)
    }

    private func answer(_ reply: ServedReply) {
        guard var bytes = try? [UInt8](JSONEncoder().encode(reply)) else { return }
        bytes.append(UInt8(ascii: "\n"))
        _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }
}

/// An error for the user's wish to end the rounds.
struct Interruption: Error {}

/// A description of the training for a system's process, as JSON.
struct ServedWork: Codable {
    var system: MeasuredSystem
    var tokens: String
    var table, vocabulary: String?
    /// A vocabulary whose words all occur, as they would in the text from which it comes.
    var metWords: String?
    var tableMemory: Int
    var threads: Int
    /// The memory in bytes for which the largest batch is determined.
    var memoryGiven: Int
    /// The GPU that trains; `nil` means the processor.
    var device: MeasuredDevice?
}

/// An answer of a system's process as a line of JSON, with one of these parts.
private struct ServedReply: Codable {
    var error: String?
    /// The answer to the start.
    var sizes: ServedSystem.Sizes?
    /// The seconds of the fastest of the steps that do not count.
    var fastest: Double?
    var turn: ServedSystem.Turn?
}
