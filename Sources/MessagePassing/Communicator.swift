public import Files
internal import Glibc
internal import Parallel

/// The processes that `mpiexec` started together, called ranks, and messages between them.
///
/// One thread makes all calls of the library, which therefore need not support threads: it takes the messages that others post,
/// tests those in progress, and naps while nothing moves. Once a second it tells every rank that this one is alive. A rank that has
/// not been heard from for `patience` seconds ends the run, so that none waits for ever (`fail`).
public final class Communicator: @unchecked Sendable {
    /// This rank, from 0, and the number of ranks.
    public let rank, size: Int
    /// Name and version of the library, and its file.
    public let library: String
    /// Name of this machine.
    public let host: String
    /// Names of the machines of all ranks, by rank.
    public var hosts: [String] { monitor.withLock { names } }
    /// Seconds of silence after which a rank counts as lost.
    public let patience: Double
    /// Bytes of the pieces in which messages are sent, the same in all ranks. Each piece also counts as a sign of life.
    let pieceBytes: Int

    /// Called once, by the communicator's thread, when a rank is lost or a call has failed; `nil` calls `fail`. If it returns,
    /// `wait(for:)` and `leave` return, too.
    public var onFailure: (@Sendable (ToolError) -> Void)?

    let monitor: Monitor
    private let mpi: MPILibrary
    // Access only with the lock held.
    private var posted: [Message] = [], sent = 0
    var names: [String]
    private var failure: ToolError?
    private var isClosing = false, haveAllLeft = false, isClosed = false
    private var step: Int?, threadSeconds = 0.0
    /// Increases as long as the thread is not blocked in a call.
    private var rounds = 0
    /// Exit status with which the run must end.
    private var ending: Int32?
    // Access only from the communicator's thread.
    private var requests: Requests
    private var pulse: Pulse
    private let thread = pthread_self()
    private var finished: [Message] = []
    /// Number of messages in progress, without those of the pulse.
    private var underWay = 0

    // MARK: Joining

    /// Joins the ranks that `launcher` started, and returns when all are there.
    ///
    /// Throws `ToolError` with status `unavailable` if there is no library, or if it does not belong to the launcher.
    /// - `library`: file or name of a library; `nil` means that of the launcher's family.
    /// - `patience`: seconds of silence after which a rank counts as lost.
    /// - `pieceBytes`: bytes of the pieces in which messages are sent, the same in all ranks.
    public static func join(
        _ launcher: Launcher, library path: String? = nil, patience: Double = 20, pieceBytes: Int = 1 << 20
    ) throws(ToolError) -> Communicator {
        let communicator = try begin(
            try MPILibrary(for: launcher, path: path), nameOfThisMachine(), patience, pieceBytes)
        if let size = launcher.size, size != communicator.size {
            throw ToolError(
                .unavailable,
                "\(communicator.library): sees \(communicator.size) of the \(size) processes that were started: it is not the library of "
                    + "this mpiexec; name that by --mpi-library")
        }
        try communicator.exchangeNames()
        return communicator
    }

    /// Seconds that the library may take to bring all ranks together. If one dies meanwhile, `mpiexec` ends them.
    private static let longestBeginning = 120.0

    private static func begin(_ mpi: MPILibrary, _ host: String, _ patience: Double, _ pieceBytes: Int) throws(ToolError) -> Communicator {
        final class Beginning: @unchecked Sendable { var result: Result<Communicator, ToolError>? }
        let beginning = Beginning(), monitor = Monitor()
        startThread {
            let result = Result { () throws(ToolError) in
                try mpi.begin(longestMessage: pieceBytes)
                return Communicator(mpi, monitor, rank: try mpi.rank(), size: try mpi.size(), host, patience, pieceBytes)
            }
            monitor.withLock {
                beginning.result = result
                monitor.wakeAll()
            }
            if case .success(let communicator) = result { communicator.serve() }
        }
        let end = monotonicSeconds() + longestBeginning
        let result = monitor.withLock {
            while beginning.result == nil && monotonicSeconds() < end { monitor.wait(seconds: 1) }
            return beginning.result
        }
        guard let result else {
            throw ToolError(.unavailable, "\(mpi.name): MPI_Init_thread has not returned for \(Int(longestBeginning)) seconds")
        }
        return try result.get()
    }

    private init(
        _ mpi: MPILibrary, _ monitor: Monitor, rank: Int, size: Int, _ host: String, _ patience: Double, _ pieceBytes: Int
    ) {
        (self.mpi, self.monitor, self.rank, self.size) = (mpi, monitor, rank, size)
        (self.host, self.patience, self.pieceBytes) = (host, patience, pieceBytes)
        library = "\(mpi.version()), \(mpi.name)"
        requests = Requests(mpi, ranks: size)
        pulse = Pulse(rank: rank, size: size, patience: patience)
        names = (0..<size).map { $0 == rank ? host : "" }
        posted.reserveCapacity(1024)
        finished.reserveCapacity(1024)
    }

    // MARK: Messages

    /// Number of bytes sent since the start, without heartbeats.
    public var bytesSent: Int { monitor.withLock { sent } }

    /// Resets the count of bytes sent. Call it with the lock held.
    func forgetWhatWasSent() { sent = 0 }

    /// Processor time used by the communicator's thread so far, in seconds, as of about a tenth of a second ago.
    public var secondsOfThread: Double { monitor.withLock { threadSeconds } }

    /// Creates a message to or from another rank.
    /// - `tag`: a number below 31,999, the same at both ends.
    public func message(_ direction: Message.Direction, _ peer: Int, tag: Int, bytes: UnsafeMutableRawBufferPointer) -> Message {
        precondition(peer != rank && (0..<size).contains(peer) && tag >= 0 && tag < Self.tagOfNames)
        return Message(direction, peer, tag: tag, bytes: bytes, pieceBytes: pieceBytes)
    }

    /// Starts a message. Until it is done, nobody may write to the bytes of a sent message, or read those of a received one. What
    /// arrives before the receiver has posted its message stays in the library's memory until then, so post receives early.
    public func post(_ message: Message) {
        monitor.withLock {
            precondition(message.isDone, "a message that is under way was posted again")
            message.isDone = false
            posted.append(message)
            if message.direction == .to { sent += message.bytes.count }
            monitor.wakeAll()
        }
    }

    /// Waits until a message is done. Throws `ToolError` with status `unavailable` if a rank is lost and `onFailure` has returned.
    public func wait(for message: Message) throws(ToolError) {
        if let failure = waitWhile({ !message.isDone }), !isDone(message) { throw failure }
    }

    /// Returns true if a message is done.
    public func isDone(_ message: Message) -> Bool { monitor.withLock { message.isDone } }

    /// Says goodbye to all ranks and ends the library once all ranks have called this.
    public func leave() {
        monitor.withLock {
            isClosing = true
            monitor.wakeAll()
        }
        _ = waitWhile { !haveAllLeft }
        // Nothing can be lost any more: the library may take time to end, but that is not a failure.
        let end = monotonicSeconds() + Self.longestFarewell
        monitor.withLock { while failure == nil && !isClosed && monotonicSeconds() < end { monitor.wait(seconds: 0.5) } }
    }

    /// Waits, and returns the failure that has ended the wait, if any. If the communicator's thread is blocked in a call of the
    /// library, it cannot report lost ranks, and this function ends the run.
    @inline(__always)
    private func waitWhile(_ condition: () -> Bool) -> ToolError? {
        var heldUp = 0.0
        let failure = monitor.withLock {
            var seen = rounds, before = monotonicSeconds()
            while condition() && self.failure == nil && heldUp <= 2 * patience {
                monitor.wait(seconds: 1)
                let now = monotonicSeconds()
                heldUp = rounds == seen ? heldUp + min(now - before, 1.5) : 0
                (seen, before) = (rounds, now)
            }
            return self.failure
        }
        guard heldUp > 2 * patience else { return failure }
        fail(ToolError(.unavailable, "a call of \(mpi.name) has not returned for \(Int(heldUp)) seconds"))
    }

    // MARK: Failure

    /// Records the step of this rank, for messages.
    public func note(step: Int) { monitor.withLock { self.step = step } }

    /// Prints an error in one line with this rank, its machine and its step, and ends all ranks with the error's status. Any thread
    /// may call it; only the first call counts. The other ranks end silently.
    ///
    /// This rank tells the others, which then wait silently, and has the library end all, so that `mpiexec` exits with the error's
    /// status. If the library cannot do that, each process ends by itself after two seconds. A run also ends in the following
    /// cases, as observed with MPICH 4.0 and 5.0 and Open MPI 4.1 (Tests/MessagePassingTests/FailureTests.swift, and
    /// pipelines/two-hosts.sh for the last case):
    ///
    /// - A rank is killed, gets a signal that it does not catch, or exits without `leave`: `mpiexec` kills the others, MPICH's
    ///   within half a second and Open MPI's within two, before silence would be noticed, and names the rank. Its exit status is
    ///   not 0, except that MPICH's sometimes is if the rank's was: a rank that exits with 0 without having left hides a failure.
    /// - `mpiexec` gets SIGTERM or SIGINT: it passes the signal on and kills what is left, MPICH's at once and Open MPI's after one
    ///   to three seconds. After SIGHUP or SIGKILL, the ranks end, too.
    /// - A rank is stopped or hangs: the first of the others names it after `patience` seconds and ends all.
    /// - A link is cut: on each side, the first rank names one of the other side after `patience` seconds, and all ranks end within
    ///   two seconds after that. The line of the side without `mpiexec` is lost with the link. MPICH's `mpiexec` ends, too; Open
    ///   MPI's waits for its daemon until the connection counts as dead, which takes eight minutes by default, and a few seconds
    ///   with `--mca oob_tcp_keepalive_time 10 --mca oob_tcp_keepalive_intvl 2 --mca oob_tcp_keepalive_probes 3`.
    public func fail(_ error: ToolError) -> Never {
        let place = monitor.withLock { step }.map { ", step \($0)" } ?? ""
        end(with: error.status.rawValue, saying: "\(programName()): rank \(rank) on host \(host)\(place): \(printable(error.description))\n")
    }

    /// Ends all ranks with a status, silently.
    public func endAll(status: Int32) -> Never { end(with: status, saying: nil) }

    private func end(with status: Int32, saying line: String?) -> Never {
        let isFirst = monitor.withLock {
            guard ending == nil else { return false }
            ending = status
            monitor.wakeAll()
            return true
        }
        if isFirst {
            _ = line?.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            // Takes effect whatever the library does or waits for.
            startThread {
                sleep(Self.longestEnd)
                Self.endProcess(status)
            }
        }
        if pthread_equal(thread, pthread_self()) != 0 { endRun(status) }
        while true { pause() }
    }

    /// Seconds after which a process ends by itself if the library does not end it.
    private static let longestEnd: UInt32 = 2

    /// Ends the other ranks and this one. Called only by the communicator's thread.
    private func endRun(_ status: Int32) -> Never {
        try? pulse.tell(of: status, &requests)
        // They check ten times a second; the launcher deals with those that no longer run.
        let end = monotonicSeconds() + 0.25
        while monotonicSeconds() < end {
            try? requests.test { _ in }
            usleep(1000)
        }
        mpi.endAll(status: status)
        Self.endProcess(status)
    }

    /// Waits silently for another rank to end the run, so that the launcher gets its status from that rank. If that does not
    /// happen, because the launcher is cut off, this process ends by itself.
    private func awaitEnd(_ status: Int32) -> Never {
        monitor.withLock { if ending == nil { ending = status } }
        sleep(Self.longestEnd)
        Self.endProcess(status)
    }

    /// Ends only this process. Does not call `exit`, which also runs the library's handlers, and these may wait for other ranks.
    private static func endProcess(_ status: Int32) -> Never {
        removeTemporaryFiles()
        _exit(status)
    }

    /// Returns a rank, with its machine if that is known.
    private func name(of rank: Int) -> String {
        let host = monitor.withLock { names[rank] }
        return host.isEmpty ? "rank \(rank)" : "rank \(rank) on host \(host)"
    }

    // MARK: The thread

    /// Durations of sleep in seconds: `idle` if nothing is in progress, and up to `closing` while others have yet to leave. While
    /// messages are in progress and nothing moves, from `first` to `later`, short enough that the buffers of a 10 Gbit/s network do
    /// not run empty; after a long quiet time, in which this rank waits for a slower one, a `part` of that time, up to `last`.
    private enum Nap {
        static let first = 50e-6, later = 500e-6, last = 5e-3, part = 0.02, closing = 20e-3, idle = 0.1
        /// A call that takes longer has moved so much that more may be available at once.
        static let longCall = 60e-6
    }

    /// Seconds that ending the library may take.
    private static let longestFarewell = 10.0

    private func serve() {
        do throws(ToolError) {
            try pulse.begin(&requests)
            try run()
            monitor.withLock {
                haveAllLeft = true
                monitor.wakeAll()
            }
            mpi.end()
            monitor.withLock {
                isClosed = true
                monitor.wakeAll()
            }
        } catch {
            if let onFailure { onFailure(error) } else { fail(error) }
            monitor.withLock {
                failure = error
                monitor.wakeAll()
            }
        }
    }

    private func run() throws(ToolError) {
        var fresh: [Message] = [], nap = 0.0, quietSince = 0.0, idleCall = 1.0, timed = 0.0
        fresh.reserveCapacity(1024)
        while true {
            let (closes, ending) = monitor.withLock {
                if posted.isEmpty && self.ending == nil && nap > 0 { monitor.wait(seconds: nap) }
                swap(&posted, &fresh)
                rounds += 1
                return (isClosing && fresh.isEmpty, self.ending)
            }
            if let ending { endRun(ending) }
            for message in fresh {
                try requests.start(message)
                underWay += 1
            }
            var moves = !fresh.isEmpty
            fresh.removeAll(keepingCapacity: true)

            let before = monotonicSeconds()
            if try move() { moves = true }
            let now = monotonicSeconds()
            // No library tells whether bytes have moved, but its call then takes longer.
            let call = now - before
            idleCall = min(call, idleCall * 1.02)
            let hasMovedMuch = call > max(Nap.longCall, 4 * idleCall)

            switch try pulse.beat(now, closing: closes && underWay == 0, &requests) {
            case .nothing: break
            case .allHaveLeft: return
            case .failure(let status): awaitEnd(status)
            case .silence(let peer): throw ToolError(.unavailable, "\(name(of: peer)) has not answered for \(Int(patience)) seconds")
            }

            if now >= timed + 0.05 {
                timed = now
                let seconds = Self.secondsOfThisThread()
                monitor.withLock { threadSeconds = seconds }
            }
            if moves { quietSince = now }
            if moves || hasMovedMuch {
                nap = 0
            } else if underWay > 0 {
                nap = min(max(Nap.first, 2 * nap), max(Nap.later, min(Nap.last, Nap.part * (now - quietSince))))
            } else {
                nap = closes ? min(max(Nap.later, 2 * nap), Nap.closing) : Nap.idle
            }
        }
    }

    /// Lets the library move what it can. Returns true if a piece of a message is done now.
    private func move() throws(ToolError) -> Bool {
        var hasMoved = false
        do {
            try requests.test { message in
                if message.direction == .from { pulse.hear(message) }
                guard message.tag != Pulse.tag else { return }
                hasMoved = true
                if message.open == 0 { finished.append(message) }
            }
        } catch {
            throw ToolError(.unavailable, "\(error.peer.map { "\(name(of: $0)): " } ?? "")\(error.text)")
        }
        guard !finished.isEmpty else { return hasMoved }
        underWay -= finished.count
        monitor.withLock {
            for message in finished { message.isDone = true }
            monitor.wakeAll()
        }
        finished.removeAll(keepingCapacity: true)
        return true
    }

    private static func secondsOfThisThread() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
