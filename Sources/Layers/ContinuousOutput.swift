public import Kernels

/// An output layer that predicts the vector of a word.
///
/// ```swift
/// let vectors = vectorOutput.predict(states, run)
/// ```
public protocol VectorOutput: OutputLayer {
    /// Returns the vectors predicted from states [rows, inputs], without a loss: [rows, size], valid until the next pass.
    func predict(_ states: Matrix, _ run: Run) -> Matrix

    /// Returns the vectors predicted in the last evaluation, [rows, size].
    func predictions(rows: Int, _ run: Run) -> Matrix
}

/// The continuous output (Li et al. 2019): a linear layer to the size of the embedding, and a distance to the target's vector.
///
/// ```swift
/// let output = ContinuousOutput("output", inputs: 512, outputs: 300, loss: Distance.cosine, rows: 320, in: &plan)
/// ```
public struct ContinuousOutput: VectorOutput {
    /// The layer from the encoder's size to the embedding's size.
    public let linear: Linear
    private let loss: any EmbeddingLoss
    private let gradient: MatrixSlot
    private let factors: ScalarSlot

    /// Declares the linear layer and the memory of the loss.
    public init(
        _ name: String, inputs: Int, outputs: Int, loss: any EmbeddingLoss, rows: Int, in plan: inout Plan
    ) {
        linear = Linear(name, inputs: inputs, outputs: outputs, rows: rows, in: &plan)
        self.loss = loss
        gradient = plan.gradient(rows: rows, columns: outputs)
        factors = plan.scalars(rows, forHost: false)
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        linear.initialize(parameters, random: &random)
    }

    public func accumulate(
        _ states: Matrix, _ targets: Targets, weights: Matrix?, draw: Draw, statesGradient: Matrix, loss: Scalars, _ run: Run
    ) {
        let gradient = run.matrix(gradient, rows: states.rows)
        predict(states, targets, weights, gradient: gradient, loss: loss, run)
        run.enter(.outputProducts)
        linear.backward(states, outputGradient: gradient, inputGradient: statesGradient, run)
    }

    public func evaluate(_ states: Matrix, _ targets: Targets, weights: Matrix?, loss: Scalars, _ run: Run) {
        predict(states, targets, weights, gradient: nil, loss: loss, run)
    }

    private func predict(
        _ states: Matrix, _ targets: Targets, _ weights: Matrix?, gradient: Matrix?, loss: Scalars, _ run: Run
    ) {
        guard case .vectors(let vectors) = targets else { preconditionFailure("the targets of this output are vectors") }
        run.enter(.outputProducts)
        let predictions = linear.forward(states, run)
        run.enter(.loss)
        let factors = run.rowFactors(factors, weights, rows: states.rows)
        self.loss.add(prediction: predictions, target: vectors, factors: factors, gradient: gradient, to: loss, run)
        run.enter(.other)
    }

    public func predict(_ states: Matrix, _ run: Run) -> Matrix { linear.forward(states, run) }

    public func predictions(rows: Int, _ run: Run) -> Matrix { linear.output(rows: rows, run) }
}

extension Run {
    /// Returns the factor of each row in a mean weighted by `weights`, [rows].
    func rowFactors(_ slot: ScalarSlot, _ weights: Matrix?, rows: Int) -> Scalars {
        let factors = scalars(slot)[0..<rows]
        backend.fillRowFactors(factors, weights: weights)
        return factors
    }
}
