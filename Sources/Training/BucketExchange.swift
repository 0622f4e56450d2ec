@_spi(HostMemory) import Kernels
import Layers
import MessagePassing
import Parallel

/// The messages for one bucket, all created before training. Parts of the gradient go to their owners; squares of chunks and new
/// weights come back.
final class BucketExchange {
    let bucket: ParameterBucket
    /// The floats that this rank updates.
    let own: Range<Int>
    private(set) var isSent = false
    /// True while weights of other ranks are awaited.
    private var awaitsWeights = false
    private let group: RankGroup?
    private let gradients, values: UnsafeMutablePointer<Float>
    /// Sums of squares of all chunks of the bucket.
    private let squares: Scalars
    private let precision: SendPrecision
    /// For each parameter of the bucket, true if it is complete in this step.
    private var isComplete: [Bool]
    private var sends: [Message] = [], receives: [Message] = []
    private var weightSends: [Message] = [], weightReceives: [Message] = []
    private var squareSends: [Message] = [], squareReceives: [Message] = []
    /// Contributions to the own part, in the order of the group; this rank's is its gradient.
    private let parts: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>>
    private let received: FloatBuffer
    /// Gradients in half precision sent to each other rank, and those received.
    private let narrowSent, narrowReceived: FloatBuffer

    private enum Kind: Int {
        case gradient, weights, squares
    }

    init(
        _ bucket: ParameterBucket, tag: Int, _ group: RankGroup?, gradients: UnsafeMutablePointer<Float>,
        values: UnsafeMutablePointer<Float>, squares: Scalars, precision: SendPrecision
    ) {
        let members = group?.members.count ?? 1, place = group?.place ?? 0
        (self.bucket, self.group, self.gradients, self.values) = (bucket, group, gradients, values)
        (self.squares, self.precision) = (squares, precision)
        own = bucket.part(place, of: members)
        isComplete = bucket.indices.map { _ in false }
        parts = .allocate(capacity: members)
        received = FloatBuffer(count: (members - 1) * own.count)
        let isNarrow = precision == .bf16
        // Two half-precision numbers in a float.
        let room = (own.count + 1) / 2
        narrowSent = FloatBuffer(count: isNarrow ? (bucket.floats.count - own.count + members) / 2 + members : 0)
        narrowReceived = FloatBuffer(count: isNarrow ? (members - 1) * room : 0)
        var other = 0, sent = 0
        for member in 0..<members {
            guard member != place, let group else {
                parts.initializeElement(at: member, to: gradients + own.lowerBound)
                continue
            }
            parts.initializeElement(at: member, to: received.start + other * own.count)
            let theirs = bucket.part(member, of: members)
            func message(_ direction: Message.Direction, _ kind: Kind, _ start: UnsafeMutableRawPointer, _ bytes: Int) -> Message {
                group.communicator.message(
                    direction, group.members.lowerBound + member, tag: tag + kind.rawValue,
                    bytes: UnsafeMutableRawBufferPointer(start: start, count: bytes))
            }
            func squareBytes(_ floats: Range<Int>) -> (UnsafeMutableRawPointer, Int) {
                let first = (floats.lowerBound - bucket.floats.lowerBound) / LaneSums.chunk
                return (UnsafeMutableRawPointer(squares.pointer + first), 8 * LaneSums.chunks(floats.count))
            }
            if !theirs.isEmpty {
                if isNarrow {
                    sends.append(message(.to, .gradient, narrowSent.start + sent, 2 * theirs.count))
                    sent += (theirs.count + 1) / 2
                } else {
                    sends.append(message(.to, .gradient, gradients + theirs.lowerBound, 4 * theirs.count))
                }
                weightReceives.append(message(.from, .weights, values + theirs.lowerBound, 4 * theirs.count))
                let (start, bytes) = squareBytes(theirs)
                squareReceives.append(message(.from, .squares, start, bytes))
            }
            if !own.isEmpty {
                receives.append(
                    isNarrow ? message(.from, .gradient, narrowReceived.start + other * room, 2 * own.count)
                        : message(.from, .gradient, received.start + other * own.count, 4 * own.count))
                weightSends.append(message(.to, .weights, values + own.lowerBound, 4 * own.count))
                let (start, bytes) = squareBytes(own)
                squareSends.append(message(.to, .squares, start, bytes))
            }
            other += 1
        }
    }

    deinit { parts.deallocate() }

    /// Bytes that this rank sends in a step.
    var bytesOfStep: Int { (sends + weightSends + squareSends).reduce(0) { $0 + $1.bytes.count } }

    /// Prepares for the gradient of the last lane.
    func begin() throws {
        isSent = false
        for index in isComplete.indices { isComplete[index] = false }
        for message in receives { group?.post(message) }
    }

    /// Records that some parameters are complete; returns true if all of the bucket are complete now.
    func complete(_ indices: Range<Int>) -> Bool {
        guard !isSent else { return false }
        for index in indices where bucket.indices.contains(index) { isComplete[index - bucket.indices.lowerBound] = true }
        return isComplete.allSatisfy { $0 }
    }

    /// Sends the other ranks their parts of this rank's gradient.
    func send(_ pool: ThreadPool) {
        isSent = true
        guard let group else { return }
        var place = 0
        for index in 0..<group.members.count where index != group.place {
            let theirs = bucket.part(index, of: group.members.count)
            guard !theirs.isEmpty else { continue }
            if precision == .bf16 {
                let message = sends[place]
                HalvedFloats.write(
                    gradients + theirs.lowerBound, count: theirs.count,
                    to: message.bytes.baseAddress!.assumingMemoryBound(to: UInt16.self), on: pool)
            }
            group.post(sends[place])
            place += 1
        }
    }

    /// Waits for the other ranks' contributions to the own part, adds them up, and sends the squares of its chunks.
    func receive(_ pool: ThreadPool) throws {
        for message in squareReceives { group?.post(message) }
        guard !own.isEmpty else { return }
        for (place, message) in receives.enumerated() {
            try group?.wait(for: message)
            guard precision == .bf16 else { continue }
            HalvedFloats.read(
                message.bytes.baseAddress!.assumingMemoryBound(to: UInt16.self), count: own.count,
                to: received.start + place * own.count, on: pool)
        }
        let first = (own.lowerBound - bucket.floats.lowerBound) / LaneSums.chunk
        LaneSums.add(parts, count: own.count, to: gradients + own.lowerBound, squares: squares.pointer + first, on: pool)
        for message in squareSends { group?.post(message) }
    }

    func awaitSquares() throws { for message in squareReceives { try group?.wait(for: message) } }

    /// Waits until gradient and weights are no longer read, so that they may be overwritten.
    func awaitSent() throws {
        for message in sends { try group?.wait(for: message) }
        for message in squareSends { try group?.wait(for: message) }
        for message in weightSends { try group?.wait(for: message) }
    }

    /// Sends the own part of the weights to the other ranks, and receives theirs.
    func sendWeights() {
        for message in weightReceives { group?.post(message) }
        for message in weightSends { group?.post(message) }
        awaitsWeights = true
    }

    /// Waits for the other ranks' parts, if they are on their way.
    func awaitWeights() throws {
        guard awaitsWeights else { return }
        for message in weightReceives { try group?.wait(for: message) }
        awaitsWeights = false
    }
}
