public import Parallel

/// Conversion between float32 and bfloat16, for data sent where 16 bits are enough. Rounds to nearest, ties to even.
///
/// ```swift
/// HalvedFloats.write(floats, count: count, to: halves, on: pool)
/// ```
@_spi(HostMemory)
public enum HalvedFloats {
    /// Rounds `count` floats to bfloat16.
    public static func write(_ source: UnsafePointer<Float>, count: Int, to target: UnsafeMutablePointer<UInt16>, on pool: ThreadPool) {
        pool.run(Narrowing(source: source, count: count, target: target))
    }

    /// Widens `count` bfloat16 numbers to floats.
    public static func read(_ source: UnsafePointer<UInt16>, count: Int, to target: UnsafeMutablePointer<Float>, on pool: ThreadPool) {
        pool.run(Widening(source: source, count: count, target: target))
    }

    private static let block = 1 << 16

    private struct Narrowing: ParallelJob {
        let source: UnsafePointer<Float>
        let count: Int
        let target: UnsafeMutablePointer<UInt16>

        var tasks: Int { count.groups(of: HalvedFloats.block) }

        func run(_ task: Int) {
            for index in count.group(task, of: HalvedFloats.block) {
                let bits = source[index].bitPattern
                // NaN stays NaN: rounding could turn it into infinity.
                let rounded = bits &+ 0x7fff &+ (bits >> 16 & 1)
                target[index] = UInt16(truncatingIfNeeded: (bits & 0x7fff_ffff > 0x7f80_0000 ? bits | 0x40_0000 : rounded) >> 16)
            }
        }
    }

    private struct Widening: ParallelJob {
        let source: UnsafePointer<UInt16>
        let count: Int
        let target: UnsafeMutablePointer<Float>

        var tasks: Int { count.groups(of: HalvedFloats.block) }

        func run(_ task: Int) {
            for index in count.group(task, of: HalvedFloats.block) {
                target[index] = Float(bitPattern: UInt32(source[index]) << 16)
            }
        }
    }
}
