internal import Files
internal import Parallel

/// The signs of life that ranks send each other: a byte now and then, another when they leave, and the status of a failure.
struct Pulse {
    /// Above the tags of all other messages; the minimum upper bound that MPI guarantees is 32,767.
    static let tag = 32_000

    /// The meanings of a byte. From `ExitStatus.usage` on, it is the exit status of a rank that ends the run.
    private enum Sign {
        static let alive: UInt8 = 1, leaving: UInt8 = 2, leastStatus: UInt8 = 3
    }

    /// The latest news from another rank.
    private struct Peer {
        let outgoing, incoming: Message
        /// One byte each.
        let bytes: UnsafeMutableRawBufferPointer
        var hasLeft = false, toldOfLeaving = false
        /// Seconds for which this rank has listened and heard nothing.
        var silence = 0.0
    }

    /// The result of a check.
    enum Finding {
        case nothing, allHaveLeft
        /// A rank ends the run with this status, and has said why.
        case failure(Int32)
        /// A rank has been silent for too long.
        case silence(Int)
    }

    private let rank: Int
    private let interval, limit: Double
    private var peers: [Peer]
    private var next = 0.0, looked = 0.0
    private var hasNews = false

    /// - Parameter patience: seconds of silence after which a rank counts as lost.
    init(rank: Int, size: Int, patience: Double) {
        self.rank = rank
        interval = min(1, patience / 8)
        // The ranks notice silence one after another, so that the first tells the others, and only one line is printed.
        limit = patience + min(0.25 * Double(rank), 3)
        peers = (0..<size).filter { $0 != rank }.map { other in
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 2, alignment: 1)
            func message(_ direction: Message.Direction, _ place: Int) -> Message {
                Message(
                    direction, other, tag: Self.tag, bytes: UnsafeMutableRawBufferPointer(rebasing: bytes[place..<place + 1]), pieceBytes: 1)
            }
            return Peer(outgoing: message(.to, 0), incoming: message(.from, 1), bytes: bytes)
        }
    }

    /// Starts to listen.
    mutating func begin(_ requests: inout Requests) throws(ToolError) {
        looked = monotonicSeconds()
        for peer in peers { try requests.start(peer.incoming) }
    }

    /// Records that a piece of any message has arrived: a rank that sends much has no time for signs of life.
    mutating func hear(_ message: Message) {
        peers[message.peer < rank ? message.peer : message.peer - 1].silence = 0
        if message.tag == Self.tag { hasNews = true }
    }

    /// Reads signs that have arrived, and sends those that are due.
    /// - Parameter closing: true if this rank has nothing left to send or receive.
    mutating func beat(_ now: Double, closing: Bool, _ requests: inout Requests) throws(ToolError) -> Finding {
        guard hasNews || closing || now >= looked + interval / 16 else { return .nothing }
        // Time in which this process was stopped, or its machine slept, does not count as silence.
        let passed = min(now - looked, interval / 2)
        (looked, hasNews) = (now, false)
        let isDue = now >= next
        if isDue { next = now + interval }
        var finding = Finding.nothing
        for index in peers.indices {
            let peer = peers[index]
            if !peer.hasLeft && peer.incoming.open == 0 {
                switch peer.bytes[1] {
                case Sign.leastStatus...: return .failure(Int32(peer.bytes[1]))
                case Sign.leaving: peers[index].hasLeft = true
                default: try requests.start(peer.incoming)
                }
            }
            if peer.outgoing.open == 0 && !peer.toldOfLeaving && (isDue || closing) {
                peer.bytes[0] = closing ? Sign.leaving : Sign.alive
                peers[index].toldOfLeaving = closing
                try requests.start(peer.outgoing)
            }
            if !peers[index].hasLeft {
                peers[index].silence += passed
                if peers[index].silence > limit { finding = .silence(peer.outgoing.peer) }
            }
        }
        let isOver = peers.allSatisfy { $0.hasLeft && $0.toldOfLeaving && $0.outgoing.open == 0 }
        return isOver ? .allHaveLeft : finding
    }

    /// Tells all ranks that can still be reached that this one ends the run.
    mutating func tell(of status: Int32, _ requests: inout Requests) throws(ToolError) {
        for peer in peers where peer.outgoing.open == 0 && !peer.toldOfLeaving {
            peer.bytes[0] = max(Sign.leastStatus, UInt8(truncatingIfNeeded: status))
            try requests.start(peer.outgoing)
        }
    }

    /// True once everything sent is on its way.
    var isTold: Bool { peers.allSatisfy { $0.outgoing.open == 0 } }
}
