import Glibc
@_spi(HostMemory) import Kernels
import Layers
import Testing

struct LogUniformSamplerTests {
    private typealias Fixture = LayerFixture<LogUniformSampler>

    private func makeFixture(classes: Int, count: Int) -> Fixture {
        Fixture(rows: 1, training: nil) { LogUniformSampler(classes: classes, count: count, in: &$0) }
    }

    /// Single draws must follow the formula: chi-squared over ranges of classes.
    @Test func oneDrawFollowsTheFormula() {
        let fixture = makeFixture(classes: 1000, count: 1), sampler = fixture.layer, run = fixture.run
        let total = (0..<1000).reduce(0) { $0 + sampler.probability($1) }
        #expect(abs(total - 1) < 1e-12)
        #expect(abs(sampler.probability(2) - log(4.0 / 3) / log(1001)) < 1e-15)
        var random = Random(seed: 3)
        let edges = [0, 1, 2, 3, 5, 8, 16, 32, 64, 128, 256, 512, 1000]
        var counts = [Int](repeating: 0, count: edges.count - 1)
        let draws = 200_000
        for _ in 0..<draws {
            _ = sampler.draw(&random, run)
            let drawn = Int(sampler.drawn(run)[0])
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
        let fixture = makeFixture(classes: 50, count: 20), sampler = fixture.layer, run = fixture.run
        var random = Random(seed: 5)
        var found = [Double](repeating: 0, count: 50), expected = found
        let rounds = 20_000
        for _ in 0..<rounds {
            let tries = sampler.draw(&random, run), drawn = sampler.drawn(run).values
            #expect(Set(drawn).count == 20 && tries >= 20)
            for (place, number) in drawn.enumerated() {
                found[Int(number)] += 1
                #expect(sampler.place(of: Int(number), run) == Int32(place))
            }
            // A class that an earlier draw had is forgotten.
            for number in 0..<50 where !drawn.contains(Int32(number)) { #expect(sampler.place(of: number, run) == nil) }
            for number in 0..<50 { expected[number] += sampler.expectedCount(number, tries: tries) }
        }
        for number in 0..<50 {
            // The number of tries depends on what was drawn, which the formula leaves out of account.
            #expect(abs(found[number] - expected[number]) / Double(rounds) < 0.02)
        }
    }

    @Test func allClassesCanBeDrawn() {
        let fixture = makeFixture(classes: 7, count: 7), sampler = fixture.layer, run = fixture.run
        var random = Random(seed: 1)
        _ = sampler.draw(&random, run)
        #expect(sampler.drawn(run).values.sorted() == [0, 1, 2, 3, 4, 5, 6])
    }

    @Test func sameSeedSameDraw() {
        let first = makeFixture(classes: 1000, count: 100), second = makeFixture(classes: 1000, count: 100)
        var random = Random(seed: 1), other = Random(seed: 1)
        func draw(_ fixture: Fixture, _ random: inout Random) -> (tries: Int, classes: [Int32]) {
            (fixture.layer.draw(&random, fixture.run), fixture.layer.drawn(fixture.run).values)
        }
        let one = draw(first, &random), same = draw(second, &other)
        #expect(one.tries == same.tries && one.classes == same.classes)
        #expect(draw(second, &other).classes != one.classes)
    }
}
