public import Parallel

/// Floats as they travel where half of their bits are enough: bfloat16, rounded to the nearest, ties to even.
@_spi(HostMemory)
public enum HalvedFloats {
    public static func write(_ source: UnsafePointer<Float>, count: Int, to target: UnsafeMutablePointer<UInt16>, on pool: ThreadPool) {
        pool.run(Narrowing(source: source, count: count, target: target))
    }

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
                // A number that is none stays none: rounding could make an infinity of it.
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
