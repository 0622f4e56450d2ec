public import Files
internal import Glibc
internal import Parallel

/// The processes that `mpiexec` started together, the ranks, and messages between them.
///
/// One thread makes all calls of the library, which need not know of threads then: it takes what others post, tests what is under way,
/// and naps while nothing moves. Once a second it tells every rank that this one is there; a rank that has not been heard of for
/// `patience` seconds ends the run, so that none waits for ever (`fail`).
public final class Communicator: @unchecked Sendable {
    public let rank, size: Int
    /// The name and version of the library, and the file it is in.
    public let library: String
    /// The name of this machine, and those of all ranks' machines, by rank.
    public let host: String
    public var hosts: [String] { monitor.withLock { names } }
    /// Seconds after which a rank that is silent counts as lost.
    public let patience: Double
    /// Bytes of the pieces in which messages are sent, the same in all ranks. Each is a sign of life of its own.
    let pieceBytes: Int

    /// Called once, by the communicator's thread, when a rank is lost or a call has failed; `fail` if there is none. If it returns,
    /// `wait(for:)` and `leave` do, too.
    public var onFailure: (@Sendable (ToolError) -> Void)?

    let monitor: Monitor
    private let mpi: MPILibrary
    // With the lock held.
    private var posted: [Message] = [], sent = 0
    var names: [String]
    private var failure: ToolError?
    private var isClosing = false, haveAllLeft = false, isClosed = false
    private var step: Int?, threadSeconds = 0.0
    /// Grows as long as the thread is not held up in a call.
    private var rounds = 0
    /// The status with which the run is to end.
    private var ending: Int32?
    // Of the communicator's thread.
    private var requests: Requests
    private var pulse: Pulse
    private let thread = pthread_self()
    private var finished: [Message] = []
    /// Messages under way, those of the pulse not counted.
    private var underWay = 0

    // MARK: Joining

    /// Joins the ranks that `launcher` started. Returns when all are there.
    ///
    /// Throws `ToolError`, `unavailable`, if there is no library, or it is not the launcher's.
    /// - Parameters:
    ///   - library: a library's file or name; `nil` for that of the launcher's family.
    ///   - patience: seconds after which a rank that is silent counts as lost.
    ///   - pieceBytes: bytes of the pieces in which messages are sent, the same in all ranks.
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

    /// Seconds that the library may take to bring all ranks together. `mpiexec` ends them if one dies meanwhile.
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

    /// Bytes sent since the beginning, heartbeats not counted.
    public var bytesSent: Int { monitor.withLock { sent } }

    /// Begins to count sent bytes anew; with the lock held.
    func forgetWhatWasSent() { sent = 0 }

    /// The processor's time that the communicator's thread has taken so far, in seconds, as it was some tenth of a second ago.
    public var secondsOfThread: Double { monitor.withLock { threadSeconds } }

    /// A message that can be posted, to or from another rank.
    /// - Parameter tag: a number below 31,999, the same at both ends.
    public func message(_ direction: Message.Direction, _ peer: Int, tag: Int, bytes: UnsafeMutableRawBufferPointer) -> Message {
        precondition(peer != rank && (0..<size).contains(peer) && tag >= 0 && tag < Self.tagOfNames)
        return Message(direction, peer, tag: tag, bytes: bytes, pieceBytes: pieceBytes)
    }

    /// Sends a message on its way. Nobody may write to the bytes of one that is sent, nor read those of one that is received, before it is
    /// done. What arrives before the receiver has posted its message lies in the library's memory until then: receive early.
    public func post(_ message: Message) {
        monitor.withLock {
            precondition(message.isDone, "a message that is under way was posted again")
            message.isDone = false
            posted.append(message)
            if message.direction == .to { sent += message.bytes.count }
            monitor.wakeAll()
        }
    }

    /// Waits until a message is done. Throws `ToolError`, `unavailable`, if a rank is lost and `onFailure` has returned.
    public func wait(for message: Message) throws(ToolError) {
        if let failure = waitWhile({ !message.isDone }), !isDone(message) { throw failure }
    }

    public func isDone(_ message: Message) -> Bool { monitor.withLock { message.isDone } }

    /// Says goodbye to all ranks and ends the library, when all ranks have called this.
    public func leave() {
        monitor.withLock {
            isClosing = true
            monitor.wakeAll()
        }
        _ = waitWhile { !haveAllLeft }
        // Nothing is lost any more: what the library does at its end may take its time, but is not worth a failure.
        let end = monotonicSeconds() + Self.longestFarewell
        monitor.withLock { while failure == nil && !isClosed && monotonicSeconds() < end { monitor.wait(seconds: 0.5) } }
    }

    /// Waits, and returns the failure that has ended the wait, if one has. A thread that is held up in a call of the library can tell of no
    /// lost rank: then this ends the run.
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

    /// Says which step this rank is at, for messages.
    public func note(step: Int) { monitor.withLock { self.step = step } }

    /// Prints an error in one line with this rank, its machine and its step, and ends all ranks with the error's status. May be called by
    /// any thread; of several calls the first one counts. The other ranks end without a word.
    ///
    /// This rank tells the others, which then wait in silence, and has the library end all, so that `mpiexec` exits with the error's status;
    /// if the library cannot, each process ends by itself after two seconds. What else ends a run, as found with MPICH 4.0 and 5.0 and Open
    /// MPI 4.1 (Tests/MessagePassingTests/FailureTests.swift, pipelines/two-hosts.sh for the last one):
    ///
    /// - A rank that is killed, gets a signal that it does not catch, or exits without `leave`: `mpiexec` kills the others, MPICH's in half
    ///   a second and Open MPI's in two, before silence would be noticed. It names the rank itself. Its status is not 0, but for MPICH's
    ///   now and then where that rank's was: whoever exits with 0 and has not left hides a failure.
    /// - SIGTERM or SIGINT to `mpiexec`: it passes them on, and kills what is left, MPICH's at once and Open MPI's after one to three
    ///   seconds. SIGHUP or SIGKILL: the ranks end all the same.
    /// - A rank that is stopped, or hangs: the first of the others names it after `patience` seconds, and ends all.
    /// - A cut link: the first rank on each side names one of the other side after `patience` seconds; all ranks end within two seconds of
    ///   that. The line of the side where `mpiexec` is not gets lost with the link. MPICH's `mpiexec` ends, too; Open MPI's waits for its
    ///   daemon until the connection counts as dead, eight minutes as it is set, some seconds with `--mca oob_tcp_keepalive_time 10 --mca
    ///   oob_tcp_keepalive_intvl 2 --mca oob_tcp_keepalive_probes 3`.
    public func fail(_ error: ToolError) -> Never {
        let place = monitor.withLock { step }.map { ", step \($0)" } ?? ""
        end(with: error.status.rawValue, saying: "\(programName()): rank \(rank) on host \(host)\(place): \(printable(error.description))\n")
    }

    /// Ends all ranks with a status, without a word.
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
            // Whatever the library does, and whoever it waits for.
            startThread {
                sleep(Self.longestEnd)
                Self.endProcess(status)
            }
        }
        if pthread_equal(thread, pthread_self()) != 0 { endRun(status) }
        while true { pause() }
    }

    /// Seconds after which a process ends if the library does not end it.
    private static let longestEnd: UInt32 = 2

    /// Ends the other ranks and this one. Only the communicator's thread calls this.
    private func endRun(_ status: Int32) -> Never {
        try? pulse.tell(of: status, &requests)
        // They look ten times a second; who is no longer there is the launcher's.
        let end = monotonicSeconds() + 0.25
        while monotonicSeconds() < end {
            try? requests.test { _ in }
            usleep(1000)
        }
        mpi.endAll(status: status)
        Self.endProcess(status)
    }

    /// Waits for the end that another rank brings, so that the launcher gets its status from that one, and says nothing. Where that does not
    /// come, because the launcher is cut off, this process ends by itself.
    private func awaitEnd(_ status: Int32) -> Never {
        monitor.withLock { if ending == nil { ending = status } }
        sleep(Self.longestEnd)
        Self.endProcess(status)
    }

    /// Ends this process alone. Not by `exit`, whose handlers are the library's, too, and may wait for other ranks.
    private static func endProcess(_ status: Int32) -> Never {
        removeTemporaryFiles()
        _exit(status)
    }

    /// A rank, and its machine where that is known.
    private func name(of rank: Int) -> String {
        let host = monitor.withLock { names[rank] }
        return host.isEmpty ? "rank \(rank)" : "rank \(rank) on host \(host)"
    }

    // MARK: The thread

    /// Seconds of sleep. With nothing under way `idle`, and up to `closing` while others have yet to leave. While messages are under way
    /// and nothing moves, from `first` to `later`, which does not let the buffers of a network of 10 Gbit/s run empty; after a long quiet
    /// time, in which this rank waits for a slower one, a `part` of that time, up to `last`.
    private enum Nap {
        static let first = 50e-6, later = 500e-6, last = 5e-3, part = 0.02, closing = 20e-3, idle = 0.1
        /// A call that takes longer has moved so much that there may be more at once.
        static let longCall = 60e-6
    }

    /// Seconds that the library's end may take.
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
            // No library tells whether bytes have moved, but its call takes longer then.
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

    /// Has the library move what can be moved. Returns true if a piece of a message is done now.
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
