#if HDF5
import Files
import FoundationEssentials
import Glibc

/// A request to another process, which gets the HDF5 file as an open descriptor: list the file, or read a data set.
struct ReadRequest: Codable {
    /// The user's name for the file, for messages.
    let file: String
    /// The data set to read, as listed; `nil` to list the file.
    let dataset: HDF5Dataset?
    /// Limit of processor time, many times what is needed.
    let seconds: Int
    private var version = Self.currentVersion

    /// Changes with the format of requests and answers, so that two versions of the program do not misunderstand each other.
    private static let currentVersion = 2
    /// Bytes of memory that reading may take in addition to the answer.
    static let memory = 1 << 30

    /// - Parameter bytes: size of the file and of the answer.
    init(_ dataset: HDF5Dataset? = nil, of file: String, reading bytes: Int) {
        self.file = file
        self.dataset = dataset
        seconds = 5 + bytes >> 22
    }

    var isUnderstood: Bool { version == Self.currentVersion && seconds >= 0 }
}

/// The answer to a `ReadRequest`.
enum ReadAnswer: Codable {
    case list(Catalogue)
    /// Success; the values of the data set follow as floats.
    case values
    /// A `ToolError`, as its status and text.
    case refused(status: Int32, text: String)
}

/// One end of the connection between a program and the process that reads for it. A message is its length, as a number of 8 bytes,
/// followed by JSON.
final class ReaderSocket {
    /// Maximum bytes of a message, nearly all of them paths of data sets.
    static let largestMessage = 256 << 20

    struct MessageIsTooLong: Error {}

    private let descriptor: CInt

    init(_ descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Sends a message; returns false if there is no receiver. Throws `MessageIsTooLong`.
    func send(_ message: some Encodable) throws -> Bool {
        let bytes = try JSONEncoder().encode(message)
        guard bytes.count <= Self.largestMessage else { throw MessageIsTooLong() }
        return withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { send($0) } && bytes.withUnsafeBytes { send($0) }
    }

    /// Receives a message; returns `nil` unless a whole message of this type arrives.
    func receive<Message: Decodable>(_ type: Message.Type) -> Message? {
        var size: UInt64 = 0
        guard withUnsafeMutableBytes(of: &size, { receive(into: $0) }) else { return nil }
        size = UInt64(littleEndian: size)
        guard size <= Self.largestMessage else { return nil }
        var bytes = Data(count: Int(size))
        guard bytes.withUnsafeMutableBytes({ receive(into: $0) }) else { return nil }
        return try? JSONDecoder().decode(type, from: bytes)
    }

    /// Sends all bytes; returns false if there is no receiver. Raises no signal.
    func send(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.send(descriptor, rest.baseAddress, rest.count, CInt(MSG_NOSIGNAL))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return true
    }

    /// Fills `buffer`; returns false if the connection ends before that.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        var rest = buffer
        while !rest.isEmpty {
            let count = recv(descriptor, rest.baseAddress, rest.count, CInt(MSG_WAITALL))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
        }
        return true
    }
}
#endif
