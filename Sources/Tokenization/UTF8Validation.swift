/// A byte that is not text, located by line and byte in the piece of text, both counted from 1.
public struct TextError: Error, Equatable {
    /// Line in the piece, from 1.
    public let line: Int
    /// Byte in the line, from 1.
    public let byte: Int
    /// Description of the fault, with the remedy.
    public let cause: String

    /// - Parameter offset: the place found by `firstInvalidByte`.
    init(at offset: Int, in text: UnsafeRawBufferPointer) {
        let before = text[..<offset]
        line = before.count(where: { $0 == 0x0A }) + 1
        byte = offset - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
        if text[offset] == 0 {
            let order = offset % 2 == 0 ? "BE" : "LE"
            cause = "is NUL, which text never holds; if this is UTF-16, try: iconv -f UTF-16\(order) -t UTF-8"
        } else {
            // Text with NUL is not Latin-1 either.
            cause =
                "is not UTF-8 (0x\(String(text[offset], radix: 16))); "
                + (text.prefix(4 << 10).contains(0)
                    ? "with its NUL bytes this is not text in any 8-bit encoding; unpack archives, and convert documents first"
                    : "try: iconv -f LATIN1 -t UTF-8, or iconv -c -f UTF-8 -t UTF-8")
        }
    }
}

/// Returns the place of the first byte that is invalid in UTF-8 (Unicode 15, table 3-7) or is NUL, which never occurs in text but
/// everywhere in UTF-16 and binary files; `nil` if there is none. ASCII is read 32 bytes at a time.
func firstInvalidByte(in bytes: UnsafeRawBufferPointer) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    let end = bytes.count
    var position = 0
    while position < end {
        while position + 32 <= end {
            let words = (base + position).loadUnaligned(as: SIMD4<UInt64>.self)
            // The top bit of a byte is set if the byte is not ASCII or (only if no lower byte is NUL) NUL.
            let suspect = (words | ((words &- 0x0101_0101_0101_0101) & ~words)) & 0x8080_8080_8080_8080
            if (suspect[0] | suspect[1]) | (suspect[2] | suspect[3]) != 0 { break }
            position += 32
        }
        // At least one character with full checks, then as long as the text is not ASCII.
        let stop = min(position + 32, end)
        while position < stop {
            let byte = base.load(fromByteOffset: position, as: UInt8.self)
            if byte < 0x80 {
                if byte == 0 { return position }
                position += 1
                continue
            }
            let length = sequenceLength(base + position, end - position)
            guard length > 0 else { return position }
            position += length
        }
    }
    return nil
}

/// Returns the length of the well-formed sequence at `start`, or 0. For bytes from 0x80 on.
@inline(__always)
private func sequenceLength(_ start: UnsafeRawPointer, _ available: Int) -> Int {
    @inline(__always) func byte(_ index: Int) -> UInt8 { start.load(fromByteOffset: index, as: UInt8.self) }
    @inline(__always) func continues(_ index: Int) -> Bool { byte(index) & 0xC0 == 0x80 }
    let first = byte(0)
    switch first {
    case 0xC2...0xDF:
        return available >= 2 && continues(1) ? 2 : 0
    case 0xE0...0xEF:
        guard available >= 3, continues(1), continues(2), first != 0xE0 || byte(1) >= 0xA0, first != 0xED || byte(1) <= 0x9F
        else { return 0 }
        return 3
    case 0xF0...0xF4:
        guard available >= 4, continues(1), continues(2), continues(3), first != 0xF0 || byte(1) >= 0x90,
            first != 0xF4 || byte(1) <= 0x8F
        else { return 0 }
        return 4
    default:
        return 0
    }
}

/// Returns the scalar at `position` of valid UTF-8, and its length.
@inline(__always)
func decodeScalar(_ base: UnsafeRawPointer, _ position: Int) -> (scalar: UInt32, length: Int) {
    @inline(__always) func byte(_ index: Int) -> UInt32 {
        UInt32(base.load(fromByteOffset: position + index, as: UInt8.self))
    }
    let first = byte(0)
    if first < 0x80 { return (first, 1) }
    if first < 0xE0 { return ((first & 0x1F) << 6 | (byte(1) & 0x3F), 2) }
    if first < 0xF0 { return ((first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3) }
    return ((first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4)
}
