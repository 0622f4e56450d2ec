public import Files
import Glibc
@_spi(HostMemory) import Kernels
public import MessagePassing
import Parallel

/// The ranks of a training run, and what they exchange besides gradients. The first rank decides, writes and reports.
public final class Ranks {
    /// Messages between the ranks.
    public let communicator: Communicator
    /// This rank, from 0.
    public var rank: Int { communicator.rank }
    /// Number of ranks.
    public var count: Int { communicator.size }
    /// True for the first rank.
    public var isFirst: Bool { rank == 0 }
    /// Index of this rank among those of its machine, from 0.
    public var placeOnHost: Int { communicator.hosts[..<rank].count { $0 == communicator.host } }
    /// Seconds that this rank has waited for others, without waits for gradients and weights.
    public private(set) var waited = 0.0

    /// Values of each rank after a step, as many doubles as in the last summary, followed by the result; in the first rank's
    /// memory.
    private var memory = FloatBuffer(count: 0)
    private var gathering: [Message] = [], spreading: [Message] = []
    private var width = 0

    /// Tags above those of all gradients.
    private enum Tag {
        static let summary = 30_000, spread = 30_001, count = 30_002, bytes = 30_003, tensor = 30_004
    }

    /// Creates the ranks of a run.
    public init(_ communicator: Communicator) { self.communicator = communicator }

    /// Prints an error in one line, and ends all ranks. An error that all ranks encounter is printed by the first, which ends the
    /// others.
    public func fail(_ error: ToolError) -> Never {
        if !isFirst { sleep(1) }
        communicator.fail(error)
    }

    private func wait(for message: Message) throws {
        let start = monotonicSeconds()
        try communicator.wait(for: message)
        waited += monotonicSeconds() - start
    }

    // MARK: After each step

    /// Sends the doubles of all ranks to the first, which combines them and sends the result to all. Throws `ToolError` if a rank
    /// is lost.
    /// - Parameters:
    ///   - values: values of this rank, overwritten with the result. The number must always be the same.
    ///   - combine: called in the first rank with the doubles of each, rank after rank; writes the result to the front.
    func summarize(_ values: inout [Double], _ combine: (UnsafeMutableBufferPointer<Double>) -> Void) throws {
        if width == 0 { plan(values.count) }
        precondition(values.count == width)
        let all = UnsafeMutableRawPointer(memory.start).bindMemory(to: Double.self, capacity: count * width)
        for (index, value) in values.enumerated() { all[index] = value }
        for message in gathering { communicator.post(message) }
        for message in gathering { try wait(for: message) }
        if isFirst { combine(UnsafeMutableBufferPointer(start: all, count: count * width)) }
        for message in spreading { communicator.post(message) }
        for message in spreading { try wait(for: message) }
        for index in values.indices { values[index] = all[index] }
    }

    private func plan(_ width: Int) {
        self.width = width
        memory = FloatBuffer(count: 2 * width * (isFirst ? count : 1))
        func message(_ direction: Message.Direction, _ peer: Int, _ tag: Int, at place: Int) -> Message {
            communicator.message(
                direction, peer, tag: tag, bytes: UnsafeMutableRawBufferPointer(start: memory.start + 2 * width * place, count: 8 * width))
        }
        if isFirst {
            gathering = (1..<count).map { message(.from, $0, Tag.summary, at: $0) }
            spreading = (1..<count).map { message(.to, $0, Tag.spread, at: 0) }
        } else {
            gathering = [message(.to, 0, Tag.summary, at: 0)]
            spreading = [message(.from, 0, Tag.spread, at: 0)]
        }
    }

    // MARK: Now and then

    /// Returns the first rank's bytes in all ranks. Throws `ToolError` if a rank is lost.
    /// - Parameter bytes: bytes of the first rank.
    func spread(_ bytes: [UInt8]?) throws -> [UInt8] {
        if isFirst {
            for other in 1..<count { try send(bytes ?? [], to: other) }
            return bytes ?? []
        }
        return try receive(from: 0)
    }

    /// Returns the first rank's number in all ranks. Throws `ToolError` if a rank is lost.
    public func spread(number: Int) throws -> Int {
        Int(String(decoding: try spread(Array("\(number)".utf8)), as: UTF8.self)) ?? number
    }

    func send(_ bytes: [UInt8], to other: Int) throws {
        var length = Int64(bytes.count), bytes = bytes
        try withUnsafeMutableBytes(of: &length) { try pass(.to, other, Tag.count, $0) }
        try bytes.withUnsafeMutableBytes { try pass(.to, other, Tag.bytes, $0) }
    }

    func receive(from other: Int) throws -> [UInt8] {
        var length: Int64 = 0
        try withUnsafeMutableBytes(of: &length) { try pass(.from, other, Tag.count, $0) }
        var bytes = [UInt8](repeating: 0, count: Int(length))
        try bytes.withUnsafeMutableBytes { try pass(.from, other, Tag.bytes, $0) }
        return bytes
    }

    /// Sends or receives a dense matrix in the host's memory.
    func pass(_ direction: Message.Direction, _ other: Int, _ matrix: Matrix) throws {
        try pass(direction, other, Tag.tensor, UnsafeMutableRawBufferPointer(matrix.floats))
    }

    private func pass(_ direction: Message.Direction, _ other: Int, _ tag: Int, _ bytes: UnsafeMutableRawBufferPointer) throws {
        guard bytes.count > 0 else { return }
        let message = communicator.message(direction, other, tag: tag, bytes: bytes)
        communicator.post(message)
        try wait(for: message)
    }

    /// Returns in the first rank the ranks whose value differs from its own, with their values. Throws `ToolError` if a rank is
    /// lost.
    public func others(than value: String) throws -> [(rank: Int, value: String)] {
        guard isFirst else {
            try send(Array(value.utf8), to: 0)
            return []
        }
        return try (1..<count).compactMap { other in
            let theirs = String(decoding: try receive(from: other), as: UTF8.self)
            return theirs == value ? nil : (other, theirs)
        }
    }

    /// Checks that all ranks have the same facts, as pairs of name and value. Otherwise throws `ToolError` with status
    /// `configuration` in all ranks, naming a rank, its host and the first fact that differs.
    public func compare(_ facts: [(name: String, value: String)]) throws {
        let own = facts.map { "\($0.name)\t\($0.value)" }.joined(separator: "\n")
        var complaint = ""
        if isFirst {
            for other in 1..<count {
                let theirs = String(decoding: try receive(from: other), as: UTF8.self)
                guard theirs != own, complaint.isEmpty else { continue }
                let lines = theirs.split(separator: "\n", omittingEmptySubsequences: false)
                let first = facts.enumerated().first { $0 >= lines.count || lines[$0] != "\($1.name)\t\($1.value)" }
                complaint = "rank \(other) on host \(communicator.hosts[other]) has another \(first?.element.name ?? "command") than this one"
            }
        } else {
            try send(Array(own.utf8), to: 0)
        }
        complaint = String(decoding: try spread(Array(complaint.utf8)), as: UTF8.self)
        guard complaint.isEmpty else { throw ToolError(.configuration, complaint) }
    }
}
