#if HDF5
/// Numbers and texts as bytes, for another process: a number is 8 bytes, a text stands behind its length.
struct MessageWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ number: Int) { withUnsafeBytes(of: Int64(number).littleEndian) { bytes += $0 } }

    mutating func append(_ text: String) {
        append(text.utf8.count)
        bytes += Array(text.utf8)
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
}

extension MessageWriter {
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

extension MessageReader {
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
