/// Text as a terminal may have it: control characters, but for tabs and ends of lines, are shown as their numbers.
struct TerminalFilter {
    /// True if the last byte was the one with which control characters beyond ASCII begin.
    private var isPending = false

    /// The next bytes of UTF-8, which may begin and end anywhere.
    mutating func escaped(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for byte in bytes {
            if isPending {
                isPending = false
                if (0x80..<0xA0).contains(byte) {
                    result += "\\u{\(String(byte, radix: 16))}".utf8
                    continue
                }
                result.append(0xC2)
            }
            switch byte {
            case 0xC2: isPending = true
            case 0x09, 0x0A: result.append(byte)
            case 0..<0x20, 0x7F: result += "\\u{\(String(byte, radix: 16))}".utf8
            default: result.append(byte)
            }
        }
        return result
    }
}
