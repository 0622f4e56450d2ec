public import Kernels
public import Layers

/// Layers of rectified units, with dropout behind each, and an affine map at the end:
///
///     h = drop(relu(x W_1 + b_1)),  …,  y = h W + b
public struct FeedForward: Sendable {
    /// The hidden layers, then the last map.
    public let layers: [AffineMap]
    private let dropout: Float

    /// - Parameters:
    ///   - sizes: units of each hidden layer.
    ///   - dropout: rate behind each of them.
    ///   - first: the number of the first one, in the names of the parameters.
    public init(
        _ name: String, inputs: Int, sizes: [Int], outputs: Int, dropout: Float, first: Int = 1, in plan: inout Plan
    ) {
        var inputs = inputs, layers: [AffineMap] = []
        for (index, size) in sizes.enumerated() {
            layers.append(AffineMap("\(name).layer\(first + index)", inputs: inputs, outputs: size, in: &plan))
            inputs = size
        }
        layers.append(AffineMap("\(name).output", inputs: inputs, outputs: outputs, in: &plan))
        (self.layers, self.dropout) = (layers, dropout)
    }

    /// Hidden weights as Glorot's normal ones; the last map, and all biases, uniform in ±1 / sqrt(inputs), as PyTorch begins.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        for (index, layer) in layers.enumerated() {
            layer.initializeUniformly(parameters, random: &random)
            guard index < layers.count - 1 else { continue }
            parameters.fillGlorotNormal(layer.weight, inputs: layer.inputs, outputs: layer.outputs, random: &random)
        }
    }

    /// [n, inputs] to [n, outputs]
    public func forward(_ input: Node, on tape: Tape) -> Node {
        var values = input
        for layer in layers.dropLast() { values = tape.rectify(layer.forward(values, on: tape), dropout: dropout) }
        return layers[layers.count - 1].forward(values, on: tape)
    }
}

extension Tape {
    /// drop(relu(input)), in the memory of the input: for large results of operations whose backward passes do not read them, such as
    /// products and sums.
    public func rectify(_ input: Node, dropout: Float) -> Node {
        let draw = draw(rate: dropout)
        backend.activate(input.value, .relu)
        if let draw { backend.drop(input.value, draw, into: input.value) }
        record { [backend] in
            guard let gradient = input.gradient else { return }
            if let draw { backend.drop(gradient, draw, into: gradient) }
            // Units that were dropped are 0, and so is their gradient.
            backend.bend(gradient, by: input.value, .relu)
        }
        return input
    }
}
