/// Bytes that go to another rank, or come from one. A message may be posted again and again: it owns what that takes, so that steady
/// training allocates nothing.
///
/// Two messages of one rank to another with the same tag arrive in the order in which they were posted.
public final class Message: @unchecked Sendable {
    public enum Direction: Sendable {
        case to, from
    }

    public let direction: Direction
    /// The other rank.
    public let peer: Int
    public let tag: Int
    public let bytes: UnsafeMutableRawBufferPointer
    /// Requests of the library, one for each piece of the bytes that is still under way.
    private let requests: UnsafeMutableRawPointer
    private let requestSize, pieces: Int
    private var open = 0
    /// True unless the message is under way. Only with the communicator's lock held.
    var isDone = true

    /// - Parameter bytes: memory of the caller's, which must outlive the message.
    init(_ direction: Direction, _ peer: Int, tag: Int, bytes: UnsafeMutableRawBufferPointer, requestSize: Int) {
        (self.direction, self.peer, self.tag, self.bytes, self.requestSize) = (direction, peer, tag, bytes, requestSize)
        pieces = max(1, (bytes.count + MPILibrary.mostBytes - 1) / MPILibrary.mostBytes)
        requests = .allocate(byteCount: pieces * requestSize, alignment: 8)
    }

    deinit { requests.deallocate() }

    /// Hands all pieces to the library.
    func start(_ library: MPILibrary) throws {
        open = pieces
        for piece in 0..<pieces {
            let first = piece * MPILibrary.mostBytes, count = min(MPILibrary.mostBytes, bytes.count - first)
            // Messages without bytes have no memory.
            let start = bytes.baseAddress.map { $0 + first } ?? requests
            switch direction {
            case .to: try library.send(start, count, to: peer, tag: tag, requests + piece * requestSize)
            case .from: try library.receive(start, count, from: peer, tag: tag, requests + piece * requestSize)
            }
        }
    }

    /// True once all pieces have arrived, or have left.
    func hasArrived(_ library: MPILibrary) throws -> Bool {
        while open > 0 {
            guard try library.isDone(requests + (open - 1) * requestSize) else { return false }
            open -= 1
        }
        return true
    }
}
