import Glibc
import Parallel
import Testing

import Kernels

@Suite struct AdamTests {
    /// Three updates of three weights against `torch.optim.Adam(lr=0.01, betas=(0.9, 0.999), eps=1e-6)`, the gradient
    /// of weight i at step s being sin(i + 2 s).
    @Test func agreesWithPyTorch() {
        let weights: [Float] = [0, 0.7, 1.4]
        let final = Self.run(weights: weights, steps: 3, threads: 1)
        for (computed, expected) in zip(final, Self.expected) {
            #expect(abs(computed - expected) < 2e-7)
        }
    }

    @Test func clearsTheGradientAndScalesIt() {
        let (w, g, m, v) = (FloatBuffer(count: 1), FloatBuffer(count: 1), FloatBuffer(count: 1), FloatBuffer(count: 1))
        g.start[0] = 4
        Adam().update(
            weights: w.start, gradients: g.start, firstMoments: m.start, secondMoments: v.start, count: 1, step: 1,
            rate: 0.5, scale: 0.25, compute: Compute())
        #expect(g.start[0] == 0)
        #expect(abs(m.start[0] - 0.1) < 1e-7)
        #expect(abs(v.start[0] - 0.001) < 1e-8)
        #expect(abs(w.start[0] + 0.5) < 1e-5)
    }

    @Test func bitsDoNotDependOnThreads() {
        let weights: [Float] = (0..<20_001).map { Float($0 % 89) / 89 }
        #expect(Self.run(weights: weights, steps: 2, threads: 1) == Self.run(weights: weights, steps: 2, threads: 2))
    }

    private static func run(weights: [Float], steps: Int, threads: Int) -> [Float] {
        let count = weights.count
        let (w, g) = (FloatBuffer(count: count), FloatBuffer(count: count))
        let (m, v) = (FloatBuffer(count: count), FloatBuffer(count: count))
        let compute = Compute(pool: ThreadPool(threads: threads))
        for index in 0..<count { w.start[index] = weights[index] }
        for step in 1...steps {
            for index in 0..<count { g.start[index] = Float(sin(Double(index) + 2 * Double(step))) }
            Adam().update(
                weights: w.start, gradients: g.start, firstMoments: m.start, secondMoments: v.start, count: count,
                step: step, rate: 0.01, compute: compute)
        }
        return Array(w.elements)
    }

    private static let expected: [Float] = [-0.009209266, 0.696887768, 1.418238796]
}
