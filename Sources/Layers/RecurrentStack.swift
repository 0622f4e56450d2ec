public import Kernels

/// A layer over sequences that can be stacked.
///
/// ```swift
/// let states = layer.outputs(shape, run)     // [rows, width] of the last forward pass
/// ```
public protocol SequenceLayer: Layer<Matrix> {
    /// Width of the output.
    var width: Int { get }

    /// Returns the output of the last forward pass, [rows, width].
    func outputs(_ shape: WindowShape, _ run: Run) -> Matrix
}

/// A layer that runs through a sequence step by step, and carries a state of constant size from one window to the next.
///
/// ```swift
/// let layer: any RecurrentLayer = GRU("forward.layer1", inputs: 64, cell: 128, in: &plan)
/// ```
public protocol RecurrentLayer: SequenceLayer {
    /// Widths of the state's matrices, which have one row for each sequence.
    var stateWidths: [Int] { get }

    /// Calls `body` with each matrix of the state in which a window of `batch` sequences starts, [batch, width].
    func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void)
    /// Makes the state at the end of a full window the initial state of the next.
    func carryState(from shape: WindowShape, _ run: Run)
}

/// A stack of recurrent layers, or of pairs of such layers that read in both directions (`Bidirectional`). With `residual`, each
/// layer from the second on adds its input to its output (as in ELMo: layer 1's output is added to layer 2's). The stack carries a
/// state if its layers do.
///
/// ```swift
/// let stack = RecurrentStack<GRU>("forward", inputs: 64, width: 64, layers: 2, residual: true, dropout: 0.1, in: &plan) {
///     name, inputs, first, plan in GRU(name, inputs: inputs, cell: 64, sharing: first, in: &plan)
/// }
/// ```
public struct RecurrentStack<Recurrent: SequenceLayer>: SequenceEncoder {
    /// Width of the output of each layer.
    public let outputSize: Int
    private let layers: [Recurrent]
    /// Parameters of each layer.
    private let ranges: [ParameterRange]
    /// Outputs with the residual added, for the layers that have one, [rows, output].
    private let sums: [MatrixSlot?]
    /// Dropout below each layer and above the last.
    private let dropouts: [Dropout]
    /// The gradient on its way down, [rows, output].
    private let gradient: MatrixSlot

    /// Declares the layers.
    /// - `dropout`: rate of dropout of each layer's input and of the last layer's output. A residual connection adds the layer's
    ///   input after dropout, as in ELMo.
    /// - `makeLayer`: makes the layer with the given name and input width; it also gets the first layer, if there is one.
    public init(
        _ name: String, inputs: Int, width: Int, layers count: Int, residual: Bool, dropout: Float, in plan: inout Plan,
        _ makeLayer: (_ name: String, _ inputs: Int, _ first: Recurrent?, _ plan: inout Plan) -> Recurrent
    ) {
        outputSize = width
        let rows = plan.capacity.rows
        func part(_ index: Int) -> String { "layer\(index + 1) activations" }
        var layers: [Recurrent] = [], ranges: [ParameterRange] = []
        for index in 0..<count {
            let (layer, range) = plan.memory(of: part(index)) { plan in
                plan.parameters { makeLayer("\(name).layer\(index + 1)", index == 0 ? inputs : width, layers.first, &$0) }
            }
            layers.append(layer)
            ranges.append(range)
        }
        self.layers = layers
        self.ranges = ranges
        sums = (0..<count).map { index in
            plan.memory(of: part(index)) { residual && index > 0 ? $0.matrix(rows: rows, columns: width) : nil }
        }
        dropouts = (0...count).map { index in
            plan.memory(of: index < count ? part(index) : "gradient between layers") { plan in
                Dropout(rate: dropout, rows: rows, width: index == 0 ? inputs : width, in: &plan)
            }
        }
        gradient = plan.memory(of: "gradient between layers") { $0.gradient(rows: rows, columns: width) }
    }

    public var layerCount: Int { layers.count }

    public var factors: [Parameter] { layers.flatMap(\.factors) }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        for layer in layers { layer.initialize(parameters, random: &random) }
    }

    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        var below = input
        for index in layers.indices {
            run.begin?(ranges[index])
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
        guard let inputGradient, !adding else {
            preconditionFailure("the gradient between the layers is made in that of the input")
        }
        var gradient = outputGradient
        run.enter(.dropout)
        dropouts[layers.count].backward(gradient, run)
        var spare = run.matrix(self.gradient, rows: shape.rows)
        for index in layers.indices.reversed() {
            let lower = index == 0 ? inputGradient : spare
            // A residual passes the gradient on unchanged; it is copied before the layer overwrites it.
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
}

extension RecurrentStack: StatefulEncoder where Recurrent: RecurrentLayer {
    public var stateWidths: [Int] { layers.flatMap(\.stateWidths) }

    public func forEachState(batch: Int, _ run: Run, _ body: (Matrix) -> Void) {
        for layer in layers { layer.forEachState(batch: batch, run, body) }
    }

    public func carryState(from shape: WindowShape, _ run: Run) {
        precondition(shape.active == nil, "only full windows hand on their state")
        for layer in layers { layer.carryState(from: shape, run) }
        run.memory.startsAtZero = false
    }
}

/// A stack of LSTM layers.
///
/// ```swift
/// let options = ProjectedLSTM.Options(cell: 4096, projection: 512)
/// let stack = LSTMStack("forward", inputs: 512, options: options, layers: 2, residual: true, in: &plan)
/// ```
public typealias LSTMStack = RecurrentStack<ProjectedLSTM>

extension LSTMStack {
    /// Creates a stack of LSTM layers.
    /// - `dropout`: rate of the dropout between layers; the recurrent dropout is one of `options`.
    public init(
        _ name: String, inputs: Int, options: ProjectedLSTM.Options, layers: Int, residual: Bool, dropout: Float = 0,
        in plan: inout Plan
    ) {
        self.init(
            name, inputs: inputs, width: options.output, layers: layers, residual: residual, dropout: dropout, in: &plan
        ) { name, inputs, first, plan in
            ProjectedLSTM(name, inputs: inputs, options: options, sharing: first, in: &plan)
        }
    }
}
