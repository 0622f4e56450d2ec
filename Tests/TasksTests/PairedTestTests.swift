import Probing
import Tasks
import Testing

struct PairedTestTests {
    /// Whether sentences were right, by seed, of a system that is right so many times in a hundred.
    private func results(_ next: inout Congruential, percent: Int, seeds: Int, sentences: Int) -> [[[Double]]] {
        (0..<seeds).map { _ in (0..<sentences).map { _ in [next(100) < percent ? 1 : 0, 1] } }
    }

    /// All 2⁸ ways to swap, counted.
    private func exactP(_ first: [Double], _ second: [Double]) -> Double {
        let observed = abs(zip(first, second).reduce(0) { $0 + $1.0 - $1.1 })
        let asLarge = (0..<256).count { bits in
            let difference = zip(first, second).enumerated().reduce(0.0) { sum, pair in
                sum + (pair.element.0 - pair.element.1) * (bits >> pair.offset & 1 == 1 ? -1 : 1)
            }
            return abs(difference) >= observed
        }
        return Double(asLarge) / 256
    }

    @Test(arguments: [1, 2, 3, 4, 5]) func approximatesTheExactTest(seed: UInt64) {
        var next = Congruential(seed)
        let first = (0..<8).map { _ in Double(next(10)) }, second = (0..<8).map { _ in Double(next(8)) }
        let outcome = PairedTest(trials: 20_000).compare([first.map { [$0, 10] }], [second.map { [$0, 10] }], by: .accuracy)
        #expect(abs(outcome.difference - (first.reduce(0, +) - second.reduce(0, +)) / 80) < 1e-12)
        #expect(abs(outcome.p - exactP(first, second)) < 0.015)
    }

    @Test func systemsThatAreAlikeSeldomDiffer() {
        var next = Congruential(77), differ = (all: 0, sentences: 0)
        for seed in 0..<200 {
            let first = results(&next, percent: 70, seeds: 3, sentences: 100), second = results(&next, percent: 70, seeds: 3, sentences: 100)
            let outcome = PairedTest(trials: 200, seed: UInt64(seed)).compare(first, second, by: .accuracy)
            if outcome.p <= 0.05 { differ.all += 1 }
            if outcome.pOfSentences <= 0.05 { differ.sentences += 1 }
        }
        // One in twenty by chance: 10 of 200, with a standard deviation of 3.
        #expect((1...20).contains(differ.sentences) && differ.all <= 20, "\(differ)")
    }

    @Test func systemsThatDifferDo() {
        var next = Congruential(78)
        let first = results(&next, percent: 80, seeds: 3, sentences: 300), second = results(&next, percent: 65, seeds: 3, sentences: 300)
        let test = PairedTest(trials: 1000, seed: 4)
        let outcome = test.compare(first, second, by: .accuracy)
        #expect(outcome.p < 0.01 && abs(outcome.difference - 0.15) < 0.05)
        #expect(test.compare(first, second, by: .accuracy) == outcome)
        let reverse = test.compare(second, first, by: .accuracy)
        #expect(abs(reverse.difference + outcome.difference) < 1e-12 && abs(reverse.p - outcome.p) < 1e-9)
        #expect(test.compare(first, first, by: .accuracy).p == 1)
    }

    /// Systems that are equally good, on other sentences, and alike with every seed: seeds are no further sentences.
    @Test func seedsAreNoSentences() {
        var next = Congruential(79), differ = 0
        let test = PairedTest(trials: 200)
        for _ in 0..<100 {
            let first = results(&next, percent: 50, seeds: 1, sentences: 60), second = results(&next, percent: 50, seeds: 1, sentences: 60)
            let repeated = { (results: [[[Double]]]) in (0..<6).map { _ in results[0] } }
            if test.compare(repeated(first), repeated(second), by: .accuracy).p <= 0.05 { differ += 1 }
        }
        #expect((1...12).contains(differ), "\(differ)")
    }

    /// Systems that are equally good in the mean over seeds, of which a good one and two bad ones are drawn now and then.
    @Test func chanceInTheSeedsIsNoDifference() {
        var next = Congruential(80), differ = (all: 0, sentences: 0)
        for trial in 0..<200 {
            func system() -> [[[Double]]] { (0..<3).flatMap { _ in results(&next, percent: 50 + next(30), seeds: 1, sentences: 200) } }
            let outcome = PairedTest(trials: 200, seed: UInt64(trial)).compare(system(), system(), by: .accuracy)
            if outcome.p <= 0.05 { differ.all += 1 }
            if outcome.pOfSentences <= 0.05 { differ.sentences += 1 }
        }
        // 10 of 200 are expected; the sentences alone find far more.
        #expect((2...20).contains(differ.all) && differ.sentences > 60, "\(differ)")
    }

    /// t, degrees of freedom, and twice what scipy.stats.t.sf says (SciPy 1.17).
    private static let studentsValues: [[Double]] = [
        [0, 3, 1], [2, 1, 0.2951672353008665], [2.776445105, 4, 0.05000000001011946], [-1.5, 2.5, 0.24783645308629618],
        [5, 7.3, 0.0013827743793134609], [1.96, 1000, 0.050273184955748736], [40, 3, 3.4380680789158506e-05], [0.01, 250, 0.9920292626054438],
    ]

    @Test(arguments: studentsValues) func studentsDistribution(_ values: [Double]) {
        let p = StudentDistribution.twoSidedP(values[0], degreesOfFreedom: values[1])
        #expect(abs(p - values[2]) < 1e-9 * values[2], "\(p)")
    }

    @Test func statistics() {
        #expect(PairedTest.Statistic.accuracy.value(of: [3, 4]) == 0.75 && PairedTest.Statistic.f1.value(of: [2, 3, 5]) == 0.5)
        #expect(PairedTest.Statistic.accuracy.value(of: [0, 0]) == 0 && PairedTest.Statistic.f1.value(of: [0, 0, 0]) == 0)
        var score = CoreferenceScore()
        score.add(predicted: [[0..<1, 1..<2], [3..<4, 5..<6]], expected: [[0..<1, 1..<2, 3..<4], [7..<8, 5..<6]])
        #expect(abs(PairedTest.Statistic.meanF1.value(of: score.counts) - score.mean) < 1e-15 && score.counts.count == 12)
        var counts = SpanCounts()
        counts.add(found: [.init("A", 0..<1)], expected: [.init("A", 0..<1), .init("B", 2..<3)])
        #expect(counts.counts == [1, 1, 2] && abs(PairedTest.Statistic.f1.value(of: counts.counts) - counts.f1) < 1e-15)
    }
}
