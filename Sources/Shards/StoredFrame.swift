import Files

/// LZ4 frames whose blocks are stored as they are: any reader of LZ4 takes them, and who knows where a block lies can read
/// it there, and check it, without the rest of the frame.
extension Frame {
    /// Bytes before the first block: magic, FLG, BD, content size, header checksum.
    static let headerSize = 15
    /// Bytes behind the last block: an end mark and the content's checksum.
    static let endSize = 8
    /// What a block has beside its bytes: its size before them, their checksum behind.
    static let blockExtra = 8
    /// The bit of a block's size that says it is stored.
    static let storedBit: UInt32 = 1 << 31
    static let largestBlock = 4 << 20
    /// BD: blocks of at most 4 MiB.
    private static let blockSizes: UInt8 = 0x70

    /// Makes one frame that holds `content` in stored blocks, which end at `cuts`: rising, the last one at its end. As
    /// `compress`, it fills the first bytes of `frame`, as many as returned.
    static func store(_ content: [UInt8], cuts: [Int], into frame: inout [UInt8]) -> Int {
        let size = headerSize + content.count + blockExtra * cuts.count + endSize
        if frame.count < size { frame = [UInt8](repeating: 0, count: size) }
        content.withUnsafeBytes { content in
            frame.withUnsafeMutableBytes { frame in
                frame.copyBytes(from: header(contentSize: content.count))
                var offset = headerSize, start = 0
                func put(_ value: UInt32) {
                    frame.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
                    offset += 4
                }
                for end in cuts {
                    precondition(end > start && end - start <= largestBlock, "an LZ4 block of \(end - start) bytes")
                    let block = UnsafeRawBufferPointer(rebasing: content[start..<end])
                    put(UInt32(block.count) | storedBit)
                    UnsafeMutableRawBufferPointer(rebasing: frame[offset..<offset + block.count]).copyMemory(from: block)
                    offset += block.count
                    put(XXH32.hash(block))
                    start = end
                }
                precondition(start == content.count)
                put(0)
                put(XXH32.hash(content))
            }
        }
        return size
    }

    /// The first bytes of a frame.
    static func header(contentSize: Int) -> [UInt8] {
        var header: [UInt8] = []
        withUnsafeBytes(of: magic.littleEndian) { header += $0 }
        header += [flags, blockSizes]
        withUnsafeBytes(of: UInt64(contentSize).littleEndian) { header += $0 }
        let checksum = header.withUnsafeBytes { XXH32.hash(UnsafeRawBufferPointer(rebasing: $0[4...])) }
        return header + [UInt8(truncatingIfNeeded: checksum >> 8)]
    }

    /// The content of a stored block, of which `bytes` holds size, content and checksum; `nil` if it is not whole.
    static func storedBlock(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard bytes.count >= blockExtra else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: bytes[4..<bytes.count - 4])
        let size = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
        let checksum = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - 4, as: UInt32.self))
        guard size == UInt32(content.count) | storedBit, checksum == XXH32.hash(content) else { return nil }
        return content
    }
}
