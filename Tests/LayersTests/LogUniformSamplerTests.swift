import Glibc
import Kernels
import Layers
import Testing

struct LogUniformSamplerTests {
    /// Single draws must follow the formula: chi-squared over ranges of classes.
    @Test func oneDrawFollowsTheFormula() {
        let sampler = LogUniformSampler(classes: 1000, count: 1)
        let total = (0..<1000).reduce(0) { $0 + sampler.probability($1) }
        #expect(abs(total - 1) < 1e-12)
        #expect(abs(sampler.probability(2) - log(4.0 / 3) / log(1001)) < 1e-15)
        var random = Random(seed: 3)
        let edges = [0, 1, 2, 3, 5, 8, 16, 32, 64, 128, 256, 512, 1000]
        var counts = [Int](repeating: 0, count: edges.count - 1)
        let draws = 200_000
        for _ in 0..<draws {
            sampler.draw(&random)
            let drawn = Int(sampler.drawn[0])
            #expect(drawn >= 0 && drawn < 1000)
            counts[edges.lastIndex { $0 <= drawn }!] += 1
        }
        var square = 0.0
        for (index, count) in counts.enumerated() {
            let expected = Double(draws) * (edges[index]..<edges[index + 1]).reduce(0) { $0 + sampler.probability($1) }
            square += (Double(count) - expected) * (Double(count) - expected) / expected
        }
        // 11 degrees of freedom: above 31.3 once in a thousand times.
        #expect(square < 31.3)
    }

    /// A set of distinct classes holds each of them about as often as its expected count says.
    @Test func distinctDrawsFollowTheirExpectedCounts() {
        let sampler = LogUniformSampler(classes: 50, count: 20)
        var random = Random(seed: 5)
        var found = [Double](repeating: 0, count: 50), expected = found
        let rounds = 20_000
        for _ in 0..<rounds {
            sampler.draw(&random)
            #expect(Set(sampler.drawn).count == 20 && sampler.tries >= 20)
            for (place, number) in sampler.drawn.enumerated() {
                found[Int(number)] += 1
                #expect(sampler.place(of: Int(number)) == place)
            }
            for number in 0..<50 { expected[number] += sampler.expectedCount(number) }
        }
        for number in 0..<50 {
            // The number of tries depends on what was drawn, which the formula leaves out of account.
            #expect(abs(found[number] - expected[number]) / Double(rounds) < 0.02)
        }
    }

    @Test func allClassesCanBeDrawn() {
        let sampler = LogUniformSampler(classes: 7, count: 7)
        var random = Random(seed: 1)
        sampler.draw(&random)
        #expect(sampler.drawn.sorted() == [0, 1, 2, 3, 4, 5, 6])
        #expect(LogUniformSampler(classes: 3, count: 1).place(of: 2) == nil)
    }

    @Test func sameSeedSameDraw() {
        let first = LogUniformSampler(classes: 1000, count: 100), second = LogUniformSampler(classes: 1000, count: 100)
        var random = Random(seed: 1), other = Random(seed: 1)
        first.draw(&random)
        second.draw(&other)
        #expect(first.drawn == second.drawn && first.tries == second.tries)
        second.draw(&other)
        #expect(first.drawn != second.drawn)
    }
}
