@_spi(HostMemory) public import Kernels
public import Layers
internal import Parallel

/// Layers of maxout units, each the maximum of several affine maps of the inputs (Goodfellow et al. 2013):
///
///     h[u] = max over k of x . W[u, k] + b[u, k]
///
/// Each layer is followed by dropout.
public struct Maxout: Sendable {
    /// Maps of each layer, [inputs, units x pieces], with the pieces of a unit side by side.
    public let layers: [AffineMap]
    /// Number of maps of each unit.
    public let pieces: Int
    private let dropout: [Float]

    /// Declares the layers.
    /// - `sizes`: number of units of each layer.
    /// - `dropout`: dropout rate after each layer.
    public init(_ name: String, inputs: Int, sizes: [Int], pieces: Int, dropout: [Float], in plan: inout Plan) {
        precondition(sizes.count == dropout.count)
        (self.pieces, self.dropout) = (pieces, dropout)
        var inputs = inputs, layers: [AffineMap] = []
        for (index, size) in sizes.enumerated() {
            layers.append(AffineMap("\(name).layer\(index + 1)", inputs: inputs, outputs: size * pieces, in: &plan))
            inputs = size
        }
        self.layers = layers
    }

    /// Initialises weights and biases uniformly in ±1 / sqrt(inputs), as PyTorch does.
    public func initializeUniformly(_ parameters: ParameterStore, random: inout Random) {
        for layer in layers { layer.initializeUniformly(parameters, random: &random) }
    }

    /// Computes [n, units of the last layer] from [n, inputs].
    public func forward(_ input: Node, on tape: Tape) -> Node {
        var values = input
        for (layer, rate) in zip(layers, dropout) {
            values = tape.drop(tape.maxima(layer.forward(values, on: tape), ofEach: pieces), rate: rate)
        }
        return values
    }
}

extension Tape {
    /// Returns the maximum of every `count` adjacent columns, the first of equals: [n, m x count] to [n, m].
    public func maxima(_ input: Node, ofEach count: Int) -> Node {
        precondition(input.columns % count == 0)
        let units = input.columns / count, result = node(rows: input.rows, columns: units), pool = backend.pool
        let chosen = numbers(input.rows * units)
        pool.forEach(input.rows) { row in
            let values = input.value.row(row), best = result.value.row(row), places = chosen.pointer + row * units
            for unit in 0..<units {
                let first = unit * count
                var place = first
                for index in first + 1..<first + count where values[index] > values[place] { place = index }
                best[unit] = values[place]
                places[unit] = Int32(place)
            }
        }
        record {
            guard let gradient = result.gradient, let target = input.gradient else { return }
            pool.forEach(target.rows) { row in
                let given = gradient.row(row), target = target.row(row), places = chosen.pointer + row * units
                for unit in 0..<units { target[Int(places[unit])] += given[unit] }
            }
        }
        return result
    }
}
