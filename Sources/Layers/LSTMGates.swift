internal import Kernels

/// The arithmetic of an LSTM step between its matrix products, for one sequence: short passes over a row,
/// which stays in the nearest cache meanwhile.
///
/// Rows of gates hold four runs of `size` floats in the order input, forget, candidate, output.
enum LSTMGates {
    /// The gates' pre-activations, but for the bias, become activations, in place, and give
    ///
    ///     c = clip(i * g + f * previous c),  m = o * tanh(c)
    @inline(__always)
    static func forward(
        gates: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>, previous: UnsafeMutablePointer<Float>,
        cell: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>, size: Int, clip: Float
    ) {
        let (i, f, g, o) = (gates, gates + size, gates + 2 * size, gates + 3 * size)
        Vector.add(bias, to: gates, count: 4 * size)
        Vector.sigmoid(i, into: i, count: 2 * size)
        Vector.hyperbolicTangent(g, into: g, count: size)
        Vector.sigmoid(o, into: o, count: size)
        for index in 0..<size {
            let c = i[index] * g[index] + f[index] * previous[index]
            // Written so that NaN stays.
            let bounded = c > clip ? clip : c
            cell[index] = bounded < -clip ? -clip : bounded
        }
        Vector.hyperbolicTangent(cell, into: output, count: size)
        for index in 0..<size { output[index] *= o[index] }
    }

    /// The activations in `gates` become the gradients of the pre-activations, and the cell becomes m, which the
    /// projection's gradient needs; both in place.
    ///
    /// - Parameters:
    ///   - outputGradient: dm
    ///   - cellGradient: comes in as the part of dc that later steps give, goes out as the part for the step before. A
    ///     clipped cell passes nothing on.
    @inline(__always)
    static func backward(
        gates: UnsafeMutablePointer<Float>, previous: UnsafeMutablePointer<Float>, cell: UnsafeMutablePointer<Float>,
        outputGradient: UnsafeMutablePointer<Float>, cellGradient: UnsafeMutablePointer<Float>, size: Int, clip: Float
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: run) { tangents in
            guard let t = tangents.baseAddress else { return }
            for start in stride(from: 0, to: size, by: run) {
                let count = min(run, size - start)
                let (i, f, g, o) = (gates + start, gates + size + start, gates + 2 * size + start, gates + 3 * size + start)
                let (previous, c) = (previous + start, cell + start)
                let (dm, later) = (outputGradient + start, cellGradient + start)
                Vector.hyperbolicTangent(c, into: t, count: count)
                for index in 0..<count {
                    let (ii, ff, gg, oo) = (i[index], f[index], g[index], o[index])
                    let whole = later[index] + dm[index] * oo * (1 - t[index] * t[index])
                    let dc = c[index] >= clip || c[index] <= -clip ? 0 : whole
                    i[index] = dc * gg * ii * (1 - ii)
                    f[index] = dc * previous[index] * ff * (1 - ff)
                    g[index] = dc * ii * (1 - gg * gg)
                    o[index] = dm[index] * t[index] * oo * (1 - oo)
                    later[index] = dc * ff
                    c[index] = oo * t[index]
                }
            }
        }
    }

    /// Cells whose tanh(c) is computed again at a time: 1 KB on the stack.
    private static let run = 256
}
