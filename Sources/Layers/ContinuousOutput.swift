public import Kernels

/// An output layer that predicts the vector of a word.
public protocol VectorOutput: OutputLayer {
    /// The vectors predicted from states [rows, inputs], without a loss: [rows, size], valid until the next pass.
    func predict(_ states: Matrix, _ run: Run) -> Matrix

    /// The predicted vectors of the last evaluation: [rows, size].
    func predictions(rows: Int, _ run: Run) -> Matrix
}

/// The continuous output (Li et al. 2019): a linear layer to the embedding's size and a distance to the target's
/// vector.
public struct ContinuousOutput: VectorOutput {
    public let linear: Linear
    private let loss: any EmbeddingLoss
    private let gradient: MatrixSlot
    private let factors: ScalarSlot

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
    /// The factor of each row in a mean, by its weight: [rows].
    func rowFactors(_ slot: ScalarSlot, _ weights: Matrix?, rows: Int) -> Scalars {
        let factors = scalars(slot)[0..<rows]
        backend.fillRowFactors(factors, weights: weights)
        return factors
    }
}
