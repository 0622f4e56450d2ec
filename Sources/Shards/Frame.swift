import CLZ4
import Files

/// LZ4 frames as shards use them: independent blocks, and always content size, block checksums and content checksum. Without
/// checksums of compressed blocks some flipped bits would go unnoticed: a match may refer to another place with the same text.
enum Frame {
    /// Maximum size of a frame's content, so that a damaged size never makes a reader request absurd amounts of memory.
    static let maximumContent = 256 << 20
    static let magic: UInt32 = 0x184D_2204
    /// Bits of the FLG byte (LZ4 frame format 1.6.4): version 01, independent blocks, block checksums, content size,
    /// content checksum, no dictionary.
    fileprivate static let flags: UInt8 = 0b0111_1100

    /// Compresses `content` to one frame in the first bytes of `frame`, and returns their number. `frame` only grows.
    static func compress(_ content: [UInt8], into frame: inout [UInt8]) throws -> Int {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = LZ4F_max4MB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled
        preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled
        preferences.frameInfo.contentSize = UInt64(content.count)
        let bound = LZ4F_compressFrameBound(content.count, &preferences)
        if frame.count < bound { frame = [UInt8](repeating: 0, count: bound) }
        let size = frame.withUnsafeMutableBytes { frame in
            content.withUnsafeBytes {
                LZ4F_compressFrame(frame.baseAddress, frame.count, $0.baseAddress, $0.count, &preferences)
            }
        }
        guard LZ4F_isError(size) == 0 else {
            throw ToolError(.systemError, "lz4: cannot compress: \(String(cString: LZ4F_getErrorName(size)))")
        }
        return size
    }

    /// Returns the content of a whole frame after checking its checksums. Throws `ToolError`.
    static func decompress(_ frame: ScannedFrame, file: String) throws -> [UInt8] {
        var context: OpaquePointer?
        let status = LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(status) == 0, let context else {
            throw ToolError.noMemory(toDecompress: file)
        }
        defer { LZ4F_freeDecompressionContext(context) }
        return try [UInt8](unsafeUninitializedCapacity: frame.contentSize) { buffer, count in
            var read = 0
            while true {
                var produced = frame.contentSize - count
                var consumed = frame.bytes.count - read
                let hint = frame.bytes.withUnsafeBytes {
                    LZ4F_decompress(
                        context, buffer.baseAddress.map { $0 + count }, &produced, $0.baseAddress! + read, &consumed, nil)
                }
                guard LZ4F_isError(hint) == 0 else {
                    throw ToolError.lz4(file, frame.place, "the shard", code: hint)
                }
                count += produced
                read += consumed
                if hint == 0 { break }
                guard produced > 0 || consumed > 0 else {
                    throw ToolError.data(file, frame.place, "the shard is damaged (more content than announced)")
                }
            }
            guard count == frame.contentSize && read == frame.bytes.count else {
                throw ToolError.data(file, frame.place, "the shard is damaged (content of another size than announced)")
            }
        }
    }
}

/// Frames with uncompressed blocks. Any LZ4 reader accepts them, and a reader that knows the place of a block can read and check it
/// without the rest of the frame.
extension Frame {
    /// Bytes before the first block: magic, FLG, BD, content size, header checksum.
    static let headerSize = 15
    /// Bytes after the last block: an end mark and the checksum of the content.
    static let endSize = 8
    /// Bytes that a block adds to its content: the size before it, and the checksum after it.
    static let blockExtra = 8
    /// The bit of a block's size that marks it as uncompressed.
    static let storedBit: UInt32 = 1 << 31
    static let largestBlock = 4 << 20
    /// BD: blocks of at most 4 MiB.
    private static let blockSizes: UInt8 = 0x70

    /// Writes `content` as one frame of uncompressed blocks that end at `cuts`, which ascend to the end of the content. Like
    /// `compress`, it fills the first bytes of `frame` and returns their number.
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

    /// Returns the first bytes of a frame.
    static func header(contentSize: Int) -> [UInt8] {
        var header: [UInt8] = []
        withUnsafeBytes(of: magic.littleEndian) { header += $0 }
        header += [flags, blockSizes]
        withUnsafeBytes(of: UInt64(contentSize).littleEndian) { header += $0 }
        let checksum = header.withUnsafeBytes { XXH32.hash(UnsafeRawBufferPointer(rebasing: $0[4...])) }
        return header + [UInt8(truncatingIfNeeded: checksum >> 8)]
    }

    /// Returns the content of an uncompressed block, given its size, content and checksum; `nil` if it is damaged.
    static func storedBlock(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard bytes.count >= blockExtra else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: bytes[4..<bytes.count - 4])
        let size = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
        let checksum = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - 4, as: UInt32.self))
        guard size == UInt32(content.count) | storedBit, checksum == XXH32.hash(content) else { return nil }
        return content
    }
}

/// A compressed frame cut from a stream.
struct ScannedFrame: Sendable {
    let bytes: [UInt8]
    let contentSize: Int
    /// Offset of its first byte in the stream.
    let offset: Int

    var place: String { "byte \(offset)" }
}

/// Cuts a stream into LZ4 frames by their block sizes, without decompressing them, so that they can be decompressed in parallel.
final class FrameScanner {
    var name: String { source.name }
    /// The kind of shard that the stream should contain.
    private let kind: ShardKind
    private let source: any ByteSource
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private var unread = 0..<0
    /// Offset of the next byte in the stream.
    private var offset: Int
    private var frame: [UInt8] = []

    /// - Parameter offset: offset in the stream at which the source starts, for messages.
    init(_ source: any ByteSource, kind: ShardKind, at offset: Int = 0) {
        self.source = source
        self.kind = kind
        self.offset = offset
    }

    deinit { buffer.deallocate() }

    /// Returns the next frame, or `nil` at the end of the stream. Throws `ToolError.data` if the stream ends inside a frame or
    /// contains something else.
    func next() throws -> ScannedFrame? {
        let start = offset
        frame = []
        guard try take(4, orEnd: true) else { return nil }
        guard word(at: 0) == Frame.magic else { throw notAShard(start) }
        try take(2)
        // FLG holds all flags, BD only the block size, in bits 4 to 6.
        guard frame[4] == Frame.flags, frame[5] & 0b1000_1111 == 0 else {
            throw ToolError.data(name, "byte \(start + 4)", "this LZ4 frame was not made by Contour, or is damaged")
        }
        try take(9)
        let contentSize = UInt64(word(at: 6)) | UInt64(word(at: 10)) << 32
        guard contentSize <= Frame.maximumContent else {
            throw ToolError.data(name, "byte \(start + 6)", "the shard is damaged (a frame of \(contentSize) bytes)")
        }
        while true {
            let position = frame.count
            try take(4)
            let size = Int(word(at: position) & ~Frame.storedBit)
            if word(at: position) == 0 { break }
            guard size <= Frame.largestBlock else {
                throw ToolError.data(name, "byte \(offset - 4)", "the shard is damaged (a block of \(size) bytes)")
            }
            try take(size + 4)
        }
        try take(4)
        return ScannedFrame(bytes: frame, contentSize: Int(contentSize), offset: start)
    }

    private func word(at index: Int) -> UInt32 {
        frame.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: index, as: UInt32.self)) }
    }

    /// Moves `count` bytes from the source to the frame. Returns false if the stream has ended and `orEnd` allows that.
    @discardableResult
    private func take(_ count: Int, orEnd: Bool = false) throws -> Bool {
        var missing = count
        while missing > 0 {
            if unread.isEmpty {
                unread = 0..<(try source.read(into: buffer))
                if unread.isEmpty {
                    if orEnd && missing == count { return false }
                    throw ToolError.data(
                        name, "byte \(offset)", "the shard is cut short; make it again, or copy it again")
                }
            }
            let taken = min(missing, unread.count)
            frame.append(contentsOf: buffer[unread.lowerBound..<unread.lowerBound + taken])
            unread = unread.lowerBound + taken..<unread.upperBound
            missing -= taken
            offset += taken
        }
        return true
    }

    /// Returns an error that guesses what the user passed instead of a shard.
    private func notAShard(_ start: Int) -> ToolError {
        guard start == 0 else {
            return .data(name, "byte \(start)", "there is something behind the end of the shard that is not a shard")
        }
        let head = frame + buffer[unread].prefix(4 << 10)
        let guess =
            if let compression = Compression(head: head) {
                "it \(compression.advice(name)); text is read as it is: \(kind.command(making: name))"
            }
            else if let kind = ForeignKind(head: head) { "it \(kind.advice(name))" }
            else if word(at: 0) == 793_712_314 {
                "it is a fastText .bin model" + (kind == .table ? "; make a table with it: \(kind.command(making: name))" : "")
            } else if Self.looksLikeText(head) { "it looks like text; make one of it: \(kind.command(making: name))" }
            else { "its first bytes are unknown" }
        return .data(name, "", "is not a \(kind.rawValue) shard of Contour: \(guess)")
    }

    private static func looksLikeText(_ head: [UInt8]) -> Bool {
        guard head.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }) else { return false }
        // The last character may be incomplete.
        return (0..<4).contains { String(validating: head.dropLast($0), as: UTF8.self) != nil }
    }
}

extension PlacedFile {
    /// Returns the content of the frame at `offset` and the offset of its end; `nil` at the end of the file. Throws `ToolError`:
    /// `ioError`, or `dataError` if the frame is truncated or damaged, or is something else.
    func frame(at offset: Int, kind: ShardKind) throws -> (content: [UInt8], end: Int)? {
        guard let frame = try FrameScanner(PlacedSource(self, at: offset), kind: kind, at: offset).next() else { return nil }
        return (try Frame.decompress(frame, file: name), offset + frame.bytes.count)
    }

    /// Returns the end of the frame at `offset`, stepping over its blocks without reading them; `nil` if no frame with at least
    /// this much content starts there. Throws `ToolError`: `ioError`, or `dataError` if the frame is truncated or damaged.
    func endOfFrame(at offset: Int, leastContent: Int) throws -> Int? {
        guard size - offset >= Frame.headerSize else { return nil }
        func number(_ place: Int) throws -> Int {
            let bytes = try read(at: place, count: 4)
            return Int(bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) })
        }
        let content = try number(offset + 6) | number(offset + 10) << 32
        guard content >= leastContent, content <= Frame.maximumContent,
            try read(at: offset, count: Frame.headerSize) == Frame.header(contentSize: content)
        else { return nil }
        var place = offset + Frame.headerSize
        while true {
            let block = try number(place) & ~Int(Frame.storedBit)
            if block == 0 { break }
            guard block <= Frame.largestBlock else {
                throw ToolError.data(name, "byte \(place)", "the shard is damaged (a block of \(block) bytes)")
            }
            place += block + Frame.blockExtra
        }
        guard place + Frame.endSize <= size else {
            throw ToolError.data(name, "byte \(place)", "the shard is cut short; make it again, or copy it again")
        }
        return place + Frame.endSize
    }
}
