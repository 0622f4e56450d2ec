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

/// Numbers and texts as bytes, for another process: a number is 8 bytes, a text stands behind its length.
struct MessageWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ number: Int) { withUnsafeBytes(of: Int64(number).littleEndian) { bytes += $0 } }

    mutating func append(_ text: String) {
        append(text.utf8.count)
        bytes += Array(text.utf8)
    }

    mutating func append(_ dataset: HDF5Dataset) {
        append(dataset.path)
        append(dataset.shape.count)
        for size in dataset.shape { append(size) }
        switch dataset.kind {
        case .float(let bits): append(bits)
        case .integer(let bits): append(-bits)
        case .other: append(0)
        }
        append(dataset.stored.bytes)
        append(dataset.stored.isCompressed ? 1 : 0)
    }
}

/// Reads what a `MessageWriter` made. Each function returns `nil` where the bytes are something else.
struct MessageReader {
    private let bytes: UnsafeRawBufferPointer
    private var place = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func number() -> Int? {
        guard bytes.count - place >= 8 else { return nil }
        defer { place += 8 }
        return Int(truncatingIfNeeded: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: Int64.self)))
    }

    /// A number that is not negative.
    mutating func size() -> Int? { number().flatMap { $0 >= 0 ? $0 : nil } }

    mutating func text() -> String? {
        guard let count = size(), count <= bytes.count - place else { return nil }
        defer { place += count }
        return String(decoding: bytes[place..<place + count], as: UTF8.self)
    }

    mutating func dataset() -> HDF5Dataset? {
        guard let path = text(), let rank = size(), rank <= 32 else { return nil }
        var shape: [Int] = []
        for _ in 0..<rank {
            guard let size = size() else { return nil }
            shape.append(size)
        }
        guard let bits = number(), abs(bits) <= 64, let stored = number(), let isCompressed = number() else { return nil }
        return HDF5Dataset(
            path: path, shape: shape, kind: bits == 0 ? .other : bits > 0 ? .float(bits: bits) : .integer(bits: -bits),
            stored: HDF5Dataset.Storage(bytes: stored, isCompressed: isCompressed != 0))
    }
}
#endif
