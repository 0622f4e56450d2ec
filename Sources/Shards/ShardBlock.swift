import Files

/// One block of a shard: every column of the schema, each with any number of elements.
///
/// On disk a block is a prefix of 16 bytes (`blok`, the block's number in its part, the bytes that follow) and then, for
/// each column, a 64-bit element count and the elements, padded to a multiple of 8 bytes. Little-endian.
public struct ShardBlock: Sendable {
    /// Prefix and columns, as they are compressed.
    let payload: [UInt8]
    private let ranges: [Range<Int>]
    /// Where the block is, for messages.
    public let place: String

    static let magic = Array("blok".utf8)
    static let endMagic = Array("end\n".utf8)
    static let prefixSize = 16

    /// Parses the columns of a block. Throws `ToolError.data` if they do not fill the payload exactly.
    init(payload: [UInt8], columns: [ShardColumn], file: String, place: String) throws {
        var ranges: [Range<Int>] = []
        var offset = Self.prefixSize
        for column in columns {
            guard payload.count - offset >= 8 else { throw ToolError.data(file, place, "a block ends before its columns") }
            let count = payload.withUnsafeBytes { UInt64(littleEndian: $0.load(fromByteOffset: offset, as: UInt64.self)) }
            offset += 8
            let bytes = count.multipliedReportingOverflow(by: UInt64(column.element.stride))
            guard !bytes.overflow, bytes.partialValue <= UInt64(payload.count - offset) else {
                throw ToolError.data(file, place, "column \(column.name) is longer than its block")
            }
            ranges.append(offset..<offset + Int(bytes.partialValue))
            offset += (Int(bytes.partialValue) + 7) & ~7
        }
        guard offset == payload.count else { throw ToolError.data(file, place, "a block is longer than its columns") }
        self.payload = payload
        self.ranges = ranges
        self.place = place
    }

    /// Calls `body` with the elements of a column. `Element` is the column's type: UInt8, UInt32, UInt64 or Float.
    public func withColumn<Element: BitwiseCopyable, Result>(
        _ index: Int, as type: Element.Type = Element.self, _ body: (UnsafeBufferPointer<Element>) throws -> Result
    ) rethrows -> Result {
        try payload.withUnsafeBytes { bytes in
            // Columns begin at multiples of 8 from the start of an array, which malloc aligns to 16.
            try UnsafeRawBufferPointer(rebasing: bytes[ranges[index]]).withMemoryRebound(to: Element.self, body)
        }
    }

    /// Elements in a column.
    public func count(_ index: Int, stride: Int) -> Int { ranges[index].count / stride }
}

/// Builds the payload of a block, column after column, in the order of the schema.
public struct ShardBlockBuilder: Sendable {
    private(set) var payload: [UInt8]

    /// - Parameter capacity: the expected size in bytes.
    public init(capacity: Int = 0) {
        payload = []
        payload.reserveCapacity(capacity + 256)
        payload.append(contentsOf: repeatElement(0, count: ShardBlock.prefixSize))
    }

    /// Adds the next column.
    public mutating func append<Element: BitwiseCopyable>(column elements: UnsafeBufferPointer<Element>) {
        withUnsafeBytes(of: UInt64(elements.count).littleEndian) { payload.append(contentsOf: $0) }
        payload.append(contentsOf: UnsafeRawBufferPointer(elements))
        while payload.count & 7 != 0 { payload.append(0) }
    }

    public mutating func append<Element: BitwiseCopyable>(column elements: [Element]) {
        elements.withUnsafeBufferPointer { append(column: $0) }
    }

    /// Adds bytes as they are: the text of an end.
    mutating func appendRaw(_ bytes: [UInt8]) { payload.append(contentsOf: bytes) }

    /// The finished payload, with its prefix filled in.
    func finished(magic: [UInt8], number: Int) -> [UInt8] {
        var payload = payload
        payload.withUnsafeMutableBytes { bytes in
            bytes.copyBytes(from: magic)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: number).littleEndian, toByteOffset: 4, as: UInt32.self)
            bytes.storeBytes(
                of: UInt64(bytes.count - ShardBlock.prefixSize).littleEndian, toByteOffset: 8, as: UInt64.self)
        }
        return payload
    }
}
