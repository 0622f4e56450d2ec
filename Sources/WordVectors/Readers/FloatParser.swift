import Glibc

/// Conversion of decimal text to Float32, correctly rounded: the same bits as `strtof`, several times as fast.
package enum FloatParser {
    /// The kind of text that was parsed.
    package enum Outcome: Equatable {
        case number(Float)
        /// NaN, an infinity, or a number too large for Float32.
        case notFinite
        case notANumber
    }

    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Parses the whole of `text` as one number: a sign, digits with at most one point, an exponent.
    package static func parse(_ text: UnsafeRawBufferPointer) -> Outcome {
        var position = 0
        let outcome = parse(text, &position)
        if position == text.count { return outcome }
        return isSpelledOut(text) ? .notFinite : .notANumber
    }

    /// Parses the number that starts at `position`, and moves `position` past it.
    ///
    /// The significand is collected as an integer. While it is below 2^53 and the power of ten is at most 22, both are exact in
    /// Float64, so one multiplication or division gives the correctly rounded Float64 (Clinger 1990). Rounding that to Float32 is
    /// wrong only where the Float64 is exactly midway between two Float32 values, or where the Float32 is subnormal; these, and all
    /// longer numbers, are passed to `strtof`.
    @inline(__always)
    static func parse(_ text: UnsafeRawBufferPointer, _ position: inout Int) -> Outcome {
        let start = position
        let end = text.count
        var place = start
        var negative = false
        if place < end, text[place] == UInt8(ascii: "-") || text[place] == UInt8(ascii: "+") {
            negative = text[place] == UInt8(ascii: "-")
            place += 1
        }
        var significand: UInt64 = 0
        var digits = 0
        var power = 0
        let firstDigit = place
        while place < end, let digit = digit(text[place]) {
            significand = significand &* 10 &+ digit
            place += 1
        }
        digits = place - firstDigit
        if place < end, text[place] == UInt8(ascii: ".") {
            place += 1
            let firstDecimal = place
            while place < end, let digit = digit(text[place]) {
                significand = significand &* 10 &+ digit
                place += 1
            }
            power = firstDecimal - place
            digits += place - firstDecimal
        }
        guard digits > 0 else { return .notANumber }
        if place < end, text[place] | 0x20 == UInt8(ascii: "e") {
            guard let (exponent, after) = exponent(text, place + 1) else { return .notANumber }
            power += exponent
            place = after
        }
        position = place
        // 19 digits fit 64 bits; more may have overflowed.
        if digits <= 19, significand <= 1 << 53, power >= -22, power <= 22 {
            let magnitude = powers.withUnsafeBufferPointer { powers in
                power < 0 ? Double(significand) / powers[-power] : Double(significand) * powers[power]
            }
            let midway = magnitude.bitPattern & 0x1FFF_FFFF == 0x1000_0000
            let normal = magnitude >= 0x1p-126 && magnitude < 0x1p127
            if significand == 0 || (!midway && normal) {
                return .number(negative ? -Float(magnitude) : Float(magnitude))
            }
        }
        return slow(UnsafeRawBufferPointer(rebasing: text[start..<place]))
    }

    @inline(__always)
    private static func digit(_ byte: UInt8) -> UInt64? {
        let value = byte &- UInt8(ascii: "0")
        return value < 10 ? UInt64(value) : nil
    }

    /// Returns the exponent at `start` and the place after it; `nil` if there are no digits.
    private static func exponent(_ text: UnsafeRawBufferPointer, _ start: Int) -> (Int, Int)? {
        var place = start
        var negative = false
        if place < text.count, text[place] == UInt8(ascii: "-") || text[place] == UInt8(ascii: "+") {
            negative = text[place] == UInt8(ascii: "-")
            place += 1
        }
        let firstDigit = place
        var value = 0
        while place < text.count, let digit = digit(text[place]) {
            value = min(100_000, value * 10 + Int(digit))
            place += 1
        }
        return place > firstDigit ? (negative ? -value : value, place) : nil
    }

    /// Calls `strtof` in the C locale, which the tools never leave.
    private static func slow(_ text: UnsafeRawBufferPointer) -> Outcome {
        withUnsafeTemporaryAllocation(byteCount: text.count + 1, alignment: 1) { copy in
            copy.copyMemory(from: text)
            copy[text.count] = 0
            guard let start = copy.baseAddress else { return .notANumber }
            let value = strtof(start.assumingMemoryBound(to: CChar.self), nil)
            return value.isFinite ? .number(value) : .notFinite
        }
    }

    /// Returns true if the text is `nan`, `inf` or `infinity` in any case, with or without a sign.
    private static func isSpelledOut(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count <= 9 else { return false }
        var letters = text.map { $0 | 0x20 }
        if let first = text.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") { letters.removeFirst() }
        return ["nan", "inf", "infinity"].contains { letters.elementsEqual($0.utf8) }
    }
}
