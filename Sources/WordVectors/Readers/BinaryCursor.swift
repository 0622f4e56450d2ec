import Files

/// Reads little-endian numbers from bytes in memory, and never beyond their end.
struct BinaryCursor {
    let name: String
    let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer, name: String) {
        self.bytes = bytes
        self.name = name
    }

    var remaining: Int { bytes.count - offset }

    mutating func read<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type, _ what: String) throws -> Value {
        let start = offset
        try skip(MemoryLayout<Value>.size, what)
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Value.self))
    }

    mutating func skip(_ count: Int, _ what: String) throws {
        guard count >= 0, count <= remaining else { throw cut(what) }
        offset += count
    }

    /// The next `count` bytes, which are in the file or it throws.
    mutating func take(_ count: Int, _ what: String) throws -> UnsafeRawBufferPointer {
        let start = offset
        try skip(count, what)
        return UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
    }

    /// Bytes up to the next zero byte, which is passed over.
    mutating func readString(_ what: String) throws -> UnsafeRawBufferPointer {
        let rest = bytes[offset...]
        guard let end = rest.firstIndex(of: 0) else { throw cut(what) }
        let string = UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
        offset = end + 1
        return string
    }

    /// Passes over a matrix of Float32 and returns where it starts; its size is checked before it is believed.
    mutating func skipMatrix(rows: Int64, columns: Int64, _ what: String) throws -> Int {
        let (cells, tooMany) = rows.multipliedReportingOverflow(by: columns)
        guard rows >= 0, columns >= 1, !tooMany, cells <= Int64(remaining / 4) else {
            throw ToolError.data(
                name, "byte \(offset)",
                "\(what) of \(rows) rows of \(columns) numbers is larger than the file: it is damaged or cut short")
        }
        let start = offset
        offset += Int(cells) * 4
        return start
    }

    private func cut(_ what: String) -> ToolError { .data(name, "byte \(offset)", "the file is cut short in \(what)") }
}
