@_spi(HostMemory) public import Kernels
public import Layers

// Operations whose forward and backward passes are those of a backend.
extension Tape {
    // MARK: Products

    /// Returns input * weight + bias: [n, inputs] to [n, outputs].
    /// - `weight`: [inputs, outputs]
    /// - `bias`: [outputs]; `nil` means none.
    public func multiply(_ input: Node, by weight: Parameter, bias: Parameter? = nil) -> Node {
        let weight = value(weight), bias = bias.map { value($0) }, result = node(rows: input.rows, columns: weight.columns)
        if let bias {
            backend.multiply(input.value, weight.value, bias: bias.value, into: result.value)
        } else {
            backend.multiply(input.value, weight.value, into: result.value)
        }
        record { [backend] in
            guard let gradient = result.gradient, let weightGradient = weight.gradient else { return }
            backend.multiply(input.value.transposed, gradient, into: weightGradient, adding: true)
            if let sums = bias?.gradient { backend.addColumnSums(of: gradient, to: sums) }
            if let inputGradient = input.gradient {
                backend.multiply(gradient, weight.value.transposed, into: inputGradient, adding: true)
            }
        }
        return result
    }

    // MARK: Elements

    /// Returns function(input), element by element.
    public func activate(_ input: Node, _ function: Activation) -> Node {
        let result = node(rows: input.rows, columns: input.columns)
        backend.copy(input.value, to: result.value)
        backend.activate(result.value, function)
        record { [backend] in
            guard let gradient = result.gradient, let inputGradient = input.gradient else { return }
            backend.bend(gradient, by: result.value, function)
            backend.add(gradient, to: inputGradient)
        }
        return result
    }

    /// Returns one + other.
    public func add(_ one: Node, _ other: Node) -> Node {
        let result = node(rows: one.rows, columns: one.columns)
        backend.copy(one.value, to: result.value)
        backend.add(other.value, to: result.value)
        record { [backend] in
            guard let gradient = result.gradient else { return }
            if let target = one.gradient { backend.add(gradient, to: target) }
            if let target = other.gradient { backend.add(gradient, to: target) }
        }
        return result
    }

    /// Returns one - other.
    public func subtract(_ one: Node, _ other: Node) -> Node {
        let result = node(rows: one.rows, columns: one.columns)
        backend.copy(other.value, to: result.value)
        backend.scale(result.value, by: -1)
        backend.add(one.value, to: result.value)
        record { [backend] in
            guard let gradient = result.gradient else { return }
            if let target = one.gradient { backend.add(gradient, to: target) }
            guard let target = other.gradient else { return }
            backend.scale(gradient, by: -1)
            backend.add(gradient, to: target)
        }
        return result
    }

    /// Returns one * other, element by element.
    public func multiply(_ one: Node, _ other: Node) -> Node {
        let result = node(rows: one.rows, columns: one.columns)
        backend.copy(one.value, to: result.value)
        backend.multiply(result.value, by: other.value)
        record { [backend, self] in
            guard let gradient = result.gradient else { return }
            let product = memory(rows: gradient.rows, columns: gradient.columns)
            for (target, factor) in [(one.gradient, other.value), (other.gradient, one.value)] {
                guard let target else { continue }
                backend.copy(gradient, to: product)
                backend.multiply(product, by: factor)
                backend.add(product, to: target)
            }
        }
        return result
    }

    /// Returns `input` times the factors of inverted dropout (Srivastava et al. 2014) in training, and `input` itself in inference.
    public func drop(_ input: Node, rate: Float) -> Node {
        guard let draw = draw(rate: rate) else { return input }
        let result = node(rows: input.rows, columns: input.columns)
        backend.drop(input.value, draw, into: result.value)
        record { [backend] in
            guard let gradient = result.gradient, let target = input.gradient else { return }
            backend.drop(gradient, draw, into: gradient)
            backend.add(gradient, to: target)
        }
        return result
    }

    // MARK: Rows and columns

    /// Returns nodes side by side: [n, a], [n, b], … to [n, a + b + …].
    public func concatenate(_ nodes: [Node]) -> Node {
        let result = node(rows: nodes[0].rows, columns: nodes.reduce(0) { $0 + $1.columns })
        var first = 0
        let places = nodes.map { node in
            defer { first += node.columns }
            return first..<first + node.columns
        }
        for (node, place) in zip(nodes, places) { backend.copy(node.value, to: result.value.columns(place)) }
        record { [backend] in
            guard let gradient = result.gradient else { return }
            for (node, place) in zip(nodes, places) {
                if let target = node.gradient { backend.add(gradient.columns(place), to: target) }
            }
        }
        return result
    }

    /// Returns columns of a node, in the same memory.
    public func columns(_ range: Range<Int>, of node: Node) -> Node {
        Node(value: node.value.columns(range), gradient: node.gradient?.columns(range))
    }

    /// Returns rows of a node, in the same memory.
    public func rows(_ range: Range<Int>, of node: Node) -> Node {
        Node(value: node.value.rows(range), gradient: node.gradient?.rows(range))
    }

    /// Returns rows of a table in the order of `rows`, zeros for negative ones: [m, n] to [count of rows, n].
    public func gather(_ rows: Numbers, of table: Node) -> Node {
        let result = node(rows: rows.count, columns: table.columns)
        backend.gather(rows, of: table.value, into: result.value)
        record { [backend] in
            guard let gradient = result.gradient, let target = table.gradient else { return }
            backend.scatterAdd(gradient, to: target, at: rows)
        }
        return result
    }

    // MARK: Layers mixed

    /// Returns gamma x sum over layers l of softmax(s)_l h_l (Peters et al. 2018, equation 1): [n, layers x width] to [n, width].
    /// - `weights`: s, [layers]
    /// - `gain`: gamma, [1]
    public func mix(_ layers: Node, weights: Parameter, gain: Parameter) -> Node {
        let weights = value(weights), gain = value(gain), result = node(rows: layers.rows, columns: layers.columns / weights.columns)
        backend.mixLayers(layers.value, weights: weights.value, gain: gain.value, into: result.value)
        record { [backend, self] in
            guard let gradient = result.gradient, let weightGradient = weights.gradient, let gainGradient = gain.gradient else { return }
            let partials = scalars(mixBlocks * weights.columns)
            let inputGradient = layers.gradient.map { memory(rows: $0.rows, columns: $0.columns) }
            backend.mixLayersBackward(
                layers.value, weights: weights.value, gain: gain.value, outputGradient: gradient, inputGradient: inputGradient,
                partials: partials, weightGradient: weightGradient, gainGradient: gainGradient)
            if let inputGradient, let target = layers.gradient { backend.add(inputGradient, to: target) }
        }
        return result
    }
}
