@_spi(HostMemory) import Kernels
import Layers

/// A stack of LSTM layers with random weights, input and loss.
struct StackFixture {
    let fixture: LayerFixture<LSTMStack>
    let shape: WindowShape
    let input: OwnedMatrix
    /// What each output counts in the loss.
    let factors: OwnedMatrix

    var stack: LSTMStack { fixture.layer }
    var memory: PassMemory { fixture.memory }

    /// - Parameter shape: of the window; rows of sequences that have ended do not count in the loss.
    init(
        inputs: Int, options: ProjectedLSTM.Options, layers: Int = 1, residual: Bool = false, dropout: Float = 0,
        shape: WindowShape, scale: Double = 0.5, training: Bool = true, on backend: any Backend = processor()
    ) {
        var random = Random(seed: 7)
        fixture = LayerFixture(WindowCapacity(shape), training: training ? Adam() : nil, on: backend) {
            LSTMStack(
                "lstm", inputs: inputs, options: options, layers: layers, residual: residual, dropout: dropout, in: &$0)
        }
        fixture.parameters.randomize(&random, scale: scale)
        fixture.mode = .training(seed: 1, step: 1)
        self.shape = shape
        input = OwnedMatrix(shape.rows, inputs, random: &random)
        factors = OwnedMatrix(shape.rows, options.output, random: &random)
        for row in shape.endedRows { factors.matrix.rows(row..<row + 1).fill(0) }
    }

    @discardableResult
    func forward() -> Matrix { stack.forward(input.matrix, shape, fixture.run) }

    func outputs() -> [Float] { fixture.backend.read(forward()) }

    /// Outputs where nothing is dropped.
    func outputs(of input: Matrix, _ shape: WindowShape) -> [Float] {
        var run = fixture.run
        run.mode = .inference
        return fixture.backend.read(stack.forward(input, shape, run))
    }

    /// The gradient of the weight of this name.
    func gradient(_ name: String) throws -> [Float] { fixture.gradient(of: try fixture.parameter(name)).values }

    /// The state that the next window begins in, matrix after matrix.
    func state(batch: Int) -> [[Float]] {
        var state: [[Float]] = []
        stack.forEachState(batch: batch, fixture.run) { state.append(fixture.backend.read($0)) }
        return state
    }

    /// The cells at the end of the last forward pass, of a single layer; the next pass would begin with them.
    func lastCells() -> [Float] {
        stack.carryState(from: shape, fixture.run)
        return state(batch: shape.batch)[1]
    }

    /// Gradients of the sum of outputs times factors; returns that of the input.
    @discardableResult
    func backward() -> OwnedMatrix {
        let inputGradient = OwnedMatrix(shape.rows, input.matrix.columns)
        fixture.pass(input.matrix, outputGradient: factors, inputGradient: inputGradient, shape)
        return inputGradient
    }

    func verify(tolerance: Double = 3e-3, step: Double = 1e-2) {
        fixture.verifyGradients(input, factors: factors, shape, tolerance: tolerance, step: step)
    }
}

extension WindowShape {
    /// The rows of sequences that had ended.
    var endedRows: [Int] { (0..<steps).flatMap { activeBlock($0).upperBound..<block($0).upperBound } }
}

extension ProjectedLSTM.Options {
    static func sized(
        _ cell: Int, _ projection: Int?, cellClip: Float = .infinity, projectionClip: Float = .infinity,
        layerNorm: Bool = false, dropout: Float = 0
    ) -> ProjectedLSTM.Options {
        var options = ProjectedLSTM.Options(cell: cell, projection: projection)
        options.cellClip = cellClip
        options.projectionClip = projectionClip
        options.layerNorm = layerNorm
        options.dropout = dropout
        return options
    }
}
