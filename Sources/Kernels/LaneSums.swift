public import Parallel

/// Sums of gradients that several lanes of a batch have made, in an order that only the number of lanes decides.
///
/// A lane's neighbour is added to it, then pairs are added to pairs, and so on: a binary tree. Whoever has the sums of aligned blocks
/// of lanes goes on from there with the same additions, so that the sum does not depend on how many machines share the lanes.
public enum LaneSums {
    /// Floats whose squares are added up together. The norm of a gradient is the sum of its chunks' squares, in their order.
    public static let chunk = 4096

    /// The chunks of a run of floats.
    public static func chunks(_ count: Int) -> Int { (count + chunk - 1) / chunk }

    /// Sums parts of `count` floats each, in the order of the tree.
    /// - Parameters:
    ///   - parts: the first is overwritten with its share of the tree.
    ///   - target: where the sum goes: the memory of a part, or other memory.
    ///   - squares: of each chunk of the sum, the sum of its squares.
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
