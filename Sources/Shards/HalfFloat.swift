import Files

/// IEEE 754 binary16 in integer arithmetic: the same on every processor.
public enum HalfFloat {
    /// The largest number there is.
    public static let greatest: Float = 65504

    /// Appends the halves nearest to `values`; returns the first value that is none: too large, infinite or NaN.
    static func append(_ values: UnsafeBufferPointer<Float>, to halves: inout [UInt16]) -> Float? {
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: values.count) { converted in
            var others = 0
            for index in values.indices {
                let half = bits(values[index])
                converted[index] = half
                others &+= half & 0x7C00 == 0x7C00 ? 1 : 0
            }
            halves.append(contentsOf: converted)
            return others == 0 ? nil : values.first { bits($0) & 0x7C00 == 0x7C00 }
        }
    }

    /// Replaces `halves` by those nearest to `values`. Throws `ToolError.data` for a number that has none.
    public static func convert(_ values: UnsafeBufferPointer<Float>, into halves: inout [UInt16], file: String) throws {
        halves.removeAll(keepingCapacity: true)
        if let value = append(values, to: &halves) {
            throw ToolError.data(file, "", "\(value) has no float16; --storage float32 keeps it")
        }
    }

    /// The half nearest to `value`, ties to even; infinity for what rounds to 65520 or more, a NaN for NaN.
    public static func bits(_ value: Float) -> UInt16 {
        let sign = value.bitPattern >> 16 & 0x8000
        let magnitude = value.bitPattern & 0x7FFF_FFFF
        // All three are computed and one is taken, so that loops become vectors. 65536 and above:
        let large: UInt32 = magnitude > 0x7F80_0000 ? 0x7E00 : 0x7C00
        // Below 2^-14, halves lie 2^-24 apart, as floats do from 0.5 on: the addition rounds.
        let small = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3F00_0000
        // The exponent from bias 127 to 15, and half a unit less one, or a whole half where the last bit kept is odd.
        let normal = (magnitude &- 0x3800_0000 &+ 0xFFF &+ (magnitude >> 13 & 1)) >> 13
        let rounded = magnitude >= 0x4780_0000 ? large : magnitude < 0x3880_0000 ? small : normal
        return UInt16(truncatingIfNeeded: sign | rounded)
    }

    /// The value of a half, exactly.
    public static func value(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16, magnitude = UInt32(bits & 0x7FFF) << 13
        if bits & 0x7C00 == 0x7C00 { return Float(bitPattern: sign | magnitude | 0x7F80_0000) }
        // Numbers and subnormals alike: the exponent's bias is put right by a multiplication.
        return Float(bitPattern: sign | (Float(bitPattern: magnitude) * 0x1p112).bitPattern)
    }
}

/// The form in which vectors are stored.
public enum RowStorage: String, Sendable, CaseIterable {
    /// Floats as they are.
    case float32
    /// Rounded to 11 binary digits: half the size.
    case float16

    var element: ShardColumn.Element {
        switch self {
        case .float32: .f32
        case .float16: .f16
        }
    }

    /// The number of bytes of a value.
    public var stride: Int { element.stride }

    /// Reads the values in `bytes`, little-endian, into `row`.
    func read(_ bytes: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
        precondition(bytes.count == row.count * stride)
        switch self {
        case .float32: UnsafeMutableRawBufferPointer(row).copyMemory(from: bytes)
        case .float16:
            for index in row.indices {
                row[index] = HalfFloat.value(
                    UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
            }
        }
    }

    /// True if all values in `bytes` are finite.
    func isFinite(_ bytes: UnsafeRawBufferPointer) -> Bool {
        func isFinite<Bits: FixedWidthInteger>(_ exponent: Bits) -> Bool {
            // Every value is looked at, so that the loop vectorises.
            var others = 0
            for offset in Swift.stride(from: 0, to: bytes.count, by: MemoryLayout<Bits>.size) {
                let value = Bits(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Bits.self))
                others &+= value & exponent == exponent ? 1 : 0
            }
            return others == 0
        }
        return switch self {
        case .float32: isFinite(0x7F80_0000 as UInt32)
        case .float16: isFinite(0x7C00 as UInt16)
        }
    }
}
