import Glibc

/// Numbers as text with five significant digits, as printed by C's `%.5g` and therefore by fastText.
package struct DecimalText: Sendable {
    /// Powers of ten from 10^-50 to 10^54, as exact as Float64 allows.
    private let powers: [Double]
    /// The digits of each number of four digits, in memory order.
    private let fourDigits: [UInt32]
    /// The number of these digits without trailing zeros.
    private let lengths: [UInt8]
    private static let lowest = -50
    /// Maximum number of digits printed.
    private static let digits = 5
    /// Maximum number of bytes written for a number, which may need fewer.
    package static let longest = 24

    package init() {
        powers = (Self.lowest...54).map { pow(10, Double($0)) }
        fourDigits = (0..<10_000).map { number in
            let digits = [number / 1000, number / 100 % 10, number / 10 % 10, number % 10]
            return digits.enumerated().reduce(0) { $0 | UInt32(0x30 + $1.element) << UInt32(8 * $1.offset) }.littleEndian
        }
        lengths = (0..<10_000).map { $0 == 0 ? 0 : $0 % 1000 == 0 ? 1 : $0 % 100 == 0 ? 2 : $0 % 10 == 0 ? 3 : 4 }
    }

    /// Writes `value` to `target`, which has room for `longest` bytes, and returns the number of bytes that it takes.
    ///
    /// A Float32 times a power of ten is known in Float64 to one part in 2^50, so its fifth digit is certain unless the rest is
    /// that close to one half; only then the C library decides.
    @inline(__always)
    package func write(_ value: Float, to target: UnsafeMutablePointer<UInt8>) -> Int {
        let magnitude = Double(value.magnitude)
        guard magnitude > 0 && magnitude < .infinity else { return Self.writeBySystem(value, to: target) }
        return powers.withUnsafeBufferPointer { powers in
            // log10(2) * the binary exponent is at most one below the decimal exponent; no Float32 is almost a power of ten without
            // being one.
            var exponent = (Int(magnitude.exponent) * 315_653) >> 20
            if magnitude >= powers[exponent + 1 - Self.lowest] { exponent += 1 }
            let scaled = magnitude * powers[Self.digits - 1 - exponent - Self.lowest]
            let whole = Int(scaled)
            let rest = scaled - Double(whole)
            guard abs(rest - 0.5) > 1e-9 else { return Self.writeBySystem(value, to: target) }
            var number = whole + (rest > 0.5 ? 1 : 0)
            if number == 100_000 {
                number = 10_000
                exponent += 1
            }
            target[0] = UInt8(ascii: "-")
            let sign = value < 0 ? 1 : 0
            return sign + write(number, exponent, to: target + sign)
        }
    }

    /// Writes `number`, of five digits, which is the value times 10^(4 - exponent).
    @inline(__always)
    private func write(_ number: Int, _ exponent: Int, to target: UnsafeMutablePointer<UInt8>) -> Int {
        let first = number / 10_000, others = number - 10_000 * first
        let count = 1 + Int(lengths.withUnsafeBufferPointer { $0[others] })
        // All five digits, followed by zeros.
        let text = fourDigits.withUnsafeBufferPointer { UInt64(UInt32(littleEndian: $0[others])) } << 8 | UInt64(0x30 + first)
            | 0x303030 << 40
        if exponent < 0 && exponent >= -4 {
            store(0x3030_3030_3030_2E30, target) // "0.000000"
            store(text, target + 1 - exponent)
            return 1 - exponent + count
        }
        if exponent >= 0 && exponent < Self.digits {
            store(text, target)
            guard count > exponent + 1 else { return exponent + 1 }
            target[exponent + 1] = UInt8(ascii: ".")
            store(text >> UInt64(8 * (exponent + 1)), target + exponent + 2)
            return count + 1
        }
        target[0] = UInt8(0x30 + first)
        var place = 1
        if count > 1 {
            target[1] = UInt8(ascii: ".")
            store(text >> 8, target + 2)
            place = count + 1
        }
        target[place] = UInt8(ascii: "e")
        target[place + 1] = exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")
        target[place + 2] = UInt8(0x30 + exponent.magnitude / 10)
        target[place + 3] = UInt8(0x30 + exponent.magnitude % 10)
        return place + 4
    }

    @inline(__always)
    private func store(_ text: UInt64, _ target: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(target).storeBytes(of: text.littleEndian, as: UInt64.self)
    }

    /// Writes zeros, ties, infinity and NaN.
    private static func writeBySystem(_ value: Float, to target: UnsafeMutablePointer<UInt8>) -> Int {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { text in
            let count = withVaList([Double(value)]) { Int(vsnprintf(text.baseAddress, text.count, "%.5g", $0)) }
            for index in 0..<count { target[index] = UInt8(bitPattern: text[index]) }
            return count
        }
    }
}
