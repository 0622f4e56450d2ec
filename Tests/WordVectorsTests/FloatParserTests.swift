import Glibc
import Testing

import WordVectors

@Suite struct FloatParserTests {
    private func parse(_ text: String) -> FloatParser.Outcome {
        Array(text.utf8).withUnsafeBytes { FloatParser.parse($0) }
    }

    private func expectSame(_ text: String) {
        let expected = strtof(text, nil)
        let outcome = parse(text)
        if expected.isFinite {
            guard case .number(let value) = outcome else {
                Issue.record("\(text): \(outcome)")
                return
            }
            #expect(value.bitPattern == expected.bitPattern, "\(text)")
        } else {
            #expect(outcome == .notFinite, "\(text)")
        }
    }

    @Test(arguments: 0..<6) func agreesWithStrtof(shape: Int) {
        var random = TestRandom(UInt64(shape))
        for _ in 0..<100_000 {
            let bits = UInt32(truncatingIfNeeded: random.next())
            let value = Float(bitPattern: bits)
            let sign = random.below(2) == 0 ? "" : "-"
            switch shape {
            case 0: if value.isFinite { expectSame("\(value)") }
            case 1: expectSame("\(sign)\(random.below(10)).\(random.below(1_000_000))")
            case 2: expectSame("\(sign)0.\(random.next())")
            case 3: expectSame("\(random.next() >> UInt64(random.below(64)))e\(random.below(120) - 60)")
            case 4:
                // Just at, below and above the midpoint of two neighbours.
                guard value.isFinite, value.magnitude < 0x1p60, value.magnitude > 0x1p-60 else { continue }
                let midpoint = (Double(value) + Double(value.nextUp)) / 2
                expectSame("\(midpoint)")
                expectSame("\(midpoint.nextUp)")
                expectSame("\(midpoint.nextDown)")
            default: expectSame("\(sign).\(random.below(100))E-\(30 + random.below(20))")
            }
        }
    }

    @Test(arguments: [
        "0", "-0", "+1", "1.", ".5", "1e5", "1E+05", "1e-45", "7e-46", "3.4028235e38", "3.4028236e38", "1e39",
        "1e999999", "0e999999", "16777217", "16777216.99999999999999999999", "9007199254740993", "123456789012345678901234567890",
        "0.00000000000000000000000000000000000001",
    ])
    func edges(text: String) { expectSame(text) }

    @Test(arguments: ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "1,5", "1 ", " 1", "--1", "word", "1f"])
    func refuses(text: String) { #expect(parse(text) == .notANumber) }

    @Test(arguments: ["nan", "NaN", "-nan", "inf", "-Inf", "+infinity", "1e40"])
    func notFinite(text: String) { #expect(parse(text) == .notFinite) }
}
