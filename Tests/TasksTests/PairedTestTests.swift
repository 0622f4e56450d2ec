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
        var next = Congruential(77), differ = 0
        for seed in 0..<200 {
            let first = results(&next, percent: 70, seeds: 3, sentences: 100), second = results(&next, percent: 70, seeds: 3, sentences: 100)
            if PairedTest(trials: 200, seed: UInt64(seed)).compare(first, second, by: .accuracy).p <= 0.05 { differ += 1 }
        }
        // One in twenty by chance: 10 of 200, with a standard deviation of 3.
        #expect((1...20).contains(differ), "\(differ)")
    }

    @Test(arguments: [PairedTest.Swaps.sentences, .sentencesWithinSeeds]) func systemsThatDifferDo(_ swaps: PairedTest.Swaps) {
        var next = Congruential(78)
        let first = results(&next, percent: 80, seeds: 3, sentences: 300), second = results(&next, percent: 65, seeds: 3, sentences: 300)
        let test = PairedTest(trials: 1000, seed: 4)
        let outcome = test.compare(first, second, by: .accuracy, swapping: swaps)
        #expect(outcome.p < 0.01 && abs(outcome.difference - 0.15) < 0.05)
        #expect(test.compare(first, second, by: .accuracy, swapping: swaps) == outcome)
        let reverse = test.compare(second, first, by: .accuracy, swapping: swaps)
        #expect(abs(reverse.difference + outcome.difference) < 1e-12 && reverse.p == outcome.p)
        #expect(test.compare(first, first, by: .accuracy, swapping: swaps).p == 1)
    }

    /// Systems that are equally good, on other sentences, and alike with every seed: seeds are no further sentences.
    @Test func seedsAreNoSentences() {
        var next = Congruential(79), differ = (together: 0, apart: 0)
        let test = PairedTest(trials: 200)
        for _ in 0..<100 {
            let first = results(&next, percent: 50, seeds: 1, sentences: 60), second = results(&next, percent: 50, seeds: 1, sentences: 60)
            let repeated = { (results: [[[Double]]]) in (0..<6).map { _ in results[0] } }
            if test.compare(repeated(first), repeated(second), by: .accuracy).p <= 0.05 { differ.together += 1 }
            if test.compare(repeated(first), repeated(second), by: .accuracy, swapping: .sentencesWithinSeeds).p <= 0.05 { differ.apart += 1 }
        }
        #expect(differ.together <= 12 && differ.apart > 25, "\(differ)")
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
