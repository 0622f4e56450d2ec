public import Kernels

/// LSTM layers one above the other; with `residual`, each layer from the second on adds its input to its output (ELMo:
/// layer 1's output is added to layer 2's).
public struct LSTMStack: StatefulEncoder {
    public let outputSize: Int
    private let layers: [ProjectedLSTM]
    /// The parameters of each layer.
    private let ranges: [ParameterRange]
    /// Layer outputs with the residual added, for the layers that have one: [rows, output].
    private let sums: [MatrixSlot?]
    /// Below each layer, and above the last.
    private let dropouts: [Dropout]
    /// The gradient on its way down: [rows, output].
    private let gradient: MatrixSlot

    /// - Parameter dropout: of what goes into each layer and out of the last; that of the recurrence is one of `options`.
    ///   A residual connection adds the layer's input as the layer saw it, as in ELMo.
    public init(
        _ name: String, inputs: Int, options: ProjectedLSTM.Options, layers count: Int, residual: Bool, dropout: Float = 0,
        in plan: inout Plan
    ) {
        outputSize = options.output
        let rows = plan.capacity.rows
        func part(_ index: Int) -> String { "layer\(index + 1) activations" }
        var layers: [ProjectedLSTM] = [], ranges: [ParameterRange] = []
        for index in 0..<count {
            let (layer, range) = plan.memory(of: part(index)) { plan in
                plan.parameters { plan in
                    ProjectedLSTM(
                        "\(name).layer\(index + 1)", inputs: index == 0 ? inputs : options.output, options: options,
                        sharing: layers.first, in: &plan)
                }
            }
            layers.append(layer)
            ranges.append(range)
        }
        self.layers = layers
        self.ranges = ranges
        sums = (0..<count).map { index in
            plan.memory(of: part(index)) { plan in
                residual && index > 0 ? plan.matrix(rows: rows, columns: options.output) : nil
            }
        }
        dropouts = (0...count).map { index in
            plan.memory(of: index < count ? part(index) : "gradient between layers") { plan in
                Dropout(rate: dropout, rows: rows, width: index == 0 ? inputs : options.output, in: &plan)
            }
        }
        gradient = plan.memory(of: "gradient between layers") { $0.gradient(rows: rows, columns: options.output) }
    }

    public var layerCount: Int { layers.count }

    public var factors: [Parameter] { layers.flatMap(\.factors) }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        for layer in layers { layer.initialize(parameters, random: &random) }
    }

    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        var below = input
        for index in layers.indices {
            run.enter(.dropout)
            below = dropouts[index].forward(below, run)
            let output = layers[index].forward(below, shape, run)
            run.enter(.sums)
            if let sum = sums[index] {
                let sum = run.matrix(sum, rows: shape.rows)
                run.backend.copy(output, to: sum)
                run.backend.add(below, to: sum)
            }
            below = layerOutput(index, shape, run)
        }
        run.enter(.dropout)
        defer { run.enter(.other) }
        return dropouts[layers.count].forward(below, run)
    }

    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        guard let inputGradient else { preconditionFailure("the gradient between the layers is made in that of the input") }
        precondition(!adding)
        var gradient = outputGradient
        run.enter(.dropout)
        dropouts[layers.count].backward(gradient, run)
        var spare = run.matrix(self.gradient, rows: shape.rows)
        for index in layers.indices.reversed() {
            let lower = index == 0 ? inputGradient : spare
            // A residual hands the gradient on as it is; it is copied before the layer overwrites its own.
            let isResidual = sums[index] != nil
            run.enter(.sums)
            if isResidual { run.backend.copy(gradient, to: lower) }
            let below = index == 0 ? input : layerOutput(index - 1, shape, run)
            layers[index].backward(
                dropouts[index].output(for: below, run), outputGradient: gradient, inputGradient: lower, adding: isResidual,
                shape, run)
            run.finish?(ranges[index])
            run.enter(.dropout)
            dropouts[index].backward(lower, run)
            (gradient, spare) = (lower, gradient)
        }
    }

    public func layerOutput(_ index: Int, _ shape: WindowShape, _ run: Run) -> Matrix {
        sums[index].map { run.matrix($0, rows: shape.rows) } ?? layers[index].outputs(shape, run)
    }

    public var stateWidths: [Int] { layers.flatMap { [$0.options.output, $0.options.cell] } }

    public func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void) {
        for layer in layers { layer.forEachState(batch: batch, run, body) }
    }

    public func carryState(from shape: WindowShape, _ run: Run) {
        precondition(shape.active == nil, "only full windows hand on their state")
        for layer in layers { layer.carryState(from: shape, run) }
        run.memory.startsAtZero = false
    }
}
