internal import Kernels

/// The feed-forward layer of a Transformer (Vaswani et al. 2017, equation 2), without the residual connection around it:
///
///     y = f(x W1 + b1) W2
///
/// The bias of W2 is added with the residual (`Backend.addResidual`), whose backward pass makes its gradient. What the function gives is not kept for the backward pass,
/// which computes it again.
struct FeedForward: Sendable {
    let function: HiddenFunction
    /// [width, hidden] and [hidden]
    let hiddenWeight, hiddenBias: Parameter
    /// [hidden, width] and [width]
    let outputWeight, outputBias: Parameter
    /// [rows, hidden]: x W1, and the function of it, which all layers have in common.
    private let products, hidden: MatrixSlot
    /// [rows, hidden]
    private let gradient: MatrixSlot

    /// - Parameter other: layers of the same size share the memory of passes that need not be kept.
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

    /// - Parameter scale: of the output's weight, beside Glorot's.
    func initialize(_ parameters: ParameterStore, outputScale scale: Double, random: inout Random) {
        let (width, size) = (hiddenWeight.shape[0], hiddenWeight.shape[1])
        parameters.fillGlorot(hiddenWeight, inputs: width, outputs: size, random: &random)
        parameters.fillGlorot(outputWeight, inputs: size, outputs: width, scale: scale, random: &random)
        parameters.fill(hiddenBias, with: 0)
        parameters.fill(outputBias, with: 0)
    }

    /// `input` [rows, width] to `output` [rows, width].
    func forward(_ input: Matrix, into output: Matrix, _ run: Run) {
        let products = run.matrix(products, rows: input.rows), hidden = run.matrix(hidden, rows: input.rows)
        run.enter(.inputProducts)
        run.multiply(input, by: hiddenWeight, into: products)
        run.enter(.gates)
        run.backend.activate(products, bias: run.value(hiddenBias), function, into: hidden)
        run.enter(.projectionProducts)
        run.multiply(hidden, by: outputWeight, into: output)
    }

    /// From the gradient of the output, [rows, width], that of the input.
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
