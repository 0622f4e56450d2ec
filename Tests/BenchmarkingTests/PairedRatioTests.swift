import Benchmarking
import Testing

@Suite struct PairedRatioTests {
    @Test func medianAndRange() {
        let ratio = PairedRatio([3, 1, 2])
        #expect(ratio.ratio == Spread([1, 2, 3]) && ratio.ratio.median == 2 && ratio.rounds == 3)
        // Three values cannot hold the median with 95%: it lies outside of all with probability 2/8.
        #expect(ratio.low == nil && ratio.high == nil && ratio.uncertainty == .infinity)
    }

    /// The first value's place inside the interval, from tables of the sign test (scipy.stats.binom.ppf(0.025, n, 0.5) gives the
    /// same, from 1).
    @Test(arguments: [
        (5, nil), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (15, 4), (20, 6), (25, 8), (30, 10), (50, 18), (100, 40), (1000, 469),
    ] as [(Int, Int?)])
    func intervalIsThatOfTheSignTest(rounds: Int, place: Int?) {
        // In no order.
        let values = (0..<rounds).map { Double(($0 * 7919) % rounds + 1) }
        let ratio = PairedRatio(values.count == Set(values).count ? values : (1...rounds).map(Double.init))
        #expect(ratio.low == place.map(Double.init))
        #expect(ratio.high == place.map { Double(rounds + 1 - $0) })
    }

    @Test func uncertaintyIsTheWiderSide() {
        let ratio = PairedRatio([2, 2, 2, 2, 2, 2.5, 2, 2, 2, 1.9])
        #expect(ratio.low == 2 && ratio.high == 2 && ratio.uncertainty == 0)
        // Six values: from the lowest to the highest.
        #expect(abs(PairedRatio([1, 1.9, 2, 2, 2.1, 2.2]).uncertainty - 0.5) < 1e-12)
    }
}
