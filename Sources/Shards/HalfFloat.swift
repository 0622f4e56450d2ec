import Files

/// Conversion to and from IEEE 754 binary16 in integer arithmetic, the same on every processor.
///
/// ```swift
/// let bits = HalfFloat.bits(0.5)
/// let value = HalfFloat.value(bits)          // 0.5
/// ```
public enum HalfFloat {
    /// The largest finite number.
    public static let greatest: Float = 65504

    /// Appends `values` rounded to halves, and returns the first value that cannot be converted (too large, infinite or NaN), or
    /// `nil`.
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

    /// Replaces `halves` by `values` rounded to halves. Throws `ToolError.data` for a value that is too large, infinite or NaN.
    public static func convert(_ values: UnsafeBufferPointer<Float>, into halves: inout [UInt16], file: String) throws {
        halves.removeAll(keepingCapacity: true)
        if let value = append(values, to: &halves) {
            throw ToolError.data(file, "", "\(value) has no float16; --storage float32 keeps it")
        }
    }

    /// Returns `value` rounded to the nearest half, ties to even; infinity for what rounds to 65520 or more, NaN for NaN.
    public static func bits(_ value: Float) -> UInt16 {
        let sign = value.bitPattern >> 16 & 0x8000
        let magnitude = value.bitPattern & 0x7FFF_FFFF
        // All three cases are computed and one is selected, so that loops vectorise. 65536 and above:
        let large: UInt32 = magnitude > 0x7F80_0000 ? 0x7E00 : 0x7C00
        // Below 2^-14, halves are 2^-24 apart, like floats from 0.5 on: the addition rounds.
        let small = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3F00_0000
        // Changes the exponent's bias from 127 to 15, and adds half a unit minus one, or half a unit if the last kept bit is odd.
        let normal = (magnitude &- 0x3800_0000 &+ 0xFFF &+ (magnitude >> 13 & 1)) >> 13
        let rounded = magnitude >= 0x4780_0000 ? large : magnitude < 0x3880_0000 ? small : normal
        return UInt16(truncatingIfNeeded: sign | rounded)
    }

    /// Returns the exact value of a half.
    public static func value(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16, magnitude = UInt32(bits & 0x7FFF) << 13
        if bits & 0x7C00 == 0x7C00 { return Float(bitPattern: sign | magnitude | 0x7F80_0000) }
        // Handles normal and subnormal numbers alike: a multiplication corrects the exponent's bias.
        return Float(bitPattern: sign | (Float(bitPattern: magnitude) * 0x1p112).bitPattern)
    }
}

/// The type in which vectors are stored.
///
/// ```swift
/// let bytes = 300 * RowStorage.float16.stride      // bytes of a row of 300 numbers
/// ```
public enum RowStorage: String, Sendable, CaseIterable {
    /// 32-bit floats.
    case float32
    /// Floats rounded to 11 binary digits, half the size.
    case float16

    var element: ShardColumn.Element {
        switch self {
        case .float32: .f32
        case .float16: .f16
        }
    }

    /// Bytes of a value.
    public var stride: Int { element.stride }

    /// Reads little-endian values from `bytes` into `row`.
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

    /// Returns true if all values in `bytes` are finite.
    func isFinite(_ bytes: UnsafeRawBufferPointer) -> Bool {
        func isFinite<Bits: FixedWidthInteger>(_ exponent: Bits) -> Bool {
            // Every value is examined, so that the loop vectorises.
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
