import Parallel
import Testing

@_spi(HostMemory) import Kernels

@Suite struct RandomTests {
    /// The first output of the author's splitmix64.c for the seed 0, and the third for 1234567.
    @Test func splitMixIsTheReference() {
        #expect(SplitMix64.mix(0) == 0xE220_A839_7B1D_CDAF)
        #expect(SplitMix64.mix(1_234_567 &+ 2 &* 0x9E37_79B9_7F4A_7C15) == 9_817_491_932_198_370_423)
    }

    @Test func streamsAreReproducibleAndDiffer() {
        func first(_ random: Random) -> [UInt64] {
            var random = random
            return (0..<4).map { _ in random.next() }
        }
        #expect(first(Random(seed: 1, stream: "a")) == first(Random(seed: 1, stream: "a")))
        let streams = [
            first(Random(seed: 1, stream: "a")), first(Random(seed: 1, stream: "b")),
            first(Random(seed: 2, stream: "a")),
            first(Random(seed: 1, stream: "a", number: 0)), first(Random(seed: 1, stream: "a", number: 1)),
        ]
        #expect(Set(streams.map { $0[0] }).count == streams.count)
    }

    @Test func momentsOfTheDistributions() {
        var random = Random(seed: 5)
        let count = 200_000
        let uniform = (0..<count).map { _ in random.uniform() }
        #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect(abs(uniform.reduce(0, +) / Double(count) - 0.5) < 0.004)
        let normal = (0..<count).map { _ in random.normal() }
        #expect(abs(normal.reduce(0, +) / Double(count)) < 0.015)
        #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / Double(count) - 1) < 0.02)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[random.below(7)] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
    }

    @Test func shuffleKeepsTheElements() {
        var random = Random(seed: 6)
        var elements = Array(0..<33)
        random.shuffle(&elements)
        #expect(elements != Array(0..<33))
        #expect(elements.sorted() == Array(0..<33))
    }

    @Test(arguments: [Float(0), 0.1, 0.5]) func dropoutKeepsTheMean(rate: Float) {
        let factors = FloatBuffer(count: 100_001)
        ProcessorBackend().fill(
            Matrix(factors, rows: 1, columns: factors.count), with: DropoutDraw(rate: rate, seed: 1, site: 2, step: 3))
        let zeros = factors.elements.filter { $0 == 0 }.count
        #expect(abs(Double(zeros) / 100_001 - Double(rate)) < 0.006)
        #expect(factors.elements.allSatisfy { $0 == 0 || $0 == 1 / (1 - rate) })
    }

    @Test func dropoutDependsOnSeedSiteStepAndPositionOnly() {
        func factors(seed: UInt64 = 1, site: Int = 2, step: Int = 3) -> [Float] {
            let factors = FloatBuffer(count: 333), draw = DropoutDraw(rate: 0.5, seed: seed, site: site, step: step)
            ProcessorBackend().fill(Matrix(factors, rows: 9, columns: 37), with: draw)
            #expect(factors.elements.indices.allSatisfy { factors.elements[$0] == draw.factor(at: $0) })
            return Array(factors.elements)
        }
        #expect(factors() == factors())
        #expect(factors() != factors(seed: 2))
        #expect(factors() != factors(site: 3))
        #expect(factors() != factors(step: 4))
    }

    /// The kernels draw what the definition says, from even and odd positions on, and for more numbers than they draw at a time.
    @Test func kernelsDrawTheSameDropout() {
        let draw = DropoutDraw(rate: 0.3, seed: 4, site: 1, step: 7)
        for kernels in ProcessorKernels.available {
            for (columns, rows) in [(1, 3), (7, 5), (64, 2), (65, 3), (512, 2), (513, 3), (1500, 2)] {
                let factors = FloatBuffer(count: rows * columns), compute = ProcessorBackend(pool: ThreadPool(threads: 2), kernels: kernels)
                compute.fill(Matrix(factors, rows: rows, columns: columns), with: draw)
                #expect(
                    factors.elements.indices.allSatisfy { factors.elements[$0] == draw.factor(at: $0) },
                    "\(kernels.name), \(rows) x \(columns)")
            }
        }
    }
}
