import Glibc

/// Numbers as text with five significant digits, as C's `%.5g` and therefore fastText print them.
package struct DecimalText: Sendable {
    /// Powers of ten from 10^-50 to 10^54, as near as Float64 comes.
    private let powers: [Double]
    private static let lowest = -50
    /// Digits printed at most.
    private static let digits = 5
    /// Bytes of a number at most: `-1.2346e-05`.
    package static let longest = 16

    package init() {
        powers = (Self.lowest...54).map { pow(10, Double($0)) }
    }

    /// Writes `value` to `target` and returns the number of bytes.
    ///
    /// A Float32 times a power of ten is known in Float64 to one part in 2^50. So its fifth digit is certain unless the
    /// rest is that near to one half: only then the C library decides.
    @inline(__always)
    package func write(_ value: Float, to target: UnsafeMutablePointer<UInt8>) -> Int {
        let magnitude = Double(value.magnitude)
        guard magnitude > 0 && magnitude < .infinity else { return Self.writeBySystem(value, to: target) }
        return powers.withUnsafeBufferPointer { powers in
            // log10(2) * the binary exponent is at most one below the decimal one; there is no Float32 that is almost a
            // power of ten without being one.
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
            return Self.write(number, exponent, isNegative: value < 0, to: target)
        }
    }

    /// `number`, of five digits, is the value times 10^(4 - exponent).
    @inline(__always)
    private static func write(
        _ number: Int, _ exponent: Int, isNegative: Bool, to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var place = 0
        func put(_ byte: UInt8) {
            target[place] = byte
            place += 1
        }
        if isNegative { put(UInt8(ascii: "-")) }
        let (a, b, c, d, e) = (
            number / 10_000, number / 1000 % 10, number / 100 % 10, number / 10 % 10, number % 10)
        let all = (zero + UInt8(a), zero + UInt8(b), zero + UInt8(c), zero + UInt8(d), zero + UInt8(e))
        // Digits that are not zeros at the end.
        let count = e != 0 ? 5 : d != 0 ? 4 : c != 0 ? 3 : b != 0 ? 2 : 1
        if exponent < 0 && exponent >= -4 {
            put(zero)
            put(point)
            for _ in 0..<(-1 - exponent) { put(zero) }
            withUnsafeBytes(of: all) { for index in 0..<count { put($0[index]) } }
        } else if exponent >= 0 && exponent < digits {
            withUnsafeBytes(of: all) {
                for index in 0...exponent { put($0[index]) }
                guard count > exponent + 1 else { return }
                put(point)
                for index in exponent + 1..<count { put($0[index]) }
            }
        } else {
            withUnsafeBytes(of: all) {
                put($0[0])
                guard count > 1 else { return }
                put(point)
                for index in 1..<count { put($0[index]) }
            }
            put(UInt8(ascii: "e"))
            put(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
            put(zero + UInt8(exponent.magnitude / 10))
            put(zero + UInt8(exponent.magnitude % 10))
        }
        return place
    }

    private static let zero = UInt8(ascii: "0"), point = UInt8(ascii: ".")

    /// Zeros, ties, infinity and NaN.
    private static func writeBySystem(_ value: Float, to target: UnsafeMutablePointer<UInt8>) -> Int {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { text in
            let count = withVaList([Double(value)]) { Int(vsnprintf(text.baseAddress, text.count, "%.5g", $0)) }
            for index in 0..<count { target[index] = UInt8(bitPattern: text[index]) }
            return count
        }
    }
}
