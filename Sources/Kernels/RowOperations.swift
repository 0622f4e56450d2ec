internal import Glibc
internal import Parallel

// Copies, sums and rows of tables.
extension ProcessorBackend {
    public func fill(_ target: Matrix, with value: Float) { target.fill(value) }

    public func copy(_ source: Matrix, to target: Matrix) {
        struct Job: PairJob {
            let source, target: Matrix

            func run(_ source: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, count: Int) {
                target.update(from: source, count: count)
            }
        }
        precondition(source.rows == target.rows && source.columns == target.columns)
        pool.run(Job(source: source, target: target))
    }

    public func add(_ source: Matrix, to target: Matrix) {
        struct Job: PairJob {
            let source, target: Matrix

            func run(_ source: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, count: Int) {
                Vector.add(source, to: target, count: count)
            }
        }
        precondition(source.rows == target.rows && source.columns == target.columns)
        pool.run(Job(source: source, target: target))
    }

    public func scale(_ target: Matrix, by factor: Float) { target.scale(by: factor) }

    public func broadcast(_ row: Matrix, to target: Matrix) {
        precondition(row.columns == target.columns)
        for index in 0..<target.rows { target.row(index).update(from: row.start, count: target.columns) }
    }

    public func addRow(_ row: Matrix, to target: Matrix) { addBlocks(row, to: target) }

    public func addBlocks(_ rows: Matrix, to target: Matrix) {
        struct Job: ParallelJob {
            let rows, target: Matrix
            let block: Int

            private var rowsPerTask: Int { max(1, 16384 / max(1, target.columns)) }
            var tasks: Int { target.rows.groups(of: rowsPerTask) }

            func run(_ task: Int) {
                for row in target.rows.group(task, of: rowsPerTask) {
                    Vector.add(rows.row(row / block), to: target.row(row), count: target.columns)
                }
            }
        }
        precondition(rows.columns == target.columns && rows.rows > 0 && target.rows % rows.rows == 0)
        pool.run(Job(rows: rows, target: target, block: max(1, target.rows / rows.rows)))
    }

    public func addBlockSums(of matrix: Matrix, to sums: Matrix) {
        struct Job: ParallelJob {
            let matrix, sums: Matrix
            let block: Int

            var tasks: Int { sums.rows }

            func run(_ row: Int) {
                for index in row * block..<(row + 1) * block {
                    Vector.add(matrix.row(index), to: sums.row(row), count: sums.columns)
                }
            }
        }
        precondition(matrix.columns == sums.columns && sums.rows > 0 && matrix.rows % sums.rows == 0)
        pool.run(Job(matrix: matrix, sums: sums, block: matrix.rows / sums.rows))
    }

    public func addSinusoids(to target: Matrix, batch: Int) {
        struct Job: ParallelJob {
            let target: Matrix
            let batch: Int

            var tasks: Int { target.rows / batch }

            func run(_ step: Int) {
                for column in 0..<target.columns {
                    let value = Float(Sinusoid.value(step, column, of: target.columns))
                    for row in step * batch..<(step + 1) * batch { target.row(row)[column] += value }
                }
            }
        }
        precondition(target.rows % batch == 0)
        pool.run(Job(target: target, batch: batch))
    }

    public func broadcast(_ row: Matrix?, to target: Matrix, at rows: Numbers) {
        struct Job: ParallelJob {
            let row: Matrix?
            let target: Matrix
            let rows: Numbers

            var tasks: Int { rows.count.groups(of: 64) }

            func run(_ task: Int) {
                for index in rows.count.group(task, of: 64) where rows[index] >= 0 {
                    let place = target.row(Int(rows[index]))
                    if let row {
                        place.update(from: row.start, count: target.columns)
                    } else {
                        place.update(repeating: 0, count: target.columns)
                    }
                }
            }
        }
        precondition(row.map { $0.columns == target.columns } ?? true)
        pool.run(Job(row: row, target: target, rows: rows))
    }

    public func addColumnSums(of matrix: Matrix, to sums: Matrix) {
        precondition(matrix.columns == sums.columns)
        pool.run(PartialSums(partials: matrix, target: sums.start))
    }

    public func gather(_ rows: Numbers, of table: Matrix, into target: Matrix) {
        precondition(rows.count >= target.rows && table.columns == target.columns)
        for index in 0..<target.rows {
            let row = Int(rows[index])
            if row < 0 {
                target.row(index).update(repeating: 0, count: target.columns)
            } else {
                target.row(index).update(from: table.row(row), count: target.columns)
            }
        }
    }

    public func scatterAdd(_ source: Matrix, to table: Matrix, at rows: Numbers) {
        precondition(rows.count >= source.rows && table.columns == source.columns)
        for index in 0..<source.rows where rows[index] >= 0 {
            Vector.add(source.row(index), to: table.row(Int(rows[index])), count: source.columns)
        }
    }

    public func reverse(_ source: Matrix, batch: Int, lengths: Numbers?, into target: Matrix, adding: Bool) {
        struct Job: ParallelJob {
            let source, target: Matrix
            let batch, steps: Int
            let lengths: Numbers?
            let adding: Bool

            var tasks: Int { steps }

            func run(_ step: Int) {
                for sequence in 0..<batch {
                    let length = lengths.map { Int($0[sequence]) } ?? steps
                    let row = target.row(step * batch + sequence), columns = target.columns
                    if step >= length {
                        if !adding { row.update(repeating: 0, count: columns) }
                        continue
                    }
                    let turned = source.row((length - 1 - step) * batch + sequence)
                    if adding { Vector.add(turned, to: row, count: columns) } else { row.update(from: turned, count: columns) }
                }
            }
        }
        precondition(source.rows == target.rows && source.columns == target.columns && batch > 0 && source.rows % batch == 0)
        pool.run(
            Job(source: source, target: target, batch: batch, steps: source.rows / batch, lengths: lengths, adding: adding))
    }

    public func addRuns(_ rows: Numbers, ends: Numbers, of table: Matrix, times factor: Float, to target: Matrix) {
        precondition(ends.count >= target.rows && table.columns == target.columns)
        var place = 0
        for index in 0..<target.rows {
            while place < Int(ends[index]) {
                Vector.add(table.row(Int(rows[place])), times: factor, to: target.row(index), count: target.columns)
                place += 1
            }
        }
    }

    public func divideByRuns(_ target: Matrix, ends: Numbers) {
        precondition(ends.count >= target.rows)
        var first = 0
        for index in 0..<target.rows {
            let end = Int(ends[index])
            if end - first > 1 { scale(target.rows(index..<index + 1), by: 1 / Float(end - first)) }
            first = end
        }
    }

    public func isFinite(_ matrix: Matrix) -> Bool { matrix.isFinite }

    public func write(_ values: UnsafeBufferPointer<Float>, to target: Matrix) {
        precondition(values.count == target.rows * target.columns)
        guard let start = values.baseAddress else { return }
        for row in 0..<target.rows { target.row(row).update(from: start + row * target.columns, count: target.columns) }
    }

    public func read(_ matrix: Matrix) -> [Float] { matrix.values }

    public func normalize(_ rows: Matrix) { rows.normalize() }

    public func rowProducts(_ one: Matrix, _ other: Matrix) -> [Double] {
        precondition(one.rows == other.rows && one.columns == other.columns)
        return (0..<one.rows).map { Vector.dot(one.row($0), other.row($0), count: one.columns) }
    }

    public func columnSums(of matrix: Matrix) -> [Double] {
        var sums = [Double](repeating: 0, count: matrix.columns)
        for row in 0..<matrix.rows { for column in sums.indices { sums[column] += Double(matrix.row(row)[column]) } }
        return sums
    }

    public func squaredNorm(_ matrix: Matrix) -> Double {
        struct Job: ParallelJob {
            let vector: UnsafeMutablePointer<Float>
            let count: Int
            let partials: UnsafeMutablePointer<Double>

            var tasks: Int { Reduction.blockCount(count) }

            func run(_ block: Int) {
                let range = count.group(block, of: Reduction.blockSize(count)), start = vector + range.lowerBound
                partials[block] = Vector.dot(start, start, count: range.count)
            }
        }
        precondition(matrix.isDense)
        let job = Job(vector: matrix.start, count: matrix.rows * matrix.columns, partials: partials)
        pool.run(job)
        return (0..<job.tasks).reduce(0.0) { $0 + partials[$1] }
    }

    public func moveSum(of sources: [Matrix], to target: Matrix) {
        let count = target.rows * target.columns, block = 1 << 14
        precondition(target.isDense && sources.allSatisfy { $0.isDense && $0.rows * $0.columns == count })
        pool.forEach((count + block - 1) / block) { index in
            let start = index * block, size = min(block, count - start)
            for source in sources {
                Vector.add(source.start + start, to: target.start + start, count: size)
                (source.start + start).update(repeating: 0, count: size)
            }
        }
    }
}

/// Positions of a Transformer (Vaswani et al. 2017, section 3.5).
///
/// ```swift
/// let position = Sinusoid.value(3, 0, of: 512)
/// ```
@_spi(HostMemory) public enum Sinusoid {
    /// Returns the position of step `step` in column `column`: sin(step / 10000^(column / columns)) in even columns, and in odd
    /// ones the cosine of the angle of the column before.
    public static func value(_ step: Int, _ column: Int, of columns: Int) -> Double {
        let angle = Double(step) * exp(-log(10000) * Double(column / 2 * 2) / Double(columns))
        return column % 2 == 0 ? sin(angle) : cos(angle)
    }
}

/// Splitting of long runs of floats among threads: into at most `blocks` pieces that depend only on the length.
enum Reduction {
    static let blocks = 256

    /// Returns the number of elements in a block: at least 8,192, and a multiple of 16.
    static func blockSize(_ count: Int) -> Int { max(8192, ((count + blocks - 1) / blocks + 15) / 16 * 16) }

    static func blockCount(_ count: Int) -> Int { (count + blockSize(count) - 1) / blockSize(count) }
}
