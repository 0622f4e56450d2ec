internal import Files

/// Bytes to send to another rank, or to receive from one. A message can be posted repeatedly without allocating memory, so that
/// steady training allocates nothing.
///
/// Two messages from one rank to another with the same tag arrive in the order in which they were posted.
public final class Message: @unchecked Sendable {
    /// The two directions in which a message travels.
    public enum Direction: Sendable {
        /// Sent to the other rank, or received from it.
        case to, from
    }

    /// Direction in which the message travels.
    public let direction: Direction
    /// The other rank.
    public let peer: Int
    /// Number that is the same at both ends.
    public let tag: Int
    /// The caller's memory, which must outlive the message. May be changed while the message is not in progress.
    public var bytes: UnsafeMutableRawBufferPointer
    /// Bytes of a piece, except that the last piece may be shorter. Both ranks divide messages in the same way.
    let pieceBytes: Int
    /// Number of pieces passed to the library, and of those not yet done. Accessed only by the communicator's thread.
    var started = 0, open = 0
    /// True for a message whose pieces are passed on a few at a time. Accessed only by the communicator's thread.
    var isQueued = false
    /// False while the message is in progress. Accessed only with the communicator's lock held.
    var isDone = true

    init(_ direction: Direction, _ peer: Int, tag: Int, bytes: UnsafeMutableRawBufferPointer, pieceBytes: Int) {
        (self.direction, self.peer, self.tag, self.bytes, self.pieceBytes) = (direction, peer, tag, bytes, pieceBytes)
    }

    /// A message without bytes is sent as one piece.
    var pieces: Int { max(1, (bytes.count + pieceBytes - 1) / pieceBytes) }
}

/// The library's requests in progress, one for each piece of a message, side by side, so that one call tests all of them. The call
/// also moves data, which costs more than the answers.
struct Requests {
    private(set) var count = 0
    private var capacity = 0
    /// For each request, the library's handle, the message it belongs to, and whether it has been found done.
    private var handles = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
    private var messages: [Message] = []
    private var isDone = UnsafeMutablePointer<Bool>.allocate(capacity: 1)
    /// The library's answer.
    private var places = UnsafeMutablePointer<CInt>.allocate(capacity: 1)
    private var statuses = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
    private let mpi: MPILibrary

    init(_ mpi: MPILibrary, ranks: Int) {
        self.mpi = mpi
        open = Array(repeating: 0, count: ranks)
        reserve(1024)
    }

    /// Number of pieces that are sent to a rank at a time: enough to keep a 10 Gbit/s network busy for 3 ms, and few enough for
    /// short messages after them, such as signs of life and answers.
    private static let window = 4

    /// Messages with pieces not yet passed to the library, in the order in which they were posted.
    private var waiting: [Message] = []
    /// Number of pieces of such messages that the library has, for each rank.
    private var open: [Int]

    /// Starts to send or receive a message. Throws `ToolError` with status `unavailable`.
    mutating func start(_ message: Message) throws(ToolError) {
        (message.started, message.open) = (0, message.pieces)
        let mustWait = message.direction == .to
            && (message.pieces > 1 || waiting.contains { $0.peer == message.peer && $0.tag == message.tag })
        message.isQueued = mustWait
        guard mustWait else {
            while message.started < message.pieces { try startPiece(message) }
            return
        }
        waiting.append(message)
        try startWaiting()
    }

    /// Passes to the library what it may have now. The pieces for a rank keep the order in which messages were posted.
    private mutating func startWaiting() throws(ToolError) {
        var kept = 0
        for index in waiting.indices {
            let message = waiting[index]
            while message.started < message.pieces && open[message.peer] < Self.window {
                try startPiece(message)
                open[message.peer] += 1
            }
            if message.started < message.pieces {
                if kept < index { waiting[kept] = message }
                kept += 1
            }
        }
        waiting.removeLast(waiting.count - kept)
    }

    private mutating func startPiece(_ message: Message) throws(ToolError) {
        if count == capacity { reserve(2 * count) }
        let first = message.started * message.pieceBytes, length = min(message.pieceBytes, message.bytes.count - first)
        let start = message.bytes.baseAddress.map { $0 + first }, request = handles + count * mpi.interface.requestSize
        switch message.direction {
        case .to: try mpi.send(start, length, to: message.peer, tag: message.tag, request)
        case .from: try mpi.receive(start, length, from: message.peer, tag: message.tag, request)
        }
        messages.append(message)
        message.started += 1
        count += 1
    }

    /// A failed request, and the rank at its other end, if the library tells which request it was.
    struct Failure: Error {
        let peer: Int?
        let text: String
    }

    /// Moves what can be moved, and calls `body` for each finished piece with its message, whose `open` no longer includes it.
    @inline(__always)
    mutating func test(_ body: (Message) -> Void) throws(Failure) {
        guard count > 0 else { return }
        let (done, error, place) = mpi.test(count, handles, places: places, statuses: statuses)
        guard error == 0 else { throw Failure(peer: place.map { messages[$0].peer }, text: mpi.text(of: error)) }
        guard done > 0 else { return }
        for index in 0..<done { isDone[Int(places[index])] = true }
        let size = mpi.interface.requestSize
        var kept = 0
        for index in 0..<count {
            let message = messages[index]
            if isDone[index] {
                isDone[index] = false
                message.open -= 1
                if message.isQueued { open[message.peer] -= 1 }
                body(message)
            } else {
                if kept < index {
                    (handles + kept * size).copyMemory(from: handles + index * size, byteCount: size)
                    messages[kept] = message
                }
                kept += 1
            }
        }
        messages.removeLast(count - kept)
        count = kept
        if !waiting.isEmpty {
            do throws(ToolError) { try startWaiting() } catch { throw Failure(peer: nil, text: error.description) }
        }
    }

    private mutating func reserve(_ capacity: Int) {
        let size = mpi.interface.requestSize
        let handles = UnsafeMutableRawPointer.allocate(byteCount: capacity * size, alignment: 8)
        handles.copyMemory(from: self.handles, byteCount: count * size)
        self.handles.deallocate()
        self.handles = handles
        isDone.deallocate()
        isDone = .allocate(capacity: capacity)
        isDone.initialize(repeating: false, count: capacity)
        places.deallocate()
        places = .allocate(capacity: capacity)
        statuses.deallocate()
        statuses = .allocate(byteCount: capacity * mpi.interface.statusSize, alignment: 8)
        statuses.initializeMemory(as: UInt8.self, repeating: 0, count: capacity * mpi.interface.statusSize)
        messages.reserveCapacity(capacity)
        waiting.reserveCapacity(capacity)
        self.capacity = capacity
    }
}
