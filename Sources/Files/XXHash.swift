/// The 64-bit hash xxHash (Yann Collet, "xxHash fast digest algorithm", specification 0.1.1), for digests: call `update` any number
/// of times, then `digest`.
public struct XXH64: Sendable {
    private var lane1, lane2, lane3, lane4: UInt64
    private var tail: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    private var tailCount = 0
    private var total: UInt64 = 0

    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// Creates the hash of no bytes.
    public init() {
        lane1 = Self.prime1 &+ Self.prime2
        lane2 = Self.prime2
        lane3 = 0
        lane4 = 0 &- Self.prime1
    }

    /// Returns the hash of `bytes`.
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state = XXH64()
        state.update(bytes)
        return state.digest()
    }

    /// Adds bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        total &+= UInt64(bytes.count)
        var rest = bytes
        if tailCount > 0 {
            let taken = min(32 - tailCount, rest.count)
            withUnsafeMutableBytes(of: &tail) { [tailCount] in
                UnsafeMutableRawBufferPointer(rebasing: $0[tailCount...]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: rest[..<taken]))
            }
            tailCount += taken
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
            guard tailCount == 32 else { return }
            let full = tail
            withUnsafeBytes(of: full) { consume($0, 0) }
            tailCount = 0
        }
        var offset = 0
        while offset + 32 <= rest.count {
            consume(rest, offset)
            offset += 32
        }
        if offset < rest.count {
            tailCount = rest.count - offset
            withUnsafeMutableBytes(of: &tail) {
                $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[offset...]))
            }
        }
    }

    /// Returns the hash of the bytes added so far.
    public func digest() -> UInt64 {
        var hash: UInt64
        if total >= 32 {
            hash = Self.rotate(lane1, 1) &+ Self.rotate(lane2, 7) &+ Self.rotate(lane3, 12) &+ Self.rotate(lane4, 18)
            for lane in [lane1, lane2, lane3, lane4] {
                hash = (hash ^ Self.round(0, lane)) &* Self.prime1 &+ Self.prime4
            }
        } else {
            hash = Self.prime5
        }
        hash &+= total
        withUnsafeBytes(of: tail) { tail in
            var offset = 0
            while offset + 8 <= tailCount {
                hash = Self.rotate(hash ^ Self.round(0, Self.word(tail, offset)), 27) &* Self.prime1 &+ Self.prime4
                offset += 8
            }
            if offset + 4 <= tailCount {
                let half = UInt64(UInt32(littleEndian: tail.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                hash = Self.rotate(hash ^ half &* Self.prime1, 23) &* Self.prime2 &+ Self.prime3
                offset += 4
            }
            while offset < tailCount {
                hash = Self.rotate(hash ^ UInt64(tail[offset]) &* Self.prime5, 11) &* Self.prime1
                offset += 1
            }
        }
        hash = (hash ^ hash >> 33) &* Self.prime2
        hash = (hash ^ hash >> 29) &* Self.prime3
        return hash ^ hash >> 32
    }

    /// Adds 32 bytes.
    @inline(__always)
    private mutating func consume(_ bytes: UnsafeRawBufferPointer, _ offset: Int) {
        lane1 = Self.round(lane1, Self.word(bytes, offset))
        lane2 = Self.round(lane2, Self.word(bytes, offset + 8))
        lane3 = Self.round(lane3, Self.word(bytes, offset + 16))
        lane4 = Self.round(lane4, Self.word(bytes, offset + 24))
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotate(lane &+ input &* prime2, 31) &* prime1
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}

/// The 32-bit hash xxHash (same specification), which LZ4 frames use for checksums, for code that makes or reads their blocks
/// itself.
public enum XXH32 {
    private static let prime1: UInt32 = 0x9E37_79B1
    private static let prime2: UInt32 = 0x85EB_CA77
    private static let prime3: UInt32 = 0xC2B2_AE3D
    private static let prime4: UInt32 = 0x27D4_EB2F
    private static let prime5: UInt32 = 0x1656_67B1

    /// Returns the hash of `bytes`.
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var offset = 0
        var hash: UInt32
        if bytes.count >= 16 {
            var lane1 = prime1 &+ prime2, lane2 = prime2, lane3: UInt32 = 0, lane4 = 0 &- prime1
            while offset + 16 <= bytes.count {
                lane1 = round(lane1, word(bytes, offset))
                lane2 = round(lane2, word(bytes, offset + 4))
                lane3 = round(lane3, word(bytes, offset + 8))
                lane4 = round(lane4, word(bytes, offset + 12))
                offset += 16
            }
            hash = rotate(lane1, 1) &+ rotate(lane2, 7) &+ rotate(lane3, 12) &+ rotate(lane4, 18)
        } else {
            hash = prime5
        }
        hash &+= UInt32(truncatingIfNeeded: bytes.count)
        while offset + 4 <= bytes.count {
            hash = rotate(hash &+ word(bytes, offset) &* prime3, 17) &* prime4
            offset += 4
        }
        while offset < bytes.count {
            hash = rotate(hash &+ UInt32(bytes[offset]) &* prime5, 11) &* prime1
            offset += 1
        }
        hash = (hash ^ hash >> 15) &* prime2
        hash = (hash ^ hash >> 13) &* prime3
        return hash ^ hash >> 16
    }

    @inline(__always)
    private static func round(_ lane: UInt32, _ input: UInt32) -> UInt32 { rotate(lane &+ input &* prime2, 13) &* prime1 }

    @inline(__always)
    private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
