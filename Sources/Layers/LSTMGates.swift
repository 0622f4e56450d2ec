internal import Kernels

/// The arithmetic of an LSTM step between its matrix products, for one sequence, fused into one pass over the cells.
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
        var first = 0
        while first < size {
            let lanes = min(8, size - first)
            let i = load(gates + first, lanes).sigmoid()
            let f = load(gates + size + first, lanes).sigmoid()
            let g = load(gates + 2 * size + first, lanes).hyperbolicTangent()
            let o = load(gates + 3 * size + first, lanes).sigmoid()
            let c = (i * g + f * load(previous + first, lanes)).clipped(to: clip)
            let t = c.hyperbolicTangent()
            store(i, gates + first, lanes)
            store(f, gates + size + first, lanes)
            store(g, gates + 2 * size + first, lanes)
            store(o, gates + 3 * size + first, lanes)
            store(c, cell + first, lanes)
            store(t, tangent + first, lanes)
            store(o * t, output + first, lanes)
            first += 8
        }
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
        let bound = SIMD8<Float>(repeating: clip)
        var first = 0
        while first < size {
            let lanes = min(8, size - first)
            let i = load(gates + first, lanes)
            let f = load(gates + size + first, lanes)
            let g = load(gates + 2 * size + first, lanes)
            let o = load(gates + 3 * size + first, lanes)
            let c = load(cell + first, lanes)
            let t = load(tangent + first, lanes)
            let dm = load(outputGradient + first, lanes)
            let whole = load(cellGradient + first, lanes) + dm * o * (1 - t * t)
            let dc = whole.replacing(with: 0, where: (c .>= bound) .| (c .<= -bound))
            store(dc * g * i * (1 - i), gates + first, lanes)
            store(dc * load(previous + first, lanes) * f * (1 - f), gates + size + first, lanes)
            store(dc * i * (1 - g * g), gates + 2 * size + first, lanes)
            store(dm * t * o * (1 - o), gates + 3 * size + first, lanes)
            store(dc * f, cellGradient + first, lanes)
            first += 8
        }
    }

    @inline(__always)
    private static func load(_ source: UnsafeMutablePointer<Float>, _ lanes: Int) -> SIMD8<Float> {
        if lanes == 8 { return source[vector: 0] }
        var vector = SIMD8<Float>.zero
        for lane in 0..<lanes { vector[lane] = source[lane] }
        return vector
    }

    @inline(__always)
    private static func store(_ vector: SIMD8<Float>, _ target: UnsafeMutablePointer<Float>, _ lanes: Int) {
        if lanes == 8 {
            target[vector: 0] = vector
        } else {
            for lane in 0..<lanes { target[lane] = vector[lane] }
        }
    }
}
