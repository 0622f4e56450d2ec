internal import Files
internal import Glibc
internal import Parallel

/// Names of the machines of all ranks, for messages.
extension Communicator {
    /// Sends this machine's name to all ranks, and receives theirs.
    func exchangeNames() throws(ToolError) {
        let length = 64
        let own = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
        let all = UnsafeMutableRawBufferPointer.allocate(byteCount: length * size, alignment: 1)
        defer {
            own.deallocate()
            all.deallocate()
        }
        own.initializeMemory(as: UInt8.self, repeating: 0)
        own.copyBytes(from: host.utf8.prefix(length - 1))
        let others = (0..<size).filter { $0 != rank }
        let messages = others.flatMap { other in
            let place = UnsafeMutableRawBufferPointer(rebasing: all[length * other..<length * (other + 1)])
            return [(Message.Direction.to, own), (.from, place)].map {
                Message($0.0, other, tag: Self.tagOfNames, bytes: $0.1, pieceBytes: pieceBytes)
            }
        }
        for message in messages { post(message) }
        for message in messages { try wait(for: message) }
        monitor.withLock {
            for other in others {
                names[other] = String(decoding: all[length * other..<length * (other + 1)].prefix { $0 != 0 }, as: UTF8.self)
            }
            forgetWhatWasSent()
        }
    }

    static let tagOfNames = Pulse.tag - 1

    /// Name of this machine, in at most 63 printable bytes.
    static func nameOfThisMachine() -> String {
        var name = utsname()
        guard uname(&name) == 0 else { return "unknown" }
        let bytes = withUnsafeBytes(of: &name.nodename) { Array($0.prefix { $0 != 0 }.prefix(63)) }
        return printable(String(decoding: bytes, as: UTF8.self))
    }
}
