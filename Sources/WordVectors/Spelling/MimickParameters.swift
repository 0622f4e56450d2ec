package import Kernels

/// Sizes of a MIMICK network.
package struct MimickShape: Sendable, Equatable {
    /// Rows of the character embedding; row 0 is the unknown character's.
    package let characters: Int
    package let embedding: Int
    package let hidden: Int
    package let dimension: Int

    package init(characters: Int, embedding: Int, hidden: Int, dimension: Int) {
        self.characters = characters
        self.embedding = embedding
        self.hidden = hidden
        self.dimension = dimension
    }

    /// Names and shapes of the parameters, in the order of memory. An LSTM's gates are input, forget, cell, output.
    package var parts: [(name: String, shape: [Int])] {
        var parts = [(name: "embedding", shape: [characters, embedding])]
        for direction in ["forward", "backward"] {
            parts.append((name: direction + ".input", shape: [4 * hidden, embedding]))
            parts.append((name: direction + ".recurrent", shape: [4 * hidden, hidden]))
            parts.append((name: direction + ".bias", shape: [4 * hidden]))
        }
        parts.append((name: "layer.weight", shape: [dimension, 2 * hidden]))
        parts.append((name: "layer.bias", shape: [dimension]))
        parts.append((name: "output.weight", shape: [dimension, dimension]))
        parts.append((name: "output.bias", shape: [dimension]))
        return parts
    }

    package var count: Int { parts.reduce(0) { $0 + $1.shape.reduce(1, *) } }
}

/// The parameters of a MIMICK network, or their gradients, or an optimiser's moments, in one piece of memory.
package final class MimickParameters: Sendable {
    /// The parameters of one direction's LSTM: [4 hidden, embedding], [4 hidden, hidden], [4 hidden].
    package struct Direction: Sendable {
        package let input: Matrix
        package let recurrent: Matrix
        package let bias: Matrix
    }

    package let shape: MimickShape
    package let buffer: FloatBuffer
    package let embedding: Matrix
    package let forward: Direction
    package let backward: Direction
    package let layerWeight: Matrix
    package let layerBias: Matrix
    package let outputWeight: Matrix
    package let outputBias: Matrix
    /// All of them as they are named in a table.
    package let named: [(name: String, shape: [Int], values: Matrix)]

    package init(_ shape: MimickShape) {
        self.shape = shape
        buffer = FloatBuffer(count: shape.count)
        var offset = 0
        var named: [(name: String, shape: [Int], values: Matrix)] = []
        for (name, sides) in shape.parts {
            let columns = sides.last ?? 1
            let rows = sides.count == 2 ? sides[0] : 1
            named.append((name, sides, Matrix(buffer.start + offset, rows: rows, columns: columns)))
            offset += rows * columns
        }
        self.named = named
        embedding = named[0].values
        forward = Direction(input: named[1].values, recurrent: named[2].values, bias: named[3].values)
        backward = Direction(input: named[4].values, recurrent: named[5].values, bias: named[6].values)
        layerWeight = named[7].values
        layerBias = named[8].values
        outputWeight = named[9].values
        outputBias = named[10].values
    }

    /// Small random weights: embeddings uniform in ±1, LSTM weights uniform in ±1/sqrt(hidden), the layers after Glorot
    /// and Bengio 2010; biases zero but for the forget gates' 1.
    package func initialise(seed: UInt64) {
        var random = Random(seed: seed, stream: "mimick parameters")
        for (name, _, values) in named {
            let bound: Double
            switch name {
            case "embedding": bound = 1
            case "layer.weight", "output.weight": bound = (6 / Double(values.rows + values.columns)).squareRoot()
            case _ where name.hasSuffix("bias"): bound = 0
            default: bound = 1 / Double(shape.hidden).squareRoot()
            }
            for index in 0..<values.rows * values.columns {
                values.start[index] = bound == 0 ? 0 : Float(random.uniform(in: -bound..<bound))
            }
        }
        for direction in [forward, backward] {
            (direction.bias.start + shape.hidden).update(repeating: 1, count: shape.hidden)
        }
    }
}
