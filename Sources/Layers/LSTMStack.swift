public import Kernels

/// LSTM layers one above the other; with `residual`, each layer from the second on adds its input to its output (ELMo:
/// layer 1's output is added to layer 2's).
public final class LSTMStack: SequenceEncoder {
    public let inputSize: Int
    public let outputSize: Int
    private let layers: [ProjectedLSTM]
    private let memories: [LSTMMemory]
    /// Layer outputs with the residual added, for the layers that have one: [rows, output].
    private let sums: [FloatBuffer?]
    /// Below each layer, and above the last.
    private let dropouts: [DropoutLayer]
    /// The gradient on its way down: [rows, output].
    private let gradients: FloatBuffer

    /// - Parameter dropout: of what goes into each layer and out of the last; that of the recurrence is one of `options`.
    ///   A residual connection adds the layer's input as the layer saw it, as in ELMo.
    public init(
        _ name: String, inputs: Int, options: ProjectedLSTM.Options, layers count: Int, residual: Bool,
        dropout: Float = 0, capacity: WindowCapacity, training: Bool, in layout: inout ParameterLayout
    ) {
        inputSize = inputs
        outputSize = options.output
        var layers: [ProjectedLSTM] = []
        var memories: [LSTMMemory] = []
        for index in 0..<count {
            let layer = ProjectedLSTM(
                "\(name).layer\(index + 1)", inputs: index == 0 ? inputs : options.output, options: options,
                dropoutSite: index + 1, in: &layout)
            memories.append(LSTMMemory(layer, capacity: capacity, training: training, sharing: memories.first))
            layers.append(layer)
        }
        self.layers = layers
        self.memories = memories
        sums = (0..<count).map { index in
            residual && index > 0 ? FloatBuffer(count: capacity.rows * options.output) : nil
        }
        dropouts = (0...count).map { index in
            DropoutLayer(
                rate: dropout, site: count + 1 + index, rows: training ? capacity.rows : 0,
                width: index == 0 ? inputs : options.output)
        }
        gradients = FloatBuffer(count: training ? capacity.rows * options.output : 0)
    }

    public var layerCount: Int { layers.count }

    public var factors: [Parameter] { layers.flatMap(\.factors) }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        for layer in layers { layer.initialize(parameters, random: &random) }
    }

    public func forward(
        _ input: Matrix, shape: WindowShape, mode: PassMode, _ parameters: ParameterStore, _ compute: Compute
    ) -> Matrix {
        var below = input
        for index in layers.indices {
            compute.enter(.dropout)
            below = dropouts[index].forward(below, mode)
            layers[index].forward(below, shape: shape, mode: mode, memory: memories[index], parameters, compute)
            let output = memories[index].outputs(shape)
            compute.enter(.sums)
            if let sum = sums[index] {
                let sum = Matrix(sum, rows: shape.rows, columns: outputSize)
                sum.copy(from: output)
                Vector.add(below.start, to: sum.start, count: shape.rows * outputSize)
            }
            below = layerOutput(index, shape: shape)
        }
        compute.enter(.dropout)
        defer { compute.enter(.other) }
        return dropouts[layers.count].forward(below, mode)
    }

    public func backward(
        _ input: Matrix, shape: WindowShape, outputGradient: Matrix, inputGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute
    ) {
        var gradient = outputGradient
        compute.enter(.dropout)
        dropouts[layers.count].backward(gradient)
        var spare = Matrix(gradients, rows: shape.rows, columns: outputSize)
        for index in layers.indices.reversed() {
            let lower = index == 0 ? inputGradient : spare
            // A residual hands the gradient on as it is; it is copied before the layer overwrites its own.
            let isResidual = sums[index] != nil
            compute.enter(.sums)
            if isResidual { lower.copy(from: gradient) }
            let below = index == 0 ? input : layerOutput(index - 1, shape: shape)
            layers[index].backward(
                dropouts[index].output(for: below), shape: shape, memory: memories[index], outputGradient: gradient,
                inputGradient: lower, addingToInput: isResidual, parameters, compute)
            compute.enter(.dropout)
            dropouts[index].backward(lower)
            (gradient, spare) = (lower, gradient)
        }
    }

    public func layerOutput(_ index: Int, shape: WindowShape) -> Matrix {
        sums[index].map { Matrix($0, rows: shape.rows, columns: outputSize) } ?? memories[index].outputs(shape)
    }

    public func carryState(from shape: WindowShape) { for memory in memories { memory.carryState(from: shape) } }

    public func resetState() { for memory in memories { memory.resetState() } }

    public func stateCount(batch: Int) -> Int { memories.reduce(0) { $0 + $1.stateCount(batch: batch) } }

    public var stateWidths: [Int] { memories.flatMap(\.stateWidths) }

    public func saveState(batch: Int, into target: UnsafeMutablePointer<Float>) {
        var target = target
        for memory in memories {
            memory.saveState(batch: batch, into: target)
            target += memory.stateCount(batch: batch)
        }
    }

    public func restoreState(batch: Int, from source: UnsafePointer<Float>) {
        var source = source
        for memory in memories {
            memory.restoreState(batch: batch, from: source)
            source += memory.stateCount(batch: batch)
        }
    }

    public var activations: [(name: String, bytes: Int)] {
        zip(memories, sums).enumerated().map { index, layer in
            ("layer\(index + 1) activations", layer.0.bytes + (layer.1?.bytes ?? 0) + dropouts[index].bytes)
        } + [("packed weights of a layer", memories.first?.weights.bytes ?? 0), ("gradient between layers", gradients.bytes + (dropouts.last?.bytes ?? 0))]
    }
}
