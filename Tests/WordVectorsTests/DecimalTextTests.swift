import Glibc
import Testing
import WordVectors

/// Numbers as C's `printf` writes them with `%.5g`.
@Suite struct DecimalTextTests {
    private let decimals = DecimalText()

    private func text(_ value: Float) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: DecimalText.longest) { bytes in
            guard let start = bytes.baseAddress else { return "" }
            let count = decimals.write(value, to: start)
            return String(decoding: bytes[..<count], as: UTF8.self)
        }
    }

    @Test(arguments: [
        (0, "0"), (-0.0, "-0"), (1, "1"), (-1, "-1"), (0.5, "0.5"), (123_456, "1.2346e+05"), (99999.5, "1e+05"),
        (99_999, "99999"), (0.0001, "0.0001"), (0.00001, "1e-05"), (-0.0123456, "-0.012346"), (10000, "10000"),
        (1e10, "1e+10"), (.infinity, "inf"), (-.infinity, "-inf"), (.nan, "nan"), (.leastNonzeroMagnitude, "1.4013e-45"),
        (.greatestFiniteMagnitude, "3.4028e+38"), (0.999996, "1"), (9.99996, "10"),
    ] as [(Float, String)])
    func known(value: Float, expected: String) { #expect(text(value) == expected) }

    /// Every kind of number: any bits, those of word vectors, and ties, which have few digits behind the fifth.
    @Test func agreesWithTheLibrary() {
        var random = TestRandom(11)
        for round in 0..<600_000 {
            let value: Float
            switch round % 3 {
            case 0: value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            case 1: value = (random.unit() - 0.5) * 4
            default: value = Float(random.below(2_000_000)) * [0.5, 0.25, 0.125, 1, 10, 1000][random.below(6)]
            }
            // NaN has a sign there that nobody needs.
            if value.isNaN { continue }
            let found = text(value), expected = byTheLibrary(value)
            if found != expected { Issue.record("\(value.bitPattern): \(found), not \(expected)") }
        }
    }

    private func byTheLibrary(_ value: Float) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            let count = withVaList([Double(value)]) { Int(vsnprintf(buffer.baseAddress, 64, "%.5g", $0)) }
            return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
