internal import Kernels

/// The feed-forward layer of a Transformer (Vaswani et al. 2017, equation 2), without the residual connection around it:
///
///     y = f(x W1 + b1) W2
///
/// The bias of W2 is added with the residual (`Backend.addResidual`), whose backward pass computes its gradient. The output of f is
/// not kept; the backward pass recomputes it.
struct FeedForward: Sendable {
    let function: HiddenFunction
    /// Weight [width, hidden] and bias [hidden] of the first product.
    let hiddenWeight, hiddenBias: Parameter
    /// Weight [hidden, width] and bias [width] of the second product.
    let outputWeight, outputBias: Parameter
    /// x W1, and f of it, [rows, hidden]; all layers share the memory.
    private let products, hidden: MatrixSlot
    /// Gradient of x W1, [rows, hidden].
    private let gradient: MatrixSlot

    /// - Parameter other: a layer of the same size, whose scratch memory is shared.
    init(_ name: String, width: Int, hidden size: Int, function: HiddenFunction, sharing other: FeedForward?, in plan: inout Plan) {
        self.function = function
        hiddenWeight = plan.parameter("\(name).hidden.weight", [width, size])
        hiddenBias = plan.parameter("\(name).hidden.bias", [size])
        outputWeight = plan.parameter("\(name).output.weight", [size, width])
        outputBias = plan.parameter("\(name).output.bias", [width])
        let rows = plan.capacity.rows, working = plan.isTraining ? nil : other
        products = working?.products ?? plan.factor(rows: rows, columns: size)
        hidden = other?.hidden ?? plan.factor(rows: rows, columns: size)
        gradient = other?.gradient ?? plan.gradientFactor(rows: rows, columns: size)
    }

    var factors: [Parameter] { [hiddenWeight, outputWeight] }

    /// - Parameter scale: factor of the output weight, in addition to Glorot's.
    func initialize(_ parameters: ParameterStore, outputScale scale: Double, random: inout Random) {
        let (width, size) = (hiddenWeight.shape[0], hiddenWeight.shape[1])
        parameters.fillGlorot(hiddenWeight, inputs: width, outputs: size, random: &random)
        parameters.fillGlorot(outputWeight, inputs: size, outputs: width, scale: scale, random: &random)
        parameters.fill(hiddenBias, with: 0)
        parameters.fill(outputBias, with: 0)
    }

    /// Computes `output` [rows, width] from `input` [rows, width].
    func forward(_ input: Matrix, into output: Matrix, _ run: Run) {
        let products = run.matrix(products, rows: input.rows), hidden = run.matrix(hidden, rows: input.rows)
        run.enter(.inputProducts)
        run.multiply(input, by: hiddenWeight, into: products)
        run.enter(.gates)
        run.backend.activate(products, bias: run.value(hiddenBias), function, into: hidden)
        run.enter(.projectionProducts)
        run.multiply(hidden, by: outputWeight, into: output)
    }

    /// Writes the gradient of the input from that of the output, [rows, width].
    func backward(_ input: Matrix, outputGradient: Matrix, into inputGradient: Matrix, _ run: Run) {
        let backend = run.backend, products = run.matrix(products, rows: input.rows), hidden = run.matrix(hidden, rows: input.rows)
        let gradient = run.matrix(gradient, rows: input.rows)
        run.enter(.projectionProducts)
        run.multiply(outputGradient, byTransposed: outputWeight, into: gradient)
        run.enter(.gates)
        backend.activateBackward(
            products, bias: run.value(hiddenBias), function, gradient: gradient, biasGradient: run.gradient(hiddenBias), into: hidden)
        run.enter(.weightProducts)
        run.addProduct(hidden.transposed, outputGradient, toGradientOf: outputWeight)
        run.addProduct(input.transposed, gradient, toGradientOf: hiddenWeight)
        run.enter(.inputProducts)
        run.multiply(gradient, byTransposed: hiddenWeight, into: inputGradient)
    }
}
