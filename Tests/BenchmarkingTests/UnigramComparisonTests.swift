import Benchmarking
import Testing
import Training

/// Whether scores are told from those of the unigram model.
@Suite struct UnigramComparisonTests {
    private func comparison(
        top1: [Double], perplexity: [Double] = [], unigram: Double = 0.05, unigramPerplexity: Double = 500, positions: Int? = 2000
    ) -> UnigramComparison {
        UnigramComparison(
            top1: top1, top10: top1.map { 4 * $0 }, perplexity: perplexity,
            unigram: (unigram, 4 * unigram, unigramPerplexity), positions: positions)
    }

    @Test func noiseOfTwoShares() {
        // 1.96 x sqrt((0.08 + 0.05 - 0.03²) / 2000)
        #expect(abs(UnigramComparison.noise(0.08, 0.05, positions: 2000) - 0.0157472) < 1e-6)
        // Of shares that are none there is none, and four times the positions halve it.
        #expect(UnigramComparison.noise(0, 0, positions: 10) == 0)
        #expect(UnigramComparison.noise(0.3, 0.1, positions: 400) == 2 * UnigramComparison.noise(0.3, 0.1, positions: 1600))
    }

    /// At 2,000 positions and 5% the bound is near 1.5 points.
    @Test(arguments: [
        (0.05, UnigramComparison.Verdict.within), (0.064, .within), (0.068, .better), (0.04, .within), (0.034, .worse), (0.4, .better),
    ])
    func sharesBesideTheUnigramModels(top1: Double, verdict: UnigramComparison.Verdict) {
        #expect(comparison(top1: [top1]).top1 == verdict)
    }

    @Test func morePositionsTellSmallerDifferences() {
        #expect(comparison(top1: [0.06], positions: 2000).top1 == .within)
        #expect(comparison(top1: [0.06], positions: 20000).top1 == .better)
    }

    /// The range of the seeds counts: the same median may be better, or not.
    @Test func seedsThatDifferAreNoise() {
        #expect(comparison(top1: [0.069, 0.07, 0.071]).top1 == .better)
        #expect(comparison(top1: [0.03, 0.07, 0.11]).top1 == .within)
    }

    @Test func perplexities() {
        // exp(1.96 x 2 / sqrt(2000)) is 1.0916.
        #expect(comparison(top1: [0.05], perplexity: [460]).perplexity == .within)
        #expect(comparison(top1: [0.05], perplexity: [455]).perplexity == .better)
        #expect(comparison(top1: [0.05], perplexity: [540]).perplexity == .within)
        #expect(comparison(top1: [0.05], perplexity: [550]).perplexity == .worse)
        #expect(comparison(top1: [0.05], perplexity: [.infinity]).perplexity == nil)
    }

    /// A system has learned something if either its top-1 or its perplexity says so.
    @Test func theSystemAsAWhole() {
        #expect(comparison(top1: [0.051], perplexity: [490]).verdict == .within)
        #expect(comparison(top1: [0.051]).verdict == .within)
        #expect(comparison(top1: [0.051], perplexity: [900]).verdict == .within)
        #expect(comparison(top1: [0.051], perplexity: [200]).verdict == .better)
        #expect(comparison(top1: [0.2], perplexity: [900]).verdict == .better)
        #expect(comparison(top1: [0.001], perplexity: [900]).verdict == .worse)
    }

    @Test func whatIsNotRecordedIsNotJudged() {
        #expect(comparison(top1: [0.05], positions: nil).verdict == nil)
        #expect(comparison(top1: [0.05], positions: 0).top1 == nil)
        #expect(comparison(top1: []).verdict == nil)
        let without = UnigramComparison(top1: [0.05], top10: [], perplexity: [5], unigram: (nil, nil, nil), positions: 2000)
        #expect(without.top1 == nil && without.perplexity == nil && without.verdict == nil)
    }

    @Test(arguments: [
        (1_200, 1, "small: 1,200 positions, one seed"), (30_000, 2, "30,000 positions, 2 seeds (small)"),
        (9_999, 3, "9,999 positions (small), 3 seeds"), (10_000, 3, "10,000 positions, 3 seeds"),
    ])
    func fewIsCalledSmall(positions: Int, seeds: Int, text: String) {
        #expect(SampleSize(positions: positions, seeds: seeds).text == text)
    }

    @Test func sizesThatAreNotRecorded() {
        #expect(SampleSize(positions: nil, seeds: 3).text == "positions not recorded, 3 seeds")
        #expect(SampleSize(positions: 1, seeds: 4, unit: "test tokens").text == "1 test token (small), 4 seeds")
    }
}
