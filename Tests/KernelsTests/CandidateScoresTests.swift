import Glibc
@_spi(HostMemory) import Kernels
import Parallel
import Testing

/// Scores of rows among the columns of a packed factor, for every kind of processor that this one can be.
@Suite struct CandidateScoresTests {
    /// The factors of a product, with a prior for each column.
    struct Sample {
        let rows: Int, depth: Int, count: Int
        let left: FloatBuffer, right: FloatBuffer
        let priors: FloatBuffer

        init(rows: Int, depth: Int, count: Int, values: Range<Double> = -1..<1) {
            (self.rows, self.depth, self.count) = (rows, depth, count)
            var random = Random(seed: UInt64(count), stream: "scores")
            left = FloatBuffer(count: rows * depth)
            right = FloatBuffer(count: depth * count)
            for buffer in [left, right] { for index in 0..<buffer.count { buffer.start[index] = Float(random.uniform(in: values)) } }
            priors = FloatBuffer(count: count)
            prior.copy(from: (0..<count).map { _ in Float(random.uniform(in: -15..<0)) })
        }

        var prior: Matrix { Matrix(priors, rows: 1, columns: count) }

        var matrix: Matrix { Matrix(left, rows: rows, columns: depth) }

        func packed(_ compute: ProcessorBackend) -> PackedFactor { compute.packed(Matrix(right, rows: depth, columns: count)) }

        func scores(_ compute: ProcessorBackend, scale: Float, targets: [Int]) -> [CandidateScores] {
            compute.candidateScores(matrix, packed(compute), prior: prior, scale: scale, targets: targets)
        }
    }

    /// By their definition, in double precision. Sizes around the vectors' and the strips' lengths and beyond a block of the
    /// depth, and scales from none to one that leaves a single candidate.
    @Test(arguments: [(1, 3), (2, 40), (7, 600), (33, 17), (1023, 16), (1024, 5), (1025, 33), (10_000, 4)], [0, 5, 40] as [Float])
    func agreeWithTheDefinition(size: (count: Int, depth: Int), scale: Float) {
        let (count, depth) = size
        let sample = Sample(rows: 67, depth: depth, count: count, values: -1 / Double(depth).squareRoot()..<1 / Double(depth).squareRoot())
        for kernels in ProcessorKernels.available {
            let compute = ProcessorBackend(pool: ThreadPool(threads: 2), kernels: kernels)
            let product = FloatBuffer(count: sample.rows * count)
            compute.multiply(sample.matrix, sample.packed(compute), into: Matrix(product, rows: sample.rows, columns: count))
            let targets = (0..<sample.rows).map { $0 * 31 % count }
            let own = compute.values(sample.matrix, sample.packed(compute), at: targets)
            let moments = compute.valueMoments(sample.matrix, sample.packed(compute), prior: sample.prior, scale: scale)
            for (row, found) in sample.scores(compute, scale: scale, targets: targets).enumerated() {
                let values = Array(product.elements[row * count..<(row + 1) * count]), target = targets[row]
                let scores = zip(values, sample.prior.floats).map { Double(scale) * Double($0) + Double($1) }
                let total = scores.reduce(0) { $0 + exp($1) }
                let weights = scores.map { exp($0) / total }
                let mean = zip(weights, values).reduce(0) { $0 + $1.0 * Double($1.1) }
                let variance = zip(weights, values).reduce(0) { $0 + $1.0 * (Double($1.1) - mean) * (Double($1.1) - mean) }
                #expect(own[row] == values[target], "\(kernels.name)")
                #expect(found.higherValues == values.count { $0 > values[target] })
                // Scores that single precision cannot tell apart may be counted either way.
                let bounds = [1e-5, -1e-5].map { slack in scores.count { $0 > scores[target] + slack } }
                #expect(found.higherScores >= bounds[0] && found.higherScores <= bounds[1])
                #expect(abs(found.logProbability - (scores[target] - log(total))) < 2e-5, "\(kernels.name)")
                #expect(abs(moments[row].mean - mean) < 1e-5 && abs(moments[row].variance - variance) < 1e-5, "\(kernels.name)")
            }
            withExtendedLifetime(product) {}
        }
    }

    /// Candidates with the target's own value are not above it.
    @Test func equalsAreNotHigher() {
        let sample = Sample(rows: 4, depth: 9, count: 2500)
        for row in 0..<9 { for column in 0..<2500 { sample.right.start[row * 2500 + column] = sample.right.start[row * 2500] } }
        sample.prior.fill(-3)
        for kernels in ProcessorKernels.available {
            let compute = ProcessorBackend(pool: ThreadPool(threads: 1), kernels: kernels)
            for found in compute.candidateScores(
                sample.matrix, sample.packed(compute), prior: sample.prior, scale: 7.3, targets: [0, 7, 1024, 2499])
            {
                #expect(found.higherValues == 0 && found.higherScores == 0)
                #expect(abs(found.logProbability + log(2500)) < 1e-5)
            }
        }
    }

    /// Scores in rising order: the sums are made relative to a higher one again and again.
    @Test func everyRunMayHaveTheHighestScore() {
        let sample = Sample(rows: 1, depth: 1, count: 5000)
        sample.left.start[0] = 1
        for column in 0..<5000 { sample.right.start[column] = Float(column) / 25 }
        sample.prior.fill(0)
        for kernels in ProcessorKernels.available {
            let compute = ProcessorBackend(pool: ThreadPool(threads: 1), kernels: kernels)
            let found = compute.candidateScores(sample.matrix, sample.packed(compute), prior: sample.prior, targets: [4999])[0]
            // A geometric series from the highest score down.
            #expect(abs(found.logProbability - log(1 - exp(-1.0 / 25))) < 1e-4)
            #expect(found.higherScores == 0)
        }
    }

    @Test func aTargetThatIsNoNumberIsLast() {
        let sample = Sample(rows: 1, depth: 3, count: 40)
        sample.right.start[5] = .nan
        for kernels in ProcessorKernels.available {
            let found = sample.scores(ProcessorBackend(pool: ThreadPool(threads: 1), kernels: kernels), scale: 1, targets: [5])[0]
            #expect(found.higherValues == 40 && found.higherScores == 40)
        }
    }

    /// Sums of two parts, whose scores are told with different offsets, are those of the whole.
    @Test func partsAddUp() {
        let sample = Sample(rows: 5, depth: 8, count: 1500), compute = ProcessorBackend()
        let targets = [ScoreTarget](repeating: ScoreTarget(score: -2), count: 5)
        let whole = compute.scoreSums(sample.matrix, sample.packed(compute), prior: sample.prior, scale: 1, targets: targets, moments: true)
        var sums = [ScoreSums](repeating: ScoreSums(), count: 5)
        for part in [0..<700, 700..<1500] {
            let packed = compute.packed(Matrix(sample.right, rows: 8, columns: 1500).columns(part))
            let buffer = FloatBuffer(count: part.count), lower = Matrix(buffer, rows: 1, columns: part.count)
            lower.copy(from: sample.prior.floats[part].map { $0 - 100 })
            let compared = [ScoreTarget](repeating: ScoreTarget(score: -102), count: 5)
            for (row, found) in compute.scoreSums(sample.matrix, packed, prior: lower, scale: 1, targets: compared, moments: true).enumerated() {
                sums[row].add(found, offset: 100)
            }
            withExtendedLifetime(buffer) {}
        }
        for (sum, expected) in zip(sums, whole) {
            #expect(abs(sum.logTotal - expected.logTotal) < 1e-5)
            #expect(abs(sum.mean - expected.mean) < 1e-5 && abs(sum.variance - expected.variance) < 1e-5)
            #expect(abs(sum.higherScores - expected.higherScores) <= 1 && expected.higherScores > 0)
        }
        #expect(ScoreSums().logTotal == -.infinity)
    }

    /// In bits: whatever rows and threads there are.
    @Test func nothingElseShows() {
        let sample = Sample(rows: 300, depth: 20, count: 3000)
        let targets = (0..<300).map { $0 * 7 }
        for kernels in ProcessorKernels.available {
            let one = ProcessorBackend(pool: ThreadPool(threads: 1), kernels: kernels)
            let all = sample.scores(one, scale: 3, targets: targets)
            #expect(all == sample.scores(ProcessorBackend(pool: ThreadPool(threads: 3), kernels: kernels), scale: 3, targets: targets))
            let alone = one.candidateScores(
                sample.matrix.rows(131..<132), sample.packed(one), prior: sample.prior, scale: 3, targets: [targets[131]])
            #expect(alone == [all[131]])
        }
    }
}
