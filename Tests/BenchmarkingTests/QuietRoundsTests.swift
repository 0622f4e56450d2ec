import Benchmarking
import Testing

@Suite struct QuietRoundsTests {
    @Test func theFasterHalf() {
        #expect(QuietRounds.choose([[1, 5, 1, 1.1, 9, 1.2, 7]]) == [0, 2, 3])
        // Each in multiples of its own median: the second system's round 0 outweighs the first's gain.
        #expect(QuietRounds.choose([[0.9, 1, 1, 1, 1, 1], [3, 2, 2, 2, 2, 2]]) == [1, 2, 3])
        // Few are not halved.
        #expect(QuietRounds.choose([[3, 1, 2]]) == [0, 1, 2] && QuietRounds.choose([[3, 1, 2, 4]]) == [0, 1, 2])
        #expect(QuietRounds.choose([]).isEmpty && QuietRounds.choose([[]]).isEmpty)
    }

    /// A neighbour for most of the time, who slows one system by a tenth and the other by a twentieth.
    @Test func disturbanceThatLeansToOneSide() {
        let disturbed = (0..<20).map { $0 % 5 < 3 }
        let first = disturbed.enumerated().map { ($1 ? 1.05 : 1) * (1 + 0.001 * Double($0 % 3)) }
        let second = disturbed.enumerated().map { ($1 ? 1.1 : 1) * 1.6 * (1 + 0.001 * Double($0 % 2)) }
        let quiet = QuietRounds.choose([first, second])
        #expect(quiet.count == 10 && quiet.count { !disturbed[$0] } == 8)
        let all = PairedRatio(zip(second, first).map { $0 / $1 }), half = PairedRatio(quiet.map { second[$0] / first[$0] })
        #expect(abs(all.ratio.median / 1.6 - 1) > 0.04 && abs(half.ratio.median / 1.6 - 1) < 0.005)
    }
}
