import Files
import Glibc
import MessagePassing
import Parallel

/// A program that tests start by mpiexec: RankProbe [--library FILE] [--patience SECONDS] [--piece BYTES] MODE ARGUMENTS…
///
/// Everything that it finds goes to standard output, a line for each rank.
@main
enum RankProbe {
    static func main() {
        var words = CommandLine.arguments.dropFirst(), options: [String: String] = [:]
        while let word = words.first, word.hasPrefix("--"), words.count > 1 {
            options[word] = words.dropFirst().first
            words = words.dropFirst(2)
        }
        guard let mode = words.first else { end("no mode was given", .usage) }
        guard let launcher = Launcher.current else {
            print("started by itself")
            return
        }
        do throws(ToolError) {
            let communicator = try Communicator.join(
                launcher, library: options["--library"], patience: options["--patience"].flatMap(Double.init) ?? 20,
                pieceBytes: options["--piece"].flatMap { Int($0) } ?? 1 << 20)
            let probe = Probe(communicator, numbers: words.dropFirst().map { Double($0) ?? 0 })
            switch mode {
            case "exchange": try probe.exchange()
            case "names": probe.names()
            case "stream": try probe.stream()
            case "train": try probe.train()
            case "idle": probe.idle()
            case "fail": try probe.fail()
            case "throw": try probe.throwing()
            case "signal": try probe.signalItself()
            case "exit": try probe.exitAlone()
            case "wait": try probe.waitForNothing()
            default: end("\(mode): no such mode", .usage)
            }
            communicator.leave()
            say("rank \(communicator.rank) has left")
        } catch {
            end("\(launcher.place): \(error)", error.status)
        }
    }

    static func end(_ text: String, _ status: ExitStatus) -> Never {
        write("RankProbe: \(text)\n", to: STDERR_FILENO)
        exit(status.rawValue)
    }
}

/// Prints a line in one piece: the ranks' lines may mix, but not their letters.
func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

private func write(_ text: String, to descriptor: CInt) {
    var text = text
    text.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
}

/// What a rank does.
struct Probe {
    let communicator: Communicator
    /// The arguments after the mode.
    let numbers: [Double]

    init(_ communicator: Communicator, numbers: [Double]) {
        (self.communicator, self.numbers) = (communicator, numbers)
        communicator.note(step: 57)
    }

    private var rank: Int { communicator.rank }
    private var size: Int { communicator.size }
    private var others: [Int] { (0..<size).filter { $0 != rank } }

    private func number(_ place: Int, else value: Double) -> Double { place < numbers.count ? numbers[place] : value }

    private func memory(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        return memory
    }

    // MARK: Messages

    /// What stands at a place of a message, by its sender, receiver and number.
    private func byte(_ place: Int, from sender: Int, to receiver: Int, number: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: place &* 31 &+ place >> 11 &+ sender &* 101 &+ receiver &* 53 &+ number &* 7)
    }

    /// All ranks send each other messages of many sizes, many with the same tag, all at once, three times over the same memory.
    func exchange() throws(ToolError) {
        let sizes = [0, 1, 1000, 5_000_000, 64, 65_536] + (0..<40).map { $0 * $0 * 17 }
        var wrong = 0, received = 0, sent = 0
        var messages: [(out: Message, back: Message, number: Int)] = []
        for other in others {
            for (number, bytes) in sizes.enumerated() {
                // The first ones have tags of their own; the others must come in order.
                let tag = number < 4 ? number : 10
                messages.append(
                    (communicator.message(.to, other, tag: tag, bytes: memory(bytes)),
                     communicator.message(.from, other, tag: tag, bytes: memory(bytes)), number))
            }
        }
        for round in 0..<3 {
            for (out, _, number) in messages {
                for place in 0..<out.bytes.count {
                    out.bytes[place] = byte(place, from: rank, to: out.peer, number: number + 100 * round)
                }
            }
            for (out, back, _) in messages {
                communicator.post(out)
                communicator.post(back)
                sent += out.bytes.count
            }
            for (out, back, number) in messages.reversed() {
                try communicator.wait(for: out)
                try communicator.wait(for: back)
                guard communicator.isDone(out) && communicator.isDone(back) else { wrong += 1; continue }
                received += 1
                for place in 0..<back.bytes.count
                where back.bytes[place] != byte(place, from: back.peer, to: rank, number: number + 100 * round) {
                    wrong += 1
                    break
                }
            }
        }
        let counts = communicator.bytesSent == sent ? "counted" : "counted as \(communicator.bytesSent)"
        say("rank \(rank) of \(size): \(received) messages, \(wrong) wrong, \(sent) bytes \(counts)")
    }

    func names() {
        say("rank \(rank) of \(size) on \(communicator.host), all on \(communicator.hosts.joined(separator: " ")): \(communicator.library)")
    }

    // MARK: Costs

    /// Sends messages of so many bytes round the ring of ranks, so many times, or with a third argument of 1 from even ranks to odd ones
    /// alone; prints the speed and the thread's time.
    func stream() throws(ToolError) {
        let bytes = Int(number(0, else: 100e6)), count = Int(number(1, else: 10))
        let out = communicator.message(.to, (rank + 1) % size, tag: 1, bytes: memory(bytes))
        let back = communicator.message(.from, (rank + size - 1) % size, tag: 1, bytes: memory(bytes))
        try pass(out, back)
        let before = monotonicSeconds(), worked = communicator.secondsOfThread
        for _ in 0..<count { try pass(out, back) }
        report("\(count) times \(bytes) bytes each way", bytes * count, monotonicSeconds() - before, communicator.secondsOfThread - worked)
    }

    /// Trains as it were: so many steps of so many seconds, then so many bytes round the ring. Ranks are not quite equally fast.
    func train() throws(ToolError) {
        let steps = Int(number(0, else: 5)), seconds = number(1, else: 1), bytes = Int(number(2, else: 100e6))
        let out = communicator.message(.to, (rank + 1) % size, tag: 1, bytes: memory(bytes))
        let back = communicator.message(.from, (rank + size - 1) % size, tag: 1, bytes: memory(bytes))
        try pass(out, back)
        let before = monotonicSeconds(), worked = communicator.secondsOfThread
        for _ in 0..<steps {
            communicator.post(back)
            usleep(UInt32(1e6 * seconds * (1 + 0.2 * Double(rank) / Double(size))))
            communicator.post(out)
            try communicator.wait(for: back)
            try communicator.wait(for: out)
        }
        report("\(steps) steps", bytes * steps, monotonicSeconds() - before, communicator.secondsOfThread - worked)
    }

    func idle() {
        let seconds = number(0, else: 1)
        usleep(200_000)
        let worked = communicator.secondsOfThread
        usleep(UInt32(1e6 * seconds))
        report("idle", 0, seconds, communicator.secondsOfThread - worked)
    }

    private func pass(_ out: Message, _ back: Message) throws(ToolError) {
        if numbers.count > 2 && numbers[2] == 1 {
            let message = rank % 2 == 0 ? out : back
            communicator.post(message)
            return try communicator.wait(for: message)
        }
        communicator.post(back)
        communicator.post(out)
        try communicator.wait(for: back)
        try communicator.wait(for: out)
    }

    private func report(_ what: String, _ bytes: Int, _ seconds: Double, _ worked: Double) {
        func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
        say(
            "rank \(rank): \(what): \(rounded(seconds)) s, \(rounded(Double(bytes) * 8e-9 / seconds)) Gbit/s, thread \(rounded(worked)) s, "
                + "\(rounded(100 * worked / seconds)) % of a core")
    }

    // MARK: Failures

    /// All other ranks wait for a message that never comes.
    private func waitForEver(besides action: (Int) -> Void = { _ in }) throws(ToolError) {
        let chosen = Int(number(0, else: -1))
        try meet()
        say("rank \(rank) waits, process \(getpid())")
        if rank == chosen { action(chosen) }
        let back = communicator.message(.from, others[0], tag: 2, bytes: memory(8))
        communicator.post(back)
        try communicator.wait(for: back)
    }

    /// Returns when all ranks have come so far.
    private func meet() throws(ToolError) {
        var messages: [Message] = []
        for other in others {
            messages.append(communicator.message(.to, other, tag: 3, bytes: memory(8)))
            messages.append(communicator.message(.from, other, tag: 3, bytes: memory(8)))
        }
        for message in messages { communicator.post(message) }
        for message in messages { try communicator.wait(for: message) }
    }

    /// A rank fails.
    func fail() throws(ToolError) { try waitForEver { _ in communicator.fail(ToolError(.ioError, "model: no space is left")) } }

    /// As a program does that takes failures itself: the error is thrown where a message is waited for.
    func throwing() throws(ToolError) {
        communicator.onFailure = { error in say("rank told: \(error)") }
        try waitForEver { _ in raise(SIGSTOP) }
    }

    /// A rank gets a signal.
    func signalItself() throws(ToolError) { try waitForEver { _ in raise(CInt(number(1, else: 9))) } }

    /// A rank ends without a word.
    func exitAlone() throws(ToolError) { try waitForEver { _ in exit(CInt(number(1, else: 3))) } }

    func waitForNothing() throws(ToolError) { try waitForEver() }
}
