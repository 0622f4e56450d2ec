import Glibc
@_spi(HostMemory) import Kernels
import Parallel
import Training
import Testing

struct RankingTests {
    static let dimension = 7, words = 40

    static func unit(_ seed: Int) -> [Float] {
        let raw = (0..<dimension).map { Float(sin(Double(seed * dimension + $0) * 1.7)) }
        let norm = raw.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return raw.map { $0 / norm }
    }

    static let counts = (0..<UInt64(words)).map { 1000 / ($0 + 1) }

    static func candidates() -> Candidates {
        Candidates(
            rows: (0..<UInt32(words)).map { $0 + 2 }, counts: counts, tableRows: words + 5, dimension: dimension,
            vector: { row, target in
                target.copy(from: unit(Int(row)))
            })
    }

    /// Predictions near their targets, targets of uneven frequency; rows 0, 1 and 43 are no candidates.
    static func sample(_ count: Int) -> (FloatBuffer, [UInt32]) {
        let targets = (0..<count).map { UInt32(($0 * $0 * 7 + $0) % 44) }
        let predictions = FloatBuffer(count: count * dimension)
        for (index, target) in targets.enumerated() {
            let own = unit(Int(target)), other = unit(index + 500)
            let mixed = zip(own, other).map { 0.6 * $0 + 0.8 * $1 }
            let norm = mixed.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for (place, value) in mixed.enumerated() { predictions.start[index * dimension + place] = value / norm }
        }
        return (predictions, targets)
    }

    static func ranking(_ predictions: FloatBuffer, threads: Int = 1) -> Ranking {
        Ranking(
            candidates: candidates(), predictions: Matrix(predictions, rows: predictions.count / dimension, columns: dimension),
            backend: ProcessorBackend(pool: ThreadPool(threads: threads)))
    }

    /// Two candidates above a score of 5.
    static let twoAbove: ScoreSums = {
        let state = FloatBuffer(count: 1), classes = FloatBuffer(count: 3), prior = FloatBuffer(count: 3)
        let compute = ProcessorBackend()
        state.fill(1)
        let matrix = Matrix(classes, rows: 1, columns: 3)
        matrix.copy(from: [6, 4, 7])
        return withExtendedLifetime((state, classes, prior)) {
            compute.scoreSums(
                Matrix(state, rows: 1, columns: 1), compute.packed(matrix), prior: Matrix(prior, rows: 1, columns: 3), scale: 1,
                targets: [ScoreTarget(score: 5)], moments: false)[0]
        }
    }()

    @Test func agreesWithAPlainComputation() throws {
        let (predictions, targets) = Self.sample(600)
        let scores = Self.ranking(predictions).score(targets: targets)
        let known = targets.indices.filter { targets[$0] >= 2 && targets[$0] < 42 }
        #expect(scores.positions == known.count)
        #expect(abs(scores.coverage - Double(known.count) / 600) < 1e-12)
        let total = Self.counts.reduce(0, +)
        let prior = Self.counts.map { log(Double($0) / Double(total)) }
        let vectors = (0..<Self.words).map { Self.unit($0 + 2) }
        let halves = [known.prefix(known.count / 2), known.dropFirst(known.count / 2)]
        let scales = halves.map { Self.bestScale(predictions, targets, $0) }
        #expect(abs(try #require(scores.scale) - (scales[0] + scales[1]) / 2) < 0.01)
        var cosineTop1 = 0, top10 = 0, logLikelihood = 0.0
        for (place, position) in known.enumerated() {
            let scale = scales[place < known.count / 2 ? 1 : 0]
            let cosines = vectors.map { vector in
                (0..<Self.dimension).reduce(0.0) {
                    $0 + Double(vector[$1]) * Double(predictions.start[position * Self.dimension + $1])
                }
            }
            let target = Int(targets[position]) - 2
            cosineTop1 += cosines.contains { $0 > cosines[target] + 1e-7 } ? 0 : 1
            let values = zip(cosines, prior).map { scale * $0 + $1 }
            top10 += values.count { $0 > values[target] + 1e-7 } < 10 ? 1 : 0
            logLikelihood += values[target] - log(values.reduce(0) { $0 + exp($1) })
        }
        let count = Double(known.count)
        #expect(abs(try #require(scores.cosineTop1) - Double(cosineTop1) / count) < 1e-9)
        #expect(abs(scores.top10 - Double(top10) / count) < 2e-3)
        #expect(abs(scores.perplexity / exp(-logLikelihood / count) - 1) < 1e-4)
        #expect(scores.perplexity < scores.unigramPerplexity)
        #expect(scores.unigramTop1 == Double(known.count { targets[$0] == 2 }) / count)
    }

    /// The log-likelihood of positions at a scale.
    static func likelihood(
        _ predictions: FloatBuffer, _ targets: [UInt32], _ positions: ArraySlice<Int>
    ) -> (Double) -> Double {
        let total = counts.reduce(0, +)
        let prior = counts.map { log(Double($0) / Double(total)) }
        let vectors = (0..<words).map { unit($0 + 2) }
        let cosines = positions.map { position in
            vectors.map { vector in
                (0..<dimension).reduce(0.0) { $0 + Double(vector[$1]) * Double(predictions.start[position * dimension + $1]) }
            }
        }
        return { scale in
            zip(positions, cosines).reduce(0.0) { sum, pair in
                let values = zip(pair.1, prior).map { scale * $0 + $1 }
                return sum + values[Int(targets[pair.0]) - 2] - log(values.reduce(0) { $0 + exp($1) })
            }
        }
    }

    /// The scale that makes positions most probable, by trisection.
    static func bestScale(_ predictions: FloatBuffer, _ targets: [UInt32], _ positions: ArraySlice<Int>) -> Double {
        let likelihood = likelihood(predictions, targets, positions)
        var (low, high) = (0.0, 50.0)
        while high - low > 1e-4 {
            let (left, right) = (low + (high - low) / 3, high - (high - low) / 3)
            if likelihood(left) < likelihood(right) { low = left } else { high = right }
        }
        return (low + high) / 2
    }

    /// Scores that are logarithms of probabilities already: no scale, no prior, no cosines.
    @Test func probabilitiesAreRankedAsTheyAre() {
        let targets = (0..<300).map { UInt32(($0 * 7) % 40 + 2) }
        // The target is first, or has two others before it.
        let positions = FloatBuffer(count: 300)
        for position in 0..<300 { positions.start[position] = Float(position) }
        let ranking = Ranking(
            candidates: Self.candidates(), states: Matrix(positions, rows: 300, columns: 1), backend: ProcessorBackend()
        ) { states, places in
            #expect(places == (0..<states.rows).map { Int(targets[Int(states.row($0)[0])]) - 2 })
            return (0..<states.rows).map { row in
                var sums = ScoreSums()
                if Int(states.row(row)[0]) % 2 == 1 { sums = Self.twoAbove }
                return CandidateScores(sums, targetScore: 5, count: Self.words)
            }
        }
        let scores = ranking.score(targets: targets)
        #expect(scores.scale == nil && scores.cosineTop1 == nil)
        #expect(scores.positions == 300 && scores.top1 == 0.5 && scores.top10 == 1)
    }

    /// More positions than a scale is fitted on: those of the sample are spread over all.
    @Test func theScaleOfASampleIsNearlyTheBest() throws {
        let (predictions, targets) = Self.sample(4000)
        let scores = Self.ranking(predictions).score(targets: targets)
        let known = targets.indices.filter { targets[$0] >= 2 && targets[$0] < 42 }
        let likelihood = Self.likelihood(predictions, targets, known[...])
        let best = Self.bestScale(predictions, targets, known[...])
        // About 1 / (2 x 512) is what a sample of 512 costs on average.
        let loss = (likelihood(best) - likelihood(try #require(scores.scale))) / Double(known.count)
        #expect(loss >= 0 && loss < 0.005, "\(loss)")
    }

    /// A difference that few positions do not tell from chance, and many do.
    @Test func scoresBesideTheUnigramModel() {
        var scores = RankingScores()
        (scores.top1, scores.unigramTop1, scores.top10, scores.unigramTop10) = (0.06, 0.05, 0.31, 0.30)
        (scores.candidatePerplexity, scores.unigramPerplexity) = (500, 500)
        #expect(scores.verdict == nil)
        scores.positions = 1000
        #expect(scores.verdict == .within)
        scores.positions = 100_000
        #expect(scores.verdict == .better)
        scores.top1 = 0.04
        #expect(scores.verdict == .worse)
        scores.candidatePerplexity = 300
        #expect(scores.verdict == .better)
    }

    @Test(arguments: [2, 3])
    func theNumberOfThreadsDoesNotShow(threads: Int) {
        let (predictions, targets) = Self.sample(600)
        let one = Self.ranking(predictions), many = Self.ranking(predictions, threads: threads)
        #expect(one.score(targets: targets) == many.score(targets: targets))
    }
}
