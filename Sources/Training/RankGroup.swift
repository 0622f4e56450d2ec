import MessagePassing
import Parallel
import Synchronization

/// The ranks that train the same directions, in the order of their lanes, and messages among them.
final class RankGroup {
    let communicator: Communicator
    let members: Range<Int>
    /// Index of this rank in the group.
    let place: Int
    /// Seconds that this rank has waited for messages. Directions that run in parallel may both wait.
    var waited: Double { seconds.withLock { $0 } }
    private let seconds = Mutex(0.0)

    init(_ communicator: Communicator, _ members: Range<Int>) {
        (self.communicator, self.members) = (communicator, members)
        place = communicator.rank - members.lowerBound
    }

    func post(_ message: Message) { communicator.post(message) }

    /// Waits until a message is done. Throws `ToolError` if a rank is lost.
    func wait(for message: Message) throws {
        let start = monotonicSeconds()
        try communicator.wait(for: message)
        let end = monotonicSeconds()
        seconds.withLock { $0 += end - start }
    }
}

/// Messages that send bytes to every other member of a group, and receive theirs. They are created once and posted in every step,
/// with any number of bytes.
final class MessagesToAll {
    private let group: RankGroup
    /// By the index of the other member.
    private let incoming, outgoing: [(member: Int, message: Message)]

    init(_ group: RankGroup, tag: Int) {
        self.group = group
        func make(_ direction: Message.Direction) -> [(member: Int, message: Message)] {
            group.members.enumerated().filter { $0.offset != group.place }.map { place, member in
                let none = UnsafeMutableRawBufferPointer(start: nil, count: 0)
                return (place, group.communicator.message(direction, member, tag: tag, bytes: none))
            }
        }
        (incoming, outgoing) = (make(.from), make(.to))
    }

    /// Sends and receives, and waits for both. Throws `ToolError` if a rank is lost.
    /// - Parameter bytes: returns the memory for the bytes of a member, given its index. The number of bytes must be the same in
    ///   all ranks; if it is 0, no message is sent.
    func exchange(_ bytes: (_ member: Int) -> UnsafeMutableRawBufferPointer) throws {
        for (member, message) in incoming { post(message, bytes(member)) }
        let own = bytes(group.place)
        for (_, message) in outgoing { post(message, own) }
        for (_, message) in incoming { try group.wait(for: message) }
        for (_, message) in outgoing { try group.wait(for: message) }
    }

    private func post(_ message: Message, _ bytes: UnsafeMutableRawBufferPointer) {
        message.bytes = bytes
        if bytes.count > 0 { group.post(message) }
    }
}
