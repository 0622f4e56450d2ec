import Files
internal import FoundationEssentials
internal import Glibc
internal import Model
internal import Parallel
internal import Training

/// A benchmark of real runs of `train` with different numbers of ranks, by turns, each started as a user starts it.
///
/// The ranks are processes of this machine, possibly in network namespaces: they read the inputs that this process has made.
public struct ScalingBenchmark {
    /// The numbers of ranks; the others are compared with 1.
    public var ranks = [1, 2]
    /// The words that start ranks, before `-n`.
    public var launcher = ["mpiexec"]
    /// The number of steps that count, after those that touch memory for the first time.
    public var steps = 3
    /// The number of rounds.
    public var rounds = 1
    /// The number of threads of a rank.
    public var threads = 1
    /// True if each rank is pinned to its own processors, as many as it has threads, starting from the first processor.
    public var isPinned = false
    /// True to measure the same number of independent processes at the same time, too.
    public var measuresApart = false
    /// The options of `train` that all runs have in common.
    public var trainOptions: [String] = []
    /// The largest memory for the vectors of words in bytes.
    public var tableMemory = 256 << 20
    /// The speed of the network in Gbit/s, as given by the user.
    public var gigabits: Double?
    /// Returns true to end the measurement.
    public var shouldStop: () -> Bool = { false }
    private static let firstSteps = 1

    private let files: SystemFiles
    private let folder: String

    /// Prepares the text. Throws `ToolError`.
    /// - `text`: the name of the text; `nil` means a synthetic text.
    /// - `megabytes`: the size of a synthetic text.
    public init(text: String?, megabytes: Int, threads: Int) throws {
        guard let path = linkTarget("/proc/self/exe") else { throw ToolError(.systemError, "/proc/self/exe: cannot be read") }
        folder = String(pathParts(path).folder.dropLast())
        files = try SystemFiles(text: text, megabytes: megabytes, threads: threads)
    }

    /// The numbers of tokens and distinct words of the text.
    public var textSize: (tokens: Int, distinctWords: Int) { (files.tokenCount, files.distinctWords) }

    /// Measures a system with each number of ranks. Throws `ToolError` with the last message of a run that fails.
    /// - Parameters:
    ///   - system: its `batch` is that of one rank.
    ///   - options: the options of `train` that make the system.
    ///   - onProgress: called with the name of each measurement.
    public func run(_ system: MeasuredSystem, options: [String], onProgress: (String) -> Void) throws -> [ScalingResult] {
        let inputs = try self.inputs(of: system), gradient = GradientSize(system.configuration)
        var runs = ranks.flatMap { count in (measuresApart && count > 1 ? [false, true] : [false]).map { Run(ranks: count, isApart: $0) } }
        for round in 1...rounds {
            for index in runs.indices where !shouldStop() {
                let (count, isApart) = (runs[index].ranks, runs[index].isApart)
                onProgress("\(system.name), \(count) rank\(count == 1 ? "" : "s")\(isApart ? " apart" : ""), round \(round) of \(rounds)")
                // An independent process has the batch of a single rank.
                let batch = system.batch * (isApart ? 1 : count)
                let arguments = [
                    "--batch", "\(batch)", "--window", "\(system.window)", "--optimizer", system.optimizer.rawValue,
                    "--steps", "\(Self.firstSteps + steps)", "--held-out-every", "0", "--threads", "\(threads)", "--log", "-", "-o", "/dev/null",
                ] + options + trainOptions + inputs
                let logs = try isApart ? runApart(count, arguments) : [runTogether(count, arguments)]
                // An interrupt from the terminal reaches the ranks, too.
                if shouldStop() { break }
                // All independent processes are equivalent, so the log of the first one is used.
                try runs[index].add(logs[0], firstSteps: Self.firstSteps)
            }
        }
        return runs.compactMap { run in
            guard !run.seconds.isEmpty else { return nil }
            return ScalingResult(
                system: system.name, options: system.options, ranks: run.ranks, isApart: run.isApart, threads: threads,
                words: run.words / (run.isApart ? 1 : run.ranks), seconds: Spread(run.seconds),
                waited: run.waited.isEmpty ? nil : Spread(run.waited), bytes: run.bytes.isEmpty ? 0 : Int(Spread(run.bytes).median),
                threadShare: run.threadShares.isEmpty ? nil : Spread(run.threadShares).median, gradient: gradient, gigabits: gigabits)
        }
    }

    /// The measured steps for one number of ranks.
    private struct Run {
        let ranks: Int
        let isApart: Bool
        var words = 0
        var seconds: [Double] = [], waited: [Double] = [], bytes: [Double] = [], threadShares: [Double] = []

        init(ranks: Int, isApart: Bool) { (self.ranks, self.isApart) = (ranks, isApart) }

        /// Adds the log of a run. Throws `ToolError` if it has too few steps.
        mutating func add(_ log: [LogLine], firstSteps: Int) throws {
            guard log.count > firstSteps else { throw ToolError(.software, "train has logged \(log.count) steps, and is not as new as bench") }
            for (before, line) in zip(log, log.dropFirst()).dropFirst(firstSteps - 1) {
                let time = line.seconds - before.seconds
                words = line.words - before.words
                seconds.append(time)
                if let share = line.secondsWaitedForRanks { waited.append(share / time) }
                if let count = line.bytesSent { bytes.append(Double(count)) }
            }
            // The thread reports its time ten times per second, so that for short steps only the sum over all steps is known.
            let thread = log[firstSteps...].compactMap(\.secondsOfCommunicator)
            if !thread.isEmpty { threadShares.append(thread.reduce(0, +) / (log[log.count - 1].seconds - log[firstSteps - 1].seconds)) }
        }
    }

    /// A line of the log of `train`.
    private struct LogLine: Decodable {
        let event: String
        let words: Int
        let seconds: Double
        let secondsWaitedForRanks, secondsOfCommunicator: Double?
        let bytesSent: Int?
    }

    /// Returns the options that name the inputs of a system and its tokens, after making these files.
    private func inputs(of system: MeasuredSystem) throws -> [String] {
        let configuration = system.configuration
        if configuration.input == .subwords {
            let units = try files.units(size: configuration.vocabularySize)
            return ["--vocab", units.vocabulary.path, units.tokens.path]
        }
        var words: [String] = []
        if configuration.output.hasVocabulary { words += ["--vocab", try files.vocabulary(size: configuration.vocabularySize).path] }
        if configuration.input == .embeddings || configuration.output == .continuous {
            let dimension = max(configuration.inputSize, configuration.outputSize)
            words += ["--table", try files.table(size: system.vocabulary, dimension: dimension).path, "--table-memory", "\(tableMemory)"]
        }
        return words + [files.tokens]
    }

    // MARK: Processes

    /// Runs `train` with ranks that the launcher starts, and returns the log of the first one.
    private func runTogether(_ count: Int, _ arguments: [String]) throws -> [LogLine] {
        var command = ["\(folder)/train"] + arguments
        if isPinned {
            // Both families of mpiexec tell a process its rank in the environment.
            command = [
                "/bin/sh", "-c",
                "rank=${PMI_RANK:-${OMPI_COMM_WORLD_RANK:-0}}; exec taskset -c $((rank * \(threads)))-$((rank * \(threads) + \(threads - 1))) "
                    + "\"$0\" \"$@\"",
            ] + command
        }
        return try wait(for: start(launcher + ["-n", "\(count)"] + command))
    }

    /// Runs independent processes at the same time, as many as there would be ranks, and returns their logs.
    private func runApart(_ count: Int, _ arguments: [String]) throws -> [[LogLine]] {
        let started = try (0..<count).map { rank in
            let pin = isPinned ? ["taskset", "-c", "\(rank * threads)-\(rank * threads + threads - 1)"] : []
            return try start(pin + ["\(folder)/train"] + arguments)
        }
        return try started.map(wait)
    }

    private typealias Started = (process: pid_t, name: String, output: ScratchFile, errors: ScratchFile)

    private func start(_ command: [String]) throws -> Started {
        let output = try ScratchFile(), errors = try ScratchFile(), null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        let (process, error) = startProgram(
            command[0], isOnPath: true, command,
            descriptors: [(null, STDIN_FILENO), (output.descriptor, STDOUT_FILENO), (errors.descriptor, STDERR_FILENO)])
        guard error == 0 else { throw ToolError.system(.unavailable, command[0], "cannot start", errno: error) }
        return (process, command[0], output, errors)
    }

    private func wait(for started: Started) throws -> [LogLine] {
        guard let status = waitForEnd(of: started.process) else { throw ToolError(.systemError, "\(started.name): cannot be waited for") }
        var lines: [LogLine] = [], errors: [String] = []
        let output = LineReader(try started.output.source()), text = LineReader(try started.errors.source())
        while try output.next({ bytes in
            if let line = try? JSONDecoder().decode(LogLine.self, from: Data(bytes)), line.event == "train" { lines.append(line) }
        }) {}
        guard status == 0 else {
            if shouldStop() { return [] }
            while try text.next({ errors.append(String(decoding: $0, as: UTF8.self)) }) {}
            // The launcher adds a message of its own after the tool's.
            let message = errors.last { $0.hasPrefix("train: ") } ?? errors.last { $0.contains(" ") && !$0.hasPrefix("-") } ?? ""
            throw ToolError(.software, "\(started.name) ended with status \(status >> 8): \(message)")
        }
        return lines
    }
}
