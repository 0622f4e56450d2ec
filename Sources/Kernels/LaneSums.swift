public import Parallel

/// Sums of the gradients of several lanes of a batch, in an order that depends only on the number of lanes.
///
/// Lanes are added in pairs, then pairs of pairs, and so on: a binary tree. A process that has the sums of aligned blocks of lanes
/// continues with the same additions, so that the sum does not depend on how many machines share the lanes.
///
/// ```swift
/// let chunks = LaneSums.chunks(1_000_000)      // 245 partial sums of squares
/// ```
public enum LaneSums {
    /// Number of floats whose squares are summed together. The squared norm of a gradient is the sum over its chunks, in order.
    public static let chunk = 4096

    /// Returns the number of chunks in a run of `count` floats.
    public static func chunks(_ count: Int) -> Int { (count + chunk - 1) / chunk }

    /// Adds up parts of `count` floats each in the order of the tree.
    /// - Parameters:
    ///   - parts: the lanes' floats; the first part is overwritten with its share of the tree.
    ///   - target: memory for the sum: one of the parts, or other memory.
    ///   - squares: gets the sum of squares of each chunk of the sum.
    @_spi(HostMemory)
    public static func add(
        _ parts: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>>, count: Int, to target: UnsafeMutablePointer<Float>,
        squares: UnsafeMutablePointer<Double>, on pool: ThreadPool
    ) {
        pool.run(Job(parts: parts, count: count, target: target, squares: squares))
    }

    private struct Job: ParallelJob {
        let parts: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>>
        let count: Int
        let target: UnsafeMutablePointer<Float>
        let squares: UnsafeMutablePointer<Double>

        var tasks: Int { LaneSums.chunks(count) }

        func run(_ task: Int) {
            let range = count.group(task, of: LaneSums.chunk), start = range.lowerBound
            var distance = 1
            while distance < parts.count {
                var index = 0
                while index + distance < parts.count {
                    Vector.add(parts[index + distance] + start, to: parts[index] + start, count: range.count)
                    index += 2 * distance
                }
                distance *= 2
            }
            if target != parts[0] { (target + start).update(from: parts[0] + start, count: range.count) }
            squares[task] = Vector.dot(target + start, target + start, count: range.count)
        }
    }
}
