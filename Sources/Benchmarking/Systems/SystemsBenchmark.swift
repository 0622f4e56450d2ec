import Files
internal import Glibc
internal import Model

/// Systems that take turns, step by step, in one run.
///
/// Each has a process of its own, so that its memory is accounted to it alone. In a round each has one turn, in the order given
/// or, every second time, the other way round: what drifts (clock, neighbours, heat) meets all of them, and ratios are of
/// turns of the same round only.
public struct SystemsBenchmark {
    /// The text; `nil`: a synthetic one.
    public var text: String?
    public var megabytes = 16
    public var threads: Int
    /// The most memory for the vectors of words.
    public var tableMemory = 256 << 20
    /// For which the largest batch is asked.
    public var memoryGiven = Files.memoryLimit()
    /// A turn is one step, or as many as take this many seconds.
    public var turnSeconds = 0.25
    /// No fewer rounds, whatever they take, so that there are six quiet ones, which an interval needs; and no more.
    public var rounds = 12...1001
    /// Rounds end early when every ratio is known to this share of itself.
    public var precision = 0.005
    /// Asked again and again; then what has been measured is what there is.
    public var shouldStop: () -> Bool = { false }
    /// Told what is being done.
    public var onProgress: (String) -> Void = { _ in }

    private var files: SystemFiles?

    public init(threads: Int) { self.threads = threads }

    /// Systems measured together, those that could not be, and why; and whether it ended before its time.
    public struct Outcome {
        public var results: [SystemResult] = []
        public var leftOut: [(system: MeasuredSystem, reason: String)] = []
        public var isInterrupted = false
    }

    /// Makes the text ready. Throws `ToolError`.
    public mutating func prepare() throws {
        guard files == nil else { return }
        onProgress("reading the text")
        files = try SystemFiles(text: text, megabytes: megabytes, threads: threads)
    }

    /// Of the text: tokens and distinct words, when it is ready.
    public var textSize: (tokens: Int, distinctWords: Int) { (files?.tokenCount ?? 0, files?.distinctWords ?? 0) }

    /// Measures systems together for about `budget` seconds, their start included, and at least the fewest rounds.
    ///
    /// A system that does not fit in the memory there is, beside those before it, is left out before anything is allocated; so
    /// is one whose process fails. Throws `ToolError` if the text cannot be made ready.
    public mutating func run(_ systems: [MeasuredSystem], budget: Double) throws -> Outcome {
        try prepare()
        let start = now()
        var outcome = Outcome()
        var served = try startAll(systems, &outcome)
        for index in served.indices.reversed() {
            guard let process = served[index].process else { continue }
            do {
                onProgress("\(process.name): first steps")
                let ready = try process.ready()
                try process.settle()
                served[index].result = SystemResult(served[index].system, ready)
            } catch {
                fail(index, error, &served, &outcome)
            }
        }
        try measure(&served, until: start + budget, &outcome)
        outcome.results = served.compactMap(\.result).filter { $0.rounds > 0 }
        return outcome
    }

    private struct Served {
        let system: MeasuredSystem
        var process: ServedSystem?
        var result: SystemResult?
    }

    /// Starts what fits, one after the other, since each reads its whole vocabulary.
    private mutating func startAll(_ systems: [MeasuredSystem], _ outcome: inout Outcome) throws -> [Served] {
        var free = Double(min(memoryLimit(), availableMemory() ?? .max)) * Self.usableShare
        var served: [Served] = []
        for system in systems where !outcome.isInterrupted {
            if let complaint = system.configuration.complaint {
                outcome.leftOut.append((system, complaint))
                continue
            }
            let needed = system.bytes(tableMemory: tableMemory)
            guard needed <= free else {
                let (takes, left) = (Self.gigabytes(needed), Self.gigabytes(max(0, free)))
                let beside = served.isEmpty ? "" : " beside the others"
                outcome.leftOut.append((system, "takes about \(takes), and there are \(left) to give\(beside)"))
                continue
            }
            free -= needed
            onProgress("\(system.name): starting")
            served.append(
                Served(system: system, process: try ServedSystem(work(system), shouldStop: shouldStop), result: nil))
            if shouldStop() { outcome.isInterrupted = true }
        }
        return served
    }

    /// The rest is the system's, and this process's.
    private static let usableShare = 0.92

    private static func gigabytes(_ bytes: Double) -> String {
        bytes > 1e15 ? "far too much memory" : "\((bytes / 1e8).rounded() / 10) GB"
    }

    private func work(_ system: MeasuredSystem) throws -> ServedWork {
        guard let files else { preconditionFailure("the text is not ready") }
        let configuration = system.configuration
        var work = ServedWork(
            system: system, tokens: files.tokens, tableMemory: tableMemory, threads: threads, memoryGiven: memoryGiven)
        if configuration.input == .subwords {
            let units = try files.units(size: configuration.vocabularySize)
            work.tokens = units.tokens.path
            work.vocabulary = units.vocabulary.path
            return work
        }
        if configuration.output.hasVocabulary {
            work.vocabulary = try files.vocabulary(size: configuration.vocabularySize).path
        }
        if configuration.input == .embeddings || configuration.output == .continuous {
            let dimension = max(configuration.inputSize, configuration.outputSize)
            work.table = try files.table(size: system.vocabulary, dimension: dimension).path
            work.metWords = try files.vocabulary(size: system.vocabulary).path
        }
        return work
    }

    private func measure(_ served: inout [Served], until end: Double, _ outcome: inout Outcome) throws {
        var energy = EnergyCounter()
        var round = 0, longest = 0.0
        // A round that would end late is not begun.
        while round < rounds.upperBound, !outcome.isInterrupted, served.contains(where: { $0.result != nil }),
            round < rounds.lowerBound || now() + longest < end && !isExact(served) {
            let begin = now()
            var turns: [(index: Int, turn: ServedSystem.Turn, joules: Double?)] = []
            let order = round % 2 == 0 ? Array(served.indices) : served.indices.reversed()
            for index in order where served[index].result != nil {
                guard let process = served[index].process else { continue }
                do {
                    let before = energy?.joules()
                    let turn = try process.turn(seconds: turnSeconds)
                    let after = energy?.joules()
                    turns.append((index, turn, before.flatMap { before in after.map { $0 - before } }))
                } catch {
                    fail(index, error, &served, &outcome)
                    if outcome.isInterrupted { return }
                }
            }
            // Whole rounds only: ratios are of turns that had their time together.
            for (index, turn, joules) in turns { served[index].result?.add(turn, joules: joules) }
            let quiet = QuietRounds.choose(served.compactMap { $0.result?.secondsOfWord })
            for index in served.indices { served[index].result?.quietRounds = quiet }
            round += 1
            longest = max(longest, now() - begin)
            report(served, round: round)
            if shouldStop() { outcome.isInterrupted = true }
        }
    }

    private func fail(_ index: Int, _ error: any Error, _ served: inout [Served], _ outcome: inout Outcome) {
        if error is Interruption {
            outcome.isInterrupted = true
            return
        }
        outcome.leftOut.append((served[index].system, (error as? ToolError)?.description ?? "\(error)"))
        served[index].process = nil
        served[index].result = nil
    }

    private func report(_ served: [Served], round: Int) {
        let speeds = served.compactMap(\.result).filter { $0.rounds > 0 }
            .map { "\($0.system.name) \(Int($0.wordsPerSecond.median))" }
        onProgress("round \(round), words/s: \(speeds.joined(separator: ", "))")
    }

    /// Whether every ratio to the first system is known well enough; of one system alone, its speed.
    private func isExact(_ served: [Served]) -> Bool {
        let results = served.compactMap(\.result).filter { $0.rounds > 0 }
        guard let first = results.first else { return false }
        guard results.count > 1 else { return PairedRatio(first.quietRounds.map { first.secondsOfWord[$0] }).uncertainty <= precision }
        return results.dropFirst().allSatisfy { $0.ratio(to: first).uncertainty <= precision }
    }
}
