public import Files
internal import Glibc
internal import Parallel

/// The processes that `mpiexec` started together, the ranks, and messages between them.
///
/// One thread makes all calls of the library, which need not know of threads then: it takes what others post, tests what is under way,
/// and naps while nothing moves. Once a second it tells every rank that this one is there; a rank that has not been heard of for
/// `patience` seconds ends the run, so that none waits for ever.
public final class Communicator: @unchecked Sendable {
    public let rank, size: Int
    /// The name and version of the library, and the file it is in.
    public let library: String
    /// Seconds after which a rank that is silent counts as lost.
    public static let patience = 20.0

    /// Bytes sent since the beginning, heartbeats not counted.
    public var bytesSent: Int { monitor.withLock { sent } }
    /// Called once, by the communicator's thread, when a rank is lost or a call has failed. The process is to end.
    public var onFailure: (@Sendable (ToolError) -> Void)?

    private let mpi: MPILibrary
    private let monitor: Monitor
    private var posted: [Message] = [], sent = 0
    private var failure: ToolError?
    private var isClosing = false, isClosed = false
    private var pulse: Pulse

    /// Joins the ranks that `launcher` started. Returns when the library has begun, in a thread of its own.
    ///
    /// Throws `ToolError`, `unavailable`, if there is no library, or it is not the launcher's.
    public static func join(_ launcher: Launcher, library path: String?) throws(ToolError) -> Communicator {
        let mpi = try MPILibrary(for: launcher, path: path), monitor = Monitor()
        final class Beginning: @unchecked Sendable { var result: Result<Communicator, ToolError>? }
        let beginning = Beginning()
        startThread {
            let result = Result { () throws(ToolError) in
                try mpi.begin()
                return Communicator(mpi, monitor, rank: try mpi.rank(), size: try mpi.size())
            }
            monitor.withLock {
                beginning.result = result
                monitor.wakeAll()
            }
            if case .success(let communicator) = result { communicator.serve() }
        }
        monitor.withLock { while beginning.result == nil { monitor.wait() } }
        guard let result = beginning.result else { preconditionFailure("the thread gave a result") }
        let communicator = try result.get()
        if let size = launcher.size, size != communicator.size {
            throw ToolError(
                .unavailable,
                "\(communicator.library): sees \(communicator.size) of the \(size) processes that were started: it is not the library of this "
                    + "mpiexec; name that by --mpi-library")
        }
        return communicator
    }

    private init(_ mpi: MPILibrary, _ monitor: Monitor, rank: Int, size: Int) {
        (self.mpi, self.monitor, self.rank, self.size) = (mpi, monitor, rank, size)
        library = "\(mpi.version()), \(mpi.name)"
        pulse = Pulse(rank: rank, size: size, requestSize: mpi.interface.requestSize)
        posted.reserveCapacity(1024)
    }

    // MARK: Messages

    /// A message that can be posted, to or from another rank.
    public func message(_ direction: Message.Direction, _ peer: Int, tag: Int, bytes: UnsafeMutableRawBufferPointer) -> Message {
        precondition(peer != rank && (0..<size).contains(peer) && tag >= 0 && tag < Pulse.tag)
        return Message(direction, peer, tag: tag, bytes: bytes, requestSize: mpi.interface.requestSize)
    }

    /// Sends a message on its way. Nobody may write to the bytes of one that is sent, nor read those of one that is received, before it
    /// is done.
    public func post(_ message: Message) {
        monitor.withLock {
            precondition(message.isDone, "a message that is under way was posted again")
            message.isDone = false
            posted.append(message)
            if message.direction == .to { sent += message.bytes.count }
            monitor.wakeAll()
        }
    }

    /// Waits until a message is done. Throws `ToolError`, `unavailable`, if a rank is lost.
    public func wait(for message: Message) throws(ToolError) {
        let failure = monitor.withLock {
            while !message.isDone && failure == nil { monitor.wait() }
            return message.isDone ? nil : failure
        }
        if let failure { throw failure }
    }

    public func isDone(_ message: Message) -> Bool { monitor.withLock { message.isDone } }

    /// Says goodbye to all ranks and ends the library; all ranks call this.
    public func leave() {
        monitor.withLock {
            isClosing = true
            monitor.wakeAll()
            while !isClosed && failure == nil { monitor.wait() }
        }
    }

    /// Ends all ranks at once, after an error that the others cannot know of.
    public func endAll(status: Int32) { mpi.endAll(status: status) }

    // MARK: The thread

    /// Naps while nothing moves, in seconds: at first, and at most. The longest still lets the buffers of a network of 10 Gbit/s not run
    /// full.
    private static let shortestNap = 20e-6, longestNap = 250e-6, idleNap = 0.2

    private func serve() {
        var active: [Message] = [], fresh: [Message] = [], nap = Self.shortestNap
        active.reserveCapacity(1024)
        fresh.reserveCapacity(1024)
        do {
            while true {
                let closes = monitor.withLock {
                    if posted.isEmpty && !isClosing { monitor.wait(seconds: active.isEmpty ? Self.idleNap : nap) }
                    swap(&posted, &fresh)
                    return isClosing && fresh.isEmpty
                }
                for message in fresh { try message.start(mpi) }
                var moved = !fresh.isEmpty
                active.append(contentsOf: fresh)
                fresh.removeAll(keepingCapacity: true)
                var kept = 0
                for message in active {
                    if try message.hasArrived(mpi) {
                        monitor.withLock { message.isDone = true }
                        moved = true
                    } else {
                        active[kept] = message
                        kept += 1
                    }
                }
                if kept < active.count {
                    active.removeLast(active.count - kept)
                    monitor.withLock { monitor.wakeAll() }
                }
                nap = moved ? Self.shortestNap : min(2 * nap, Self.longestNap)
                try pulse.beat(mpi, closing: closes && active.isEmpty)
                if pulse.allHaveLeft { break }
            }
            mpi.end()
            monitor.withLock {
                isClosed = true
                monitor.wakeAll()
            }
        } catch {
            let error = error as? ToolError ?? ToolError(.unavailable, "\(error)")
            monitor.withLock {
                failure = error
                monitor.wakeAll()
            }
            onFailure?(error)
        }
    }
}
