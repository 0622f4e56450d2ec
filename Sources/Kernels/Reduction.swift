internal import Parallel

/// How long runs of floats are cut for several threads: into at most `blocks` pieces, by their length alone.
enum Reduction {
    static let blocks = 256

    /// Elements in a block, a multiple of 16: at least 8,192.
    static func blockSize(_ count: Int) -> Int { max(8192, ((count + blocks - 1) / blocks + 15) / 16 * 16) }

    static func blockCount(_ count: Int) -> Int { (count + blockSize(count) - 1) / blockSize(count) }
}

extension Compute {
    /// The Euclidean norm of a long vector, a gradient for example; not finite if one of its elements is not.
    public func norm(_ vector: UnsafePointer<Float>, count: Int) -> Double {
        struct Job {
            let vector: UnsafePointer<Float>
            let count: Int
            let partials: UnsafeMutablePointer<Double>
        }
        var job = Job(vector: vector, count: count, partials: partials)
        let blocks = Reduction.blockCount(count)
        pool.forEach(blocks, context: &job) { context, block in
            let job = context.assumingMemoryBound(to: Job.self).pointee
            let size = Reduction.blockSize(job.count)
            let start = job.vector + block * size
            job.partials[block] = Vector.dot(start, start, count: min(size, job.count - block * size))
        }
        var total = 0.0
        for block in 0..<blocks { total += partials[block] }
        return total.squareRoot()
    }

    /// Adds the sum of each column of `matrix` [rows, columns] to `sums` [columns]: the gradient of a bias.
    public func addColumnSums(of matrix: Matrix, to sums: UnsafeMutablePointer<Float>) {
        struct Job {
            let matrix: Matrix
            let sums: UnsafeMutablePointer<Float>
        }
        var job = Job(matrix: matrix, sums: sums)
        pool.forEach((matrix.columns + 255) / 256, context: &job) { context, block in
            let job = context.assumingMemoryBound(to: Job.self).pointee
            let first = block * 256
            let count = min(256, job.matrix.columns - first)
            for row in 0..<job.matrix.rows {
                Vector.add(job.matrix.row(row) + first, to: job.sums + first, count: count)
            }
        }
    }
}
