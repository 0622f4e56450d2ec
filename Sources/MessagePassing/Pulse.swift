internal import Files
internal import Parallel

/// The signs of life that ranks give each other: a byte every second, and a last one when they leave.
struct Pulse {
    /// Above the tags of all other messages; the least upper bound that MPI promises is 32,767.
    static let tag = 32_000
    private static let interval = 1.0

    private enum Sign: UInt8 {
        case alive = 1, leaving
    }

    /// What is known of another rank.
    private struct Peer {
        let outgoing, incoming: Message
        /// One byte each.
        let bytes: UnsafeMutableRawBufferPointer
        var isSending = false, hasLeft = false, toldOfLeaving = false
        var heard: Double
    }

    private var peers: [Peer]
    private var next = 0.0, looked = 0.0
    private var begun = false

    init(rank: Int, size: Int, requestSize: Int) {
        let now = monotonicSeconds()
        peers = (0..<size).filter { $0 != rank }.map { other in
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 2, alignment: 1)
            func message(_ direction: Message.Direction, _ place: Int) -> Message {
                Message(
                    direction, other, tag: Self.tag, bytes: UnsafeMutableRawBufferPointer(rebasing: bytes[place..<place + 1]),
                    requestSize: requestSize)
            }
            return Peer(outgoing: message(.to, 0), incoming: message(.from, 1), bytes: bytes, heard: now)
        }
    }

    /// True once every other rank has said goodbye, and been told it.
    var allHaveLeft: Bool { peers.allSatisfy { $0.hasLeft && $0.toldOfLeaving && !$0.isSending } }

    /// Sends signs that are due and takes in those that have come. Throws `ToolError`, `unavailable`, naming a rank that is silent for too
    /// long.
    mutating func beat(_ mpi: MPILibrary, closing: Bool) throws {
        let now = monotonicSeconds()
        // Between two signs there is nothing to do, unless everybody is leaving.
        guard closing || now >= looked + 0.05 else { return }
        looked = now
        if !begun {
            for peer in peers { try peer.incoming.start(mpi) }
            begun = true
        }
        let isDue = now >= next
        if isDue { next = now + Self.interval }
        for index in peers.indices {
            if peers[index].isSending, try peers[index].outgoing.hasArrived(mpi) { peers[index].isSending = false }
            if !peers[index].isSending && !peers[index].toldOfLeaving && (isDue || closing) {
                peers[index].bytes[0] = (closing ? Sign.leaving : .alive).rawValue
                peers[index].toldOfLeaving = closing
                peers[index].isSending = true
                try peers[index].outgoing.start(mpi)
            }
            while !peers[index].hasLeft, try peers[index].incoming.hasArrived(mpi) {
                peers[index].heard = now
                if peers[index].bytes[1] == Sign.leaving.rawValue {
                    peers[index].hasLeft = true
                } else {
                    try peers[index].incoming.start(mpi)
                }
            }
            if !peers[index].hasLeft && now - peers[index].heard > Communicator.patience {
                throw ToolError(
                    .unavailable, "rank \(peers[index].outgoing.peer) has not answered for \(Int(Communicator.patience)) seconds")
            }
        }
    }
}
