#if HDF5
import Files

/// What one process asks of another: to read an HDF5 file, which the other gets as an open descriptor.
///
/// The request travels as its size, 8 bytes, and a message. The answer is an outcome, a status and a size, 8 bytes each, and so
/// many bytes: the message of a `Catalogue`, the values as floats, or what the file is refused for.
struct ReadRequest {
    enum Work {
        /// The data sets and links.
        case list
        /// All values of a data set, as it was listed.
        case values(HDF5Dataset)
    }

    /// What the user calls the file, for messages.
    let file: String
    let work: Work
    /// Of the processor's time: many times what it takes.
    let seconds: Int

    /// Numbers that an answer begins with.
    static let answerHeader = 3
    static let answered = 1, refused = 2
    /// Bytes of an answer at most: of a list, and of a refusal.
    static let mostListed = 256 << 20, mostRefused = 4096
    /// Bytes of a request at most; the path of a data set makes nearly all of it.
    static let largest = 256 << 20
    /// Bytes of memory that reading may take beyond the answer.
    static let memory = 1 << 30

    /// - Parameter bytes: how many the file and the answer have.
    init(_ work: Work, of file: String, reading bytes: Int) {
        self.file = file
        self.work = work
        seconds = 5 + bytes >> 22
    }

    /// Changes with the form of requests and answers, so that programs of two versions do not misunderstand each other.
    private static let version = 1

    var message: [UInt8] {
        var message = MessageWriter()
        message.append(Self.version)
        message.append(file)
        message.append(seconds)
        switch work {
        case .list: message.append(0)
        case .values(let dataset):
            message.append(1)
            message.append(dataset)
        }
        return message.bytes
    }

    /// From the bytes of `message`; `nil` if they are something else.
    init?(_ bytes: UnsafeRawBufferPointer) {
        var message = MessageReader(bytes)
        guard message.number() == Self.version, let file = message.text(), let seconds = message.size(),
            let work = message.number()
        else { return nil }
        self.file = file
        self.seconds = seconds
        switch work {
        case 0: self.work = .list
        case 1:
            guard let dataset = message.dataset() else { return nil }
            self.work = .values(dataset)
        default: return nil
        }
    }
}
#endif
