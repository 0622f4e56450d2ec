import MessagePassing
import Parallel

/// The ranks that train the same directions, in the order of their lanes, and messages among them.
final class RankGroup {
    let communicator: Communicator
    let members: Range<Int>
    /// The place of this rank among them.
    let place: Int
    /// Seconds that this rank has waited for messages.
    private(set) var waited = 0.0

    init(_ communicator: Communicator, _ members: Range<Int>) {
        (self.communicator, self.members) = (communicator, members)
        place = communicator.rank - members.lowerBound
    }

    func post(_ message: Message) { communicator.post(message) }

    /// Waits until a message is done. Throws `ToolError` if a rank is lost.
    func wait(for message: Message) throws {
        let start = monotonicSeconds()
        try communicator.wait(for: message)
        waited += monotonicSeconds() - start
    }

    /// Messages that bring bytes to every other member, and theirs here.
    /// - Parameter bytes: of a member, by its place; with `nil` those that are sent.
    func messagesToAll(tag: Int, _ bytes: (_ member: Int?) -> UnsafeMutableRawBufferPointer) -> [Message] {
        var messages: [Message] = []
        for (place, member) in members.enumerated() where place != self.place {
            let incoming = bytes(place), outgoing = bytes(nil)
            if incoming.count > 0 { messages.append(communicator.message(.from, member, tag: tag, bytes: incoming)) }
            if outgoing.count > 0 { messages.append(communicator.message(.to, member, tag: tag, bytes: outgoing)) }
        }
        return messages
    }

    /// Sends such messages and waits for them.
    func toAll(tag: Int, _ bytes: (_ member: Int?) -> UnsafeMutableRawBufferPointer) throws {
        let messages = messagesToAll(tag: tag, bytes)
        for message in messages { post(message) }
        for message in messages { try wait(for: message) }
    }
}
