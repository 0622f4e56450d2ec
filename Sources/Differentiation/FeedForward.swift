public import Kernels
public import Layers

/// Layers of rectified linear units, each followed by dropout, and an affine map at the end:
///
///     h = drop(relu(x W_1 + b_1)),  …,  y = h W + b
public struct FeedForward: Sendable {
    /// Hidden layers, then the last map.
    public let layers: [AffineMap]
    private let dropout: Float

    /// Declares the layers.
    /// - `sizes`: width of each hidden layer.
    /// - `dropout`: dropout rate after each of them.
    /// - `first`: number of the first layer, used in parameter names.
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

    /// Initialises hidden weights with Glorot's normal distribution, and the last map and all biases uniformly in ±1 /
    /// sqrt(inputs), as PyTorch does.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        for (index, layer) in layers.enumerated() {
            layer.initializeUniformly(parameters, random: &random)
            guard index < layers.count - 1 else { continue }
            parameters.fillGlorotNormal(layer.weight, inputs: layer.inputs, outputs: layer.outputs, random: &random)
        }
    }

    /// Computes [n, outputs] from [n, inputs].
    public func forward(_ input: Node, on tape: Tape) -> Node {
        var values = input
        for layer in layers.dropLast() { values = tape.rectify(layer.forward(values, on: tape), dropout: dropout) }
        return layers[layers.count - 1].forward(values, on: tape)
    }
}

extension Tape {
    /// Returns drop(relu(input)), in the memory of the input: for large results of operations whose backward passes do not read
    /// them, such as products and sums.
    public func rectify(_ input: Node, dropout: Float) -> Node {
        let draw = draw(rate: dropout)
        backend.activate(input.value, .relu)
        if let draw { backend.drop(input.value, draw, into: input.value) }
        record { [backend] in
            guard let gradient = input.gradient else { return }
            if let draw { backend.drop(gradient, draw, into: gradient) }
            // Dropped units are 0, and so is their gradient.
            backend.bend(gradient, by: input.value, .relu)
        }
        return input
    }
}
