import Files
import TestSupport
import Testing

/// A sequence of numbers that references in other languages repeat: a linear congruential generator modulo 2⁶⁴, of whose state the upper
/// 31 bits are the number.
struct Congruential {
    var state: UInt64

    init(_ state: UInt64) { self.state = state }

    /// The next number below `bound`.
    mutating func callAsFunction(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
}

/// Expects one line that says what is wrong, with the status for bad data.
func expectRefused(_ message: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void) {
    let error = #expect(throws: ToolError.self, sourceLocation: sourceLocation) { try body() }
    let text = error?.description ?? ""
    #expect(error?.status == .dataError && text.contains(message) && !text.contains("\n"), "\(text)", sourceLocation: sourceLocation)
}

let notUTF8: [UInt8] = [0x61, 0xE9, 0x09, 0x62, 0x0A]
