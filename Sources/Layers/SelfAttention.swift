internal import Kernels

/// Self-attention with several heads (Vaswani et al. 2017, section 3.2.2), without the residual connection around it:
///
///     y = concatenation over heads of attention(x Wq, x Wk, x Wv), times Wo
///
/// The bias of Wo is added with the residual (`Backend.addResidual`), whose backward pass computes its gradient.
struct SelfAttention: Sendable {
    let heads: Int
    /// True if a step attends to itself and earlier steps only, false if it attends to all.
    let isCausal: Bool
    /// Weight [width, 3 width] and bias [3 width]: query, key and value of the first head, then those of the second, and so on.
    let inputWeight, inputBias: Parameter
    /// Weight [width, width] and bias [width] of the output.
    let outputWeight, outputBias: Parameter
    private let dropout: DropoutSite
    /// Queries, keys and values, [rows, 3 width], and the output of the heads, [rows, width].
    private let parts, attended: MatrixSlot
    /// Their gradients, [rows, 3 width] and [rows, width].
    private let partsGradient, attendedGradient: MatrixSlot

    /// - Parameters:
    ///   - dropout: rate of dropout of the attention weights.
    ///   - other: a layer of the same size, whose scratch memory is shared.
    init(
        _ name: String, width: Int, heads: Int, isCausal: Bool, dropout: Float, sharing other: SelfAttention?, in plan: inout Plan
    ) {
        (self.heads, self.isCausal) = (heads, isCausal)
        inputWeight = plan.parameter("\(name).input.weight", [width, 3 * width])
        inputBias = plan.parameter("\(name).input.bias", [3 * width])
        outputWeight = plan.parameter("\(name).output.weight", [width, width])
        outputBias = plan.parameter("\(name).output.bias", [width])
        self.dropout = DropoutSite(rate: dropout, in: &plan)
        let rows = plan.capacity.rows, working = plan.isTraining ? nil : other
        parts = working?.parts ?? plan.factor(rows: rows, columns: 3 * width)
        attended = working?.attended ?? plan.factor(rows: rows, columns: width)
        partsGradient = other?.partsGradient ?? plan.gradientFactor(rows: rows, columns: 3 * width)
        attendedGradient = other?.attendedGradient ?? plan.gradientFactor(rows: rows, columns: width)
    }

    var factors: [Parameter] { [inputWeight, outputWeight] }

    /// - Parameter scale: factor of the output weight, in addition to Glorot's.
    func initialize(_ parameters: ParameterStore, outputScale scale: Double, random: inout Random) {
        let width = outputWeight.shape[0]
        parameters.fillGlorot(inputWeight, inputs: width, outputs: width, random: &random)
        parameters.fillGlorot(outputWeight, inputs: width, outputs: width, scale: scale, random: &random)
        parameters.fill(inputBias, with: 0)
        parameters.fill(outputBias, with: 0)
    }

    private func attention(_ shape: WindowShape, _ run: Run) -> Attention {
        precondition(shape.active == nil || isCausal || shape.lengths != nil, "attention to all steps needs the sequences' lengths")
        return Attention(
            heads: heads, batch: shape.batch, isCausal: isCausal, lengths: shape.lengths, starts: shape.starts,
            dropout: dropout.draw(run))
    }

    /// Computes `output` [rows, width] from `input` [rows, width].
    func forward(_ input: Matrix, into output: Matrix, _ shape: WindowShape, _ run: Run) {
        let backend = run.backend, parts = run.matrix(parts, rows: shape.rows), attended = run.matrix(attended, rows: shape.rows)
        run.enter(.inputProducts)
        run.multiply(input, by: inputWeight, bias: inputBias, into: parts)
        run.enter(.attention)
        backend.attend(attention(shape, run), parts, into: attended)
        run.enter(.projectionProducts)
        run.multiply(attended, by: outputWeight, into: output)
    }

    /// Writes the gradient of the input from that of the output, [rows, width].
    func backward(_ input: Matrix, outputGradient: Matrix, into inputGradient: Matrix, _ shape: WindowShape, _ run: Run) {
        let backend = run.backend, rows = shape.rows
        let parts = run.matrix(parts, rows: rows), attended = run.matrix(attended, rows: rows)
        let partsGradient = run.matrix(partsGradient, rows: rows), attendedGradient = run.matrix(attendedGradient, rows: rows)
        run.enter(.weightProducts)
        run.addProduct(attended.transposed, outputGradient, toGradientOf: outputWeight)
        run.enter(.projectionProducts)
        run.multiply(outputGradient, byTransposed: outputWeight, into: attendedGradient)
        run.enter(.attention)
        backend.attendBackward(
            attention(shape, run), parts, outputGradient: attendedGradient, into: partsGradient, biasGradient: run.gradient(inputBias))
        run.enter(.weightProducts)
        run.addProduct(input.transposed, partsGradient, toGradientOf: inputWeight)
        run.enter(.inputProducts)
        run.multiply(partsGradient, byTransposed: inputWeight, into: inputGradient)
    }
}
