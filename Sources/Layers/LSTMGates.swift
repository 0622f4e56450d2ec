internal import Kernels

/// The arithmetic of an LSTM step between its matrix products, for one sequence: short passes over a row,
/// which stays in the nearest cache meanwhile.
///
/// Rows of gates hold four runs of `size` floats in the order input, forget, candidate, output.
enum LSTMGates {
    /// The gates' pre-activations become activations, in place, and give
    ///
    ///     c = clip(i * g + f * previous c),  tangent = tanh(c),  m = o * tangent
    @inline(__always)
    static func forward(
        gates: UnsafeMutablePointer<Float>, previous: UnsafeMutablePointer<Float>, cell: UnsafeMutablePointer<Float>,
        tangent: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>, size: Int, clip: Float
    ) {
        let (i, f, g, o) = (gates, gates + size, gates + 2 * size, gates + 3 * size)
        Vector.sigmoid(i, into: i, count: 2 * size)
        Vector.hyperbolicTangent(g, into: g, count: size)
        Vector.sigmoid(o, into: o, count: size)
        for index in 0..<size {
            let c = i[index] * g[index] + f[index] * previous[index]
            // Written so that NaN stays.
            let bounded = c > clip ? clip : c
            cell[index] = bounded < -clip ? -clip : bounded
        }
        Vector.hyperbolicTangent(cell, into: tangent, count: size)
        for index in 0..<size { output[index] = o[index] * tangent[index] }
    }

    /// The activations in `gates` become the gradients of the pre-activations, in place.
    ///
    /// - Parameters:
    ///   - outputGradient: dm
    ///   - cellGradient: comes in as the part of dc that later steps give, goes out as the part for the step before. A
    ///     clipped cell passes nothing on.
    @inline(__always)
    static func backward(
        gates: UnsafeMutablePointer<Float>, previous: UnsafeMutablePointer<Float>, cell: UnsafeMutablePointer<Float>,
        tangent: UnsafeMutablePointer<Float>, outputGradient: UnsafeMutablePointer<Float>,
        cellGradient: UnsafeMutablePointer<Float>, size: Int, clip: Float
    ) {
        let (i, f, g, o) = (gates, gates + size, gates + 2 * size, gates + 3 * size)
        for index in 0..<size {
            let (ii, ff, gg, oo) = (i[index], f[index], g[index], o[index])
            let (c, t, dm) = (cell[index], tangent[index], outputGradient[index])
            let whole = cellGradient[index] + dm * oo * (1 - t * t)
            let dc = c >= clip || c <= -clip ? 0 : whole
            i[index] = dc * gg * ii * (1 - ii)
            f[index] = dc * previous[index] * ff * (1 - ff)
            g[index] = dc * ii * (1 - gg * gg)
            o[index] = dm * t * oo * (1 - oo)
            cellGradient[index] = dc * ff
        }
    }
}
