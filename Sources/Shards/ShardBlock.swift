import Files

/// A block of a shard: all columns of the schema, each with any number of elements.
///
/// On disk, a block is a prefix of 16 bytes (`blok`, the block's number in its part, the number of bytes that follow) and then, for
/// each column, a 64-bit element count and the elements, padded to a multiple of 8 bytes. All numbers are little-endian.
///
/// ```swift
/// let count = block.count(0, stride: 4)      // elements of the first column, of 32 bits each
/// ```
public struct ShardBlock: Sendable {
    /// Prefix and columns, as they are before compression.
    let payload: [UInt8]
    private let ranges: [Range<Int>]
    /// The place of the block in the file, for messages.
    public let place: String

    static let magic = Array("blok".utf8)
    static let endMagic = Array("end\n".utf8)
    static let prefixSize = 16

    /// Parses the columns of a block. Throws `ToolError.data` unless they fill the payload exactly.
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

    /// Calls `body` with the elements of a column. `Element` must be the column's type: UInt8, UInt32, UInt64 or Float.
    public func withColumn<Element: BitwiseCopyable, Result>(
        _ index: Int, as type: Element.Type = Element.self, _ body: (UnsafeBufferPointer<Element>) throws -> Result
    ) rethrows -> Result {
        try payload.withUnsafeBytes { bytes in
            // Columns start at multiples of 8 bytes of an array, which malloc aligns to 16.
            try UnsafeRawBufferPointer(rebasing: bytes[ranges[index]]).withMemoryRebound(to: Element.self, body)
        }
    }

    /// Returns the number of elements in a column.
    public func count(_ index: Int, stride: Int) -> Int { ranges[index].count / stride }

    /// Splits a column of bytes according to a column of lengths.
    func forEachWord(lengths: Int, bytes: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try withColumn(lengths, as: UInt32.self) { lengths in
            try withColumn(bytes, as: UInt8.self) { bytes in
                var start = 0
                for length in lengths {
                    let end = start + Int(length)
                    try body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[start..<end])))
                    start = end
                }
            }
        }
    }

    /// Returns true if a column of lengths adds up to `total`.
    func adds(up lengths: Int, to total: Int) -> Bool {
        withColumn(lengths, as: UInt32.self) { $0.reduce(0) { $0 + Int($1) } } == total
    }

    /// Checks the prefix of a block or an end: the magic, the block's number in its part, and the size of what follows. Throws
    /// `ToolError.data` if it differs.
    /// - Parameters:
    ///   - content: the prefix and any part of what follows.
    ///   - size: total size, including the prefix.
    static func checkPrefix(
        _ content: [UInt8], _ magic: [UInt8], number: Int, size: Int, file: String, place: String
    ) throws {
        let isSound = content.withUnsafeBytes { bytes in
            bytes.count >= prefixSize && bytes.starts(with: magic)
                && UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                    == UInt32(truncatingIfNeeded: number)
                && UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) == UInt64(size - prefixSize)
        }
        guard isSound else {
            throw ToolError.data(file, place, "block \(number) of the shard is missing, repeated or damaged")
        }
    }
}

/// Builds the payload of a block, column by column in the order of the schema; see `ShardWriter.newBlock`.
///
/// ```swift
/// var block = writer.newBlock()
/// block.append(column: [1, 2, 3] as [UInt32])
/// try writer.append(block)
/// ```
public struct ShardBlockBuilder: ~Copyable {
    let memory: BlockMemory

    /// - Parameter capacity: expected size in bytes.
    init(_ memory: BlockMemory, capacity: Int = 0) {
        self.memory = memory
        memory.payload.removeAll(keepingCapacity: true)
        memory.payload.reserveCapacity(capacity + 256)
        memory.payload.append(contentsOf: repeatElement(0, count: ShardBlock.prefixSize))
    }

    /// Appends the next column.
    public mutating func append<Element: BitwiseCopyable>(column elements: UnsafeBufferPointer<Element>) {
        append(count: elements.count)
        appendRaw(UnsafeRawBufferPointer(elements))
        pad()
    }

    /// Appends the next column.
    public mutating func append<Element: BitwiseCopyable>(column elements: [Element]) {
        elements.withUnsafeBufferPointer { append(column: $0) }
    }

    /// Appends the next column and empties the array.
    mutating func append<Element: BitwiseCopyable>(taking elements: inout [Element]) {
        append(column: elements)
        elements.removeAll(keepingCapacity: true)
    }

    /// Appends this many columns without elements.
    mutating func append(emptyColumns columns: Int) {
        for _ in 0..<columns { append(count: 0) }
    }

    /// Appends the next column as `count` zeros for `fill` to overwrite, which saves copying a large column.
    mutating func append(columnOf count: Int, fill: (UnsafeMutableBufferPointer<UInt32>) -> Void) {
        append(count: count)
        let start = memory.payload.count
        memory.payload.append(contentsOf: repeatElement(0, count: 4 * count))
        memory.payload.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[start...]).withMemoryRebound(to: UInt32.self, fill)
        }
        pad()
    }

    /// Bytes so far, including the prefix.
    var count: Int { memory.payload.count }

    /// Appends raw bytes: the text of a header or an end.
    mutating func appendRaw(_ bytes: UnsafeRawBufferPointer) { memory.payload.append(contentsOf: bytes) }

    private func append(count: Int) {
        withUnsafeBytes(of: UInt64(count).littleEndian) { memory.payload.append(contentsOf: $0) }
    }

    private func pad() {
        while memory.payload.count & 7 != 0 { memory.payload.append(0) }
    }

    /// Writes the prefix.
    mutating func finish(magic: [UInt8], number: Int) {
        memory.payload.withUnsafeMutableBytes { bytes in
            bytes.copyBytes(from: magic)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: number).littleEndian, toByteOffset: 4, as: UInt32.self)
            bytes.storeBytes(
                of: UInt64(bytes.count - ShardBlock.prefixSize).littleEndian, toByteOffset: 8, as: UInt64.self)
        }
    }
}

/// The memory of a block on its way to the output. It is reused for later blocks, because getting fresh memory takes as long as
/// filling it. One thread at a time owns it.
final class BlockMemory: @unchecked Sendable {
    var payload: [UInt8] = []
    /// Ends of the LZ4 blocks in a payload to be stored uncompressed; empty if it is to be compressed.
    var cuts: [Int] = []
    /// The compressed payload is in the first `frameSize` bytes.
    var frame: [UInt8] = []
    var frameSize = 0
}
