import Files
import Parallel
import Shards
import TestSupport
import Testing

struct HalfFloatTests {
    /// Against the processor's own.
    @Test func everyHalf() {
        var wrong = 0
        for bits in UInt16.min...UInt16.max {
            let expected = Float(Float16(bitPattern: bits)), value = HalfFloat.value(bits)
            if expected.isNaN {
                if !value.isNaN || HalfFloat.bits(value) & 0x7C00 != 0x7C00 || HalfFloat.bits(value) & 0x3FF == 0 { wrong += 1 }
            } else if value.bitPattern != expected.bitPattern || HalfFloat.bits(value) != bits {
                wrong += 1
            }
        }
        #expect(wrong == 0)
    }

    /// Between any two neighbours: the middle, where the even one wins, and the floats beside the middle.
    @Test func everyTie() {
        var wrong = 0
        for bits in 0..<UInt16(0x7C00) {
            let low = HalfFloat.value(bits)
            let high = bits == 0x7BFF ? 65536 : HalfFloat.value(bits + 1)
            let middle = (low + high) / 2
            for sign in [Float(1), -1] {
                let mark: UInt16 = sign < 0 ? 0x8000 : 0
                if HalfFloat.bits(sign * middle) != mark | (bits & 1 == 0 ? bits : bits + 1) { wrong += 1 }
                if HalfFloat.bits(sign * middle.nextDown) != mark | bits { wrong += 1 }
                if HalfFloat.bits(sign * middle.nextUp) != mark | (bits + 1) { wrong += 1 }
            }
        }
        #expect(wrong == 0)
    }

    @Test(arguments: [
        (0x1p-149, 0), (0x1p-25, 0), (0x1.8p-25, 1), (0x1p-24, 1), (65504, 0x7BFF), (65519, 0x7BFF), (65520, 0x7C00),
        (1e30, 0x7C00), (.infinity, 0x7C00), (.greatestFiniteMagnitude, 0x7C00),
    ] as [(Float, UInt16)])
    func edges(value: Float, bits: UInt16) {
        #expect(HalfFloat.bits(value) == bits && HalfFloat.bits(-value) == bits | 0x8000)
    }

    @Test func floatsFromEverywhere() {
        var bits: UInt32 = 1, wrong = 0
        for _ in 0..<200_000 {
            bits = bits &* 1_664_525 &+ 1_013_904_223
            let value = Float(bitPattern: bits)
            if !value.isNaN && HalfFloat.bits(value) != Float16(value).bitPattern { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test func aValueThatIsTooLargeIsRefused() throws {
        do {
            _ = try shard { output, pool in
                let writer = try TableShardWriter(
                    output, tool: "test 1", dimension: 2, count: 1, storage: .float16, fields: [:], pool: pool)
                try Array("word".utf8).withUnsafeBytes { word in
                    try [Float(1), 70_000].withUnsafeBufferPointer {
                        try writer.append(word, count: 1, source: .pretrained, row: $0)
                    }
                }
            }
            Issue.record("nothing was thrown")
        } catch let error as ToolError {
            #expect(error.status == .dataError && error.description.contains("word") && error.description.contains("70000"))
        }
    }
}
