internal import Kernels

extension OperationCase {
    /// The operations of a Transformer's layers between their products.
    static let transformer: [OperationCase] = [
        attention("attention, causal", isCausal: true), attention("attention", isCausal: false),
        attention("attention of several lengths", isCausal: false, hasLengths: true),
        attention("attention, causal, with dropout", isCausal: true, hasLengths: true, dropout: 0.3),
        attention("attention, stored as factors", isCausal: true, storesFactors: true),
        hidden("ReLU of a feed-forward layer", .relu), hidden("GELU of a feed-forward layer", .gelu),
        elementwise("residual", matrices: 3) { memory, rows, columns in
            let (input, values) = (memory.matrix(rows, columns), memory.matrix(rows, columns))
            let (bias, own) = (memory.matrix(1, columns), memory.zeros(1, columns))
            let (gradient, below) = (memory.matrix(rows, columns), memory.zeros(rows, columns))
            let draw = DropoutDraw(rate: 0.3, seed: 5, site: 2, step: 9)
            return Prepared(
                run: { $0.addResidual(input, bias: bias, draw, to: values) }, results: [values],
                slope: Slope(inputs: [values, bias], gradients: [below, own], output: values, outputGradient: gradient) {
                    $0.fill(own, with: 0)
                    $0.addResidualBackward(gradient, draw, into: below, biasGradient: own)
                })
        },
        elementwise("residual without dropout", matrices: 3) { memory, rows, columns in
            let (input, values, bias) = (memory.matrix(rows, columns), memory.matrix(rows, columns), memory.matrix(1, columns))
            return Prepared(run: { $0.addResidual(input, bias: bias, nil, to: values) }, results: [values])
        },
        elementwise("row of a step added", matrices: 2) { memory, rows, columns in
            let (steps, values) = (memory.matrix(rows, columns), memory.matrix(3 * rows, columns))
            let (gradient, own) = (memory.matrix(3 * rows, columns), memory.zeros(rows, columns))
            return Prepared(
                run: { $0.addBlocks(steps, to: values) }, results: [values],
                slope: Slope(inputs: [steps], gradients: [own], output: values, outputGradient: gradient) {
                    $0.fill(own, with: 0)
                    $0.addBlockSums(of: gradient, to: own)
                })
        },
        elementwise("sums of a step", matrices: 2) { memory, rows, columns in
            let (values, sums) = (memory.matrix(3 * rows, columns), memory.matrix(rows, columns))
            return Prepared(run: { $0.addBlockSums(of: values, to: sums) }, results: [sums])
        },
        elementwise("sinusoids", matrices: 1) { memory, rows, columns in
            let values = memory.matrix(3 * rows, columns)
            return Prepared(run: { $0.addSinusoids(to: values, batch: 3) }, results: [values])
        },
    ]

    /// Returns attention with three heads, each as large as the depth, and with sequences of two steps for each column, within the
    /// limits of a Transformer, because `bench operations` runs it at the sizes of a layer's products. There is one sequence per eight
    /// rows, and at most about four times as many rows in all.
    private static func attention(
        _ name: String, isCausal: Bool, hasLengths: Bool = false, dropout: Float? = nil, storesFactors: Bool = false
    ) -> OperationCase {
        let heads = 3, steps = { @Sendable (sizes: Sizes) in min(2 * sizes.columns, 200) }
        let batch = { @Sendable (sizes: Sizes) in max(1, min(sizes.rows / 8, 4 * sizes.rows / steps(sizes))) }
        let size = { @Sendable (sizes: Sizes) in min(sizes.depth, 64) }
        return OperationCase(
            name, isProduct: true, storesFactors: storesFactors,
            work: { sizes in
                // The forward pass has two products and the backward pass five.
                14 * Double(heads * batch(sizes) * size(sizes)) * Double(steps(sizes) * steps(sizes)) / (isCausal ? 2 : 1)
            }
        ) { memory, sizes in
            let (batch, size, steps) = (batch(sizes), size(sizes), steps(sizes)), rows = batch * steps
            func make(_ columns: Int) -> Matrix {
                storesFactors ? memory.factor(rows, columns, scale: 2) : memory.matrix(rows, columns, scale: 2)
            }
            let input = make(3 * heads * size), output = make(heads * size), gradient = make(heads * size), own = make(3 * heads * size)
            let sums = memory.zeros(1, 3 * heads * size)
            let lengths = hasLengths ? memory.numbers(batch, below: steps + 1) : nil
            let draw = dropout.map { DropoutDraw(rate: $0, seed: 7, site: 3, step: 4) }
            let attention = Attention(heads: heads, batch: batch, isCausal: isCausal, lengths: lengths, dropout: draw)
            return Prepared(
                run: {
                    $0.attend(attention, input, into: output)
                    $0.fill(sums, with: 0)
                    $0.attendBackward(attention, input, outputGradient: gradient, into: own, biasGradient: sums)
                }, results: [output, own, sums],
                slope: Slope(inputs: [input], gradients: [own], output: output, outputGradient: gradient) { _ in })
        }
    }

    private static func hidden(_ name: String, _ function: HiddenFunction) -> OperationCase {
        elementwise(name, matrices: 2) { memory, rows, columns in
            let (input, bias) = (memory.matrix(rows, columns, scale: 3), memory.matrix(1, columns))
            let (output, gradient) = (memory.zeros(rows, columns), memory.matrix(rows, columns))
            let (own, again, sums) = (memory.zeros(rows, columns), memory.zeros(rows, columns), memory.zeros(1, columns))
            return Prepared(
                run: {
                    $0.activate(input, bias: bias, function, into: output)
                    $0.copy(gradient, to: own)
                    $0.fill(sums, with: 0)
                    $0.activateBackward(input, bias: bias, function, gradient: own, biasGradient: sums, into: again)
                }, results: [output, own, again, sums],
                slope: Slope(inputs: [input, bias], gradients: [own, sums], output: output, outputGradient: gradient) { _ in })
        }
    }
}
