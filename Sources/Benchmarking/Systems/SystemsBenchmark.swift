import Files
internal import Glibc
internal import Model

/// A benchmark of systems that take turns, step by step, in one run.
///
/// Each system has its own process, so that its memory can be attributed to it. In a round each system has one turn, in the given
/// order or, every second time, in reverse order. Drift (clock, neighbours, heat) therefore affects all of them, and ratios are of
/// turns in the same round only.
public struct SystemsBenchmark {
    private let threads: Int
    /// The largest memory of the vectors of words, in bytes.
    public var tableMemory = 256 << 20
    /// The GPU that trains the systems; `nil` means the processor.
    public var device: MeasuredDevice?
    /// The memory in bytes for which the largest batch is determined.
    public var memoryGiven = Files.memoryLimit()
    /// The seconds of a turn, which is one step, or as many as fill this time.
    public var turnSeconds = 0.25
    /// The smallest number of rounds.
    public static let fewestRounds = 3
    /// The number of rounds below which there are too few for an interval, which needs six quiet rounds.
    public static let enoughRounds = 12
    private static let mostRounds = 1001
    /// The relative uncertainty that every ratio must reach for rounds to end early.
    public var precision = 0.005
    /// Returns true to end the measurement.
    public var shouldStop: () -> Bool = { false }
    private let onProgress, onStage: (String) -> Void
    private let files: SystemFiles
    private var estimate: TimeEstimate?

    /// Prepares the text. Throws `ToolError`.
    /// - `text`: the name of the text; `nil` means a synthetic text.
    /// - `megabytes`: the size of a synthetic text.
    /// - `onProgress`: called with the name of each step at its beginning.
    /// - `onStage`: called with a description of each finished step.
    public init(
        text: String?, megabytes: Int, threads: Int, onProgress: @escaping (String) -> Void, onStage: @escaping (String) -> Void
    ) throws {
        (self.threads, self.onProgress, self.onStage) = (threads, onProgress, onStage)
        onProgress("reading the text")
        files = try SystemFiles(text: text, megabytes: megabytes, threads: threads)
        onStage("the text is read: \(NumberText.grouped(files.tokenCount)) tokens")
    }

    /// The results of systems that were measured together.
    public struct Outcome {
        /// The measurements of each system.
        public var results: [SystemResult] = []
        /// The systems that could not be measured, with the reasons.
        public var leftOut: [(system: MeasuredSystem, reason: String)] = []
        /// True if the measurement ended because of `shouldStop`.
        public var isInterrupted = false
    }

    /// The numbers of tokens and distinct words of the text.
    public var textSize: (tokens: Int, distinctWords: Int) { (files.tokenCount, files.distinctWords) }

    /// Measures systems together: their start and at least `fewestRounds`, within the budget.
    ///
    /// A system that does not fit in the available memory, beside those before it, is left out before anything is allocated. A system
    /// whose process fails is left out, too, as are systems in groups after the first for which there is no time left. Throws
    /// `BudgetTooShort` before the first round of the first group if the smallest number of rounds of all groups would last beyond
    /// `end`; `ToolError` if the files of a system cannot be made.
    /// - `until`: the time at which these systems should be finished, if they have had the smallest number of rounds.
    /// - `end`: the time at which everything must be finished.
    /// - `later`: groups that are measured after this one, and need their time.
    public mutating func run(
        _ systems: [MeasuredSystem], until: Double, end: Double, later: [[MeasuredSystem]] = []
    ) throws -> Outcome {
        let start = now(), isFirst = estimate == nil
        var outcome = Outcome()
        let admitted: [MeasuredSystem]
        (admitted, outcome.leftOut) = admit(systems)
        guard !admitted.isEmpty else { return outcome }
        var estimate = estimate ?? TimeEstimate(threads: threads, device: device, turnSeconds: turnSeconds)
        defer { self.estimate = estimate }
        let expected = later.map { admit($0).admitted }
        func times(_ time: MeasuringTime) -> [MeasuringTime] { [time] + expected.map { estimate.time(of: $0) } }
        // A rough estimate refuses only a budget that is far from sufficient.
        let rough = BudgetTooShort(times(estimate.time(of: admitted)))
        if isFirst && start + rough.fewest > end + Self.roughness * (end - start) { throw rough }

        var served: [Served] = []
        var settling = 0.0
        do {
            served = try startAll(admitted, end: end, &outcome)
            for index in served.indices.reversed() {
                guard let process = served[index].process else { continue }
                do {
                    onProgress("\(process.name): first steps")
                    let ready = try process.ready(), begin = now()
                    let step = try process.settle()
                    estimate.learn(served[index].system, step: step, settling: now() - begin)
                    settling += now() - begin
                    served[index].result = SystemResult(served[index].system, ready, on: device)
                    onStage("\(process.name): ready, a step takes \(NumberText.rounded(step)) s")
                } catch where !(error is BudgetSpent) {
                    fail(index, error, &served, &outcome)
                }
            }
        } catch is BudgetSpent {
            if isFirst {
                // The start has taken longer than expected.
                var time = estimate.time(of: admitted)
                time.setUp = max(time.setUp, now() - start)
                throw BudgetTooShort(times(time))
            }
            outcome.leftOut += admitted.map { ($0, "the budget was spent before it was ready") }
            return outcome
        }
        estimate.learn(start: max(0, now() - start - settling), of: admitted)
        let measured = served.filter { $0.result != nil }.map(\.system)
        var time = estimate.time(of: measured)
        time.setUp = now() - start
        let needed = BudgetTooShort(times(time))
        if !outcome.isInterrupted && !measured.isEmpty {
            if isFirst && start + needed.fewest > end { throw needed }
            guard start + time.seconds(rounds: Self.fewestRounds) <= end else {
                let rounds = NumberText.rounded(Double(Self.fewestRounds) * time.round)
                outcome.leftOut += measured.map { ($0, "\(Self.fewestRounds) rounds take about \(rounds) s, which the budget lacks") }
                return outcome
            }
        }
        // Groups after this one must have their smallest number of rounds, too.
        let reserve = needed.fewest - time.seconds(rounds: Self.fewestRounds)
        measure(&served, round: time.round, until: min(until, end - reserve), end: end, &outcome)
        outcome.results = served.compactMap(\.result).filter { $0.rounds > 0 }
        if outcome.results.isEmpty && !outcome.isInterrupted {
            outcome.leftOut += served.filter { $0.result != nil }.map { ($0.system, "the budget was spent before a round was through") }
        }
        return outcome
    }

    /// The multiple of the budget by which an estimate without any measured step may exceed it.
    private static let roughness = 1.0

    private struct Served {
        let system: MeasuredSystem
        var process: ServedSystem?
        var result: SystemResult?
    }

    /// Returns the systems that make a network and fit in memory together, and the reasons why the others are left out.
    private func admit(_ systems: [MeasuredSystem]) -> (admitted: [MeasuredSystem], leftOut: [(MeasuredSystem, String)]) {
        var free = Double(min(memoryLimit(), Machine.availableMemory ?? .max)) * Self.usableShare
        var admitted: [MeasuredSystem] = [], leftOut: [(MeasuredSystem, String)] = []
        for system in systems {
            if let complaint = system.configuration.complaint {
                leftOut.append((system, complaint))
                continue
            }
            // The process of a system with a device determines what fits there, before anything is allocated.
            let needed = device == nil ? system.bytes(tableMemory: tableMemory) : system.bytesOfInput(tableMemory: tableMemory)
            guard needed <= free else {
                let (takes, left) = (Self.gigabytes(needed), Self.gigabytes(max(0, free)))
                let beside = admitted.isEmpty ? "" : " beside the others"
                leftOut.append((system, "takes about \(takes), and there are \(left) to give\(beside)"))
                continue
            }
            free -= needed
            admitted.append(system)
        }
        return (admitted, leftOut)
    }

    /// Starts the systems one after the other, because each reads its whole vocabulary. Throws `BudgetSpent`.
    private mutating func startAll(_ systems: [MeasuredSystem], end: Double, _ outcome: inout Outcome) throws -> [Served] {
        let shouldStop = shouldStop
        let check = {
            if shouldStop() { throw Interruption() }
            if now() > end { throw BudgetSpent() }
        }
        var served: [Served] = []
        for system in systems where !outcome.isInterrupted {
            if now() > end { throw BudgetSpent() }
            onProgress("\(system.name): starting")
            served.append(Served(system: system, process: try ServedSystem(work(system), check: check), result: nil))
            if shouldStop() { outcome.isInterrupted = true }
        }
        return served
    }

    /// The fraction of the memory that systems may use; the rest is for the operating system and this process.
    private static let usableShare = 0.92

    private static func gigabytes(_ bytes: Double) -> String {
        bytes > 1e15 ? "far too much memory" : "\((bytes / 1e8).rounded() / 10) GB"
    }

    private func work(_ system: MeasuredSystem) throws -> ServedWork {
        let configuration = system.configuration
        var work = ServedWork(
            system: system, tokens: files.tokens, tableMemory: tableMemory, threads: threads, memoryGiven: memoryGiven,
            device: device)
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

    /// Measures rounds.
    /// - `expected`: the approximate seconds of a round.
    /// - `until`: the time beyond which no round lasts after the smallest number, if it takes no longer than those before.
    /// - `end`: the time beyond which no round lasts at all.
    private func measure(
        _ served: inout [Served], round expected: Double, until: Double, end: Double, _ outcome: inout Outcome
    ) {
        // The processor's counters tell nothing about a device.
        var energy = device == nil ? EnergyCounter() : nil
        var round = 0, longest = expected
        // A round that would end late does not begin.
        while round < Self.mostRounds, !outcome.isInterrupted, served.contains(where: { $0.result != nil }),
            now() + longest <= (round < Self.fewestRounds ? end : until),
            round < Self.fewestRounds || !isExact(served) {
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
                } catch is BudgetSpent {
                    return
                } catch {
                    fail(index, error, &served, &outcome)
                    if outcome.isInterrupted { return }
                }
            }
            // Only complete rounds count, because ratios are of turns that were close in time.
            for (index, turn, joules) in turns { served[index].result?.add(turn, joules: joules) }
            let quiet = QuietRounds.choose(served.compactMap { $0.result?.secondsOfWord })
            for index in served.indices { served[index].result?.quietRounds = quiet }
            round += 1
            longest = round == 1 ? now() - begin : max(longest, now() - begin)
            let speeds = served.compactMap(\.result).map { "\($0.system.name) \(Int($0.wordsPerSecond.median))" }
            onProgress("round \(round), words/s: \(speeds.joined(separator: ", "))")
            if round == Self.fewestRounds {
                onStage("\(round) rounds measured, a round takes about \(NumberText.rounded(longest)) s")
            }
            if shouldStop() { outcome.isInterrupted = true }
        }
    }

    private func fail(_ index: Int, _ error: any Error, _ served: inout [Served], _ outcome: inout Outcome) {
        if error is Interruption {
            outcome.isInterrupted = true
            return
        }
        outcome.leftOut.append((served[index].system, "\(error)"))
        served[index].process = nil
        served[index].result = nil
    }

    /// Returns true if every ratio to the first system is precise enough; for a single system, its speed.
    private func isExact(_ served: [Served]) -> Bool {
        let results = served.compactMap(\.result).filter { $0.rounds > 0 }
        guard let first = results.first else { return false }
        guard results.count > 1 else { return PairedRatio(first.quietRounds.map { first.secondsOfWord[$0] }).uncertainty <= precision }
        return results.dropFirst().allSatisfy { $0.ratio(to: first).uncertainty <= precision }
    }
}
