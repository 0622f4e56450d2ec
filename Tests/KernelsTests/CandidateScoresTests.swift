import Glibc
import Kernels
import Testing

/// The scores of one position by their definition, in double precision, for every kind of processor that this one can be.
@Suite struct CandidateScoresTests {
    /// Sizes around the vectors' and the runs' lengths, and scales from none to one that leaves a single candidate.
    @Test(arguments: [1, 2, 7, 33, 1023, 1024, 1025, 10_000], [0, 5, 40] as [Float])
    func agreeWithTheDefinition(count: Int, scale: Float) {
        var random = Random(seed: UInt64(count), stream: "scores")
        let values = (0..<count).map { _ in Float(random.uniform(in: -1..<1)) }
        let prior = (0..<count).map { _ in Float(random.uniform(in: -15..<0)) }
        let scores = zip(values, prior).map { Double(scale) * Double($0) + Double($1) }
        let total = scores.reduce(0) { $0 + exp($1) }
        let weights = scores.map { exp($0) / total }
        let mean = zip(weights, values).reduce(0) { $0 + $1.0 * Double($1.1) }
        let variance = zip(weights, values).reduce(0) { $0 + $1.0 * (Double($1.1) - mean) * (Double($1.1) - mean) }
        for kernels in ProcessorKernels.available {
            for target in [0, count / 2, count - 1] {
                let row = kernels.scores(values, prior: prior, count: count, scale: scale, target: target)
                #expect(row.higherValues == values.count { $0 > values[target] })
                // Scores that single precision cannot tell apart may be counted either way.
                let bounds = [1e-5, -1e-5].map { slack in scores.count { $0 > scores[target] + slack } }
                #expect(row.higherScores >= bounds[0] && row.higherScores <= bounds[1])
                #expect(abs(row.logProbability - (scores[target] - log(total))) < 2e-5, "\(kernels.name)")
                #expect(abs(row.mean - mean) < 1e-5 && abs(row.variance - variance) < 1e-5, "\(kernels.name)")
            }
        }
    }

    /// Candidates with the target's own value are not above it.
    @Test func equalsAreNotHigher() {
        let values = [Float](repeating: 0.3, count: 2500), prior = [Float](repeating: -3, count: 2500)
        for kernels in ProcessorKernels.available {
            for target in [0, 7, 1024, 2499] {
                let row = kernels.scores(values, prior: prior, count: 2500, scale: 7.3, target: target)
                #expect(row.higherValues == 0 && row.higherScores == 0)
                #expect(abs(row.logProbability + log(2500)) < 1e-5)
            }
        }
    }

    /// Runs in rising order of their scores: the sums are made relative to a higher one again and again.
    @Test func everyRunMayHaveTheHighestScore() {
        let values = (0..<5000).map { Float($0) / 25 }, prior = [Float](repeating: 0, count: 5000)
        for kernels in ProcessorKernels.available {
            let row = kernels.scores(values, prior: prior, count: 5000, scale: 1, target: 4999)
            // A geometric series from the highest score down.
            #expect(abs(row.logProbability - log(1 - exp(-1.0 / 25))) < 1e-4)
            #expect(row.higherScores == 0)
        }
    }

    @Test func aTargetThatIsNoNumberIsLast() {
        var values = [Float](repeating: 0.1, count: 40)
        values[5] = .nan
        let prior = [Float](repeating: 0, count: 40)
        for kernels in ProcessorKernels.available {
            let row = kernels.scores(values, prior: prior, count: 40, scale: 1, target: 5)
            #expect(row.higherValues == 40 && row.higherScores == 40)
        }
    }
}
