import Benchmarking
import Testing

@Suite struct SpreadTests {
    @Test(arguments: [
        ([7.0], 7.0, 7.0, 7.0),
        ([3, 1], 2, 1, 3),
        ([5, 1, 3], 3, 1, 5),
        ([4, 1, 3, 100], 3.5, 1, 100),
    ])
    func medianAndRange(_ values: [Double], _ median: Double, _ lowest: Double, _ highest: Double) {
        let spread = Spread(values)
        #expect(spread.median == median)
        #expect(spread.lowest == lowest)
        #expect(spread.highest == highest)
    }
}
