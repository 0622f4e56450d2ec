public import Kernels

/// A bidirectional LSTM over the characters of a word (Ling et al. 2015), and the layer that MIMICK puts on it (Pinter,
/// Guthrie and Eisenstein 2017, equation 2):
///
///     h_f = last output of an LSTM from the first character to the last, h_b = the same from the last to the first
///     features = tanh([h_f; h_b] W + b)
public struct CharacterLSTM: CharacterEncoder {
    public let inputs: Int
    public let outputs: Int
    let hidden: Int
    let forward, backward: ProjectedLSTM
    let layer: Linear
    public var packedWeights: [Parameter] { [layer.weight] }

    /// - Parameter hidden: cells of each direction.
    public init(_ name: String, inputs: Int, hidden: Int, outputs: Int, in layout: inout ParameterLayout) {
        self.inputs = inputs
        self.outputs = outputs
        self.hidden = hidden
        let options = ProjectedLSTM.Options(cell: hidden, projection: nil)
        forward = ProjectedLSTM("\(name).forward", inputs: inputs, options: options, in: &layout)
        backward = ProjectedLSTM("\(name).backward", inputs: inputs, options: options, in: &layout)
        layer = Linear("\(name).layer", inputs: 2 * hidden, outputs: outputs, in: &layout)
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        forward.initialize(parameters, random: &random)
        backward.initialize(parameters, random: &random)
        layer.initialize(parameters, random: &random)
    }

    public func makeWorkspace(words: Int, longest: Int, training: Bool) -> any CharacterWorkspace {
        Workspace(self, words: words, longest: longest, training: training)
    }

    private final class Workspace: CharacterWorkspace {
        private let encoder: CharacterLSTM
        private let directions: [Direction]
        /// [characters, 4 hidden]: what each character adds to the gates, and its gradient.
        private let products: FloatBuffer
        /// [rows, hidden]
        private let stateGradient: FloatBuffer
        /// [words, 2 hidden] and [words, outputs]
        private let joined, joinedGradient, features: FloatBuffer

        init(_ encoder: CharacterLSTM, words: Int, longest: Int, training: Bool) {
            self.encoder = encoder
            let rows = words * longest, hidden = encoder.hidden
            let capacity = WindowCapacity(batch: words, rows: rows)
            directions = [
                Direction(
                    layer: encoder.forward, memory: LSTMMemory(encoder.forward, capacity: capacity, training: training),
                    isBackward: false, columns: 0..<hidden),
                Direction(
                    layer: encoder.backward, memory: LSTMMemory(encoder.backward, capacity: capacity, training: training),
                    isBackward: true, columns: hidden..<2 * hidden),
            ]
            products = FloatBuffer(count: rows * 4 * hidden)
            stateGradient = FloatBuffer(count: training ? rows * hidden : 0)
            joined = FloatBuffer(count: words * 2 * hidden)
            joinedGradient = FloatBuffer(count: training ? words * 2 * hidden : 0)
            features = FloatBuffer(count: words * encoder.outputs)
        }

        func forward(_ group: CharacterGroup, _ parameters: ParameterStore, _ compute: Compute) -> Matrix {
            let shape = WindowShape(steps: group.length, batch: group.words)
            let joined = Matrix(joined, rows: group.words, columns: 2 * encoder.hidden)
            let products = Matrix(products, rows: group.embeddings.rows, columns: 4 * encoder.hidden)
            for direction in directions {
                let memory = direction.memory
                compute.multiply(group.embeddings, parameters.value(direction.layer.inputWeight), into: products)
                let gates = memory.gates(shape)
                direction.forEachLetter(group) { row, place in
                    gates.row(row).update(from: products.row(place), count: products.columns)
                }
                memory.resetState()
                direction.layer.recur(
                    shape: shape, mode: .inference, memory: memory, parameters, compute)
                joined.columns(direction.columns).copy(
                    from: memory.outputs(shape).rows(shape.block(shape.steps - 1)))
            }
            let features = Matrix(features, rows: group.words, columns: encoder.outputs)
            encoder.layer.forward(joined, into: features, parameters, compute)
            Vector.hyperbolicTangent(features.start, into: features.start, count: group.words * encoder.outputs)
            return features
        }

        func backward(
            _ group: CharacterGroup, outputGradient: Matrix, embeddingGradient: Matrix, _ parameters: ParameterStore,
            _ compute: Compute
        ) {
            let shape = WindowShape(steps: group.length, batch: group.words)
            for word in 0..<group.words {
                let gradient = outputGradient.row(word), feature = features.start + word * encoder.outputs
                for index in 0..<encoder.outputs { gradient[index] *= 1 - feature[index] * feature[index] }
            }
            let joinedGradient = Matrix(joinedGradient, rows: group.words, columns: 2 * encoder.hidden)
            encoder.layer.backward(
                Matrix(joined, rows: group.words, columns: 2 * encoder.hidden), outputGradient: outputGradient,
                inputGradient: joinedGradient, parameters, compute)
            let stateGradient = Matrix(stateGradient, rows: shape.rows, columns: encoder.hidden)
            let productGradient = Matrix(products, rows: group.embeddings.rows, columns: 4 * encoder.hidden)
            for direction in directions {
                stateGradient.fill(0)
                stateGradient.rows(shape.block(shape.steps - 1)).copy(from: joinedGradient.columns(direction.columns))
                direction.layer.recurBackward(
                    shape: shape, memory: direction.memory, outputGradient: stateGradient, startsAtZero: true,
                    parameters, compute)
                let gates = direction.memory.gates(shape)
                productGradient.fill(0)
                direction.forEachLetter(group) { row, place in
                    Vector.add(gates.row(row), to: productGradient.row(place), count: productGradient.columns)
                }
                let weight = direction.layer.inputWeight
                compute.multiply(
                    group.embeddings.transposed, productGradient, into: parameters.gradient(weight), adding: true)
                compute.multiply(
                    productGradient, parameters.value(weight).transposed, into: embeddingGradient,
                    adding: direction.isBackward)
            }
        }
    }

    /// An LSTM that reads the words one way round.
    private struct Direction {
        let layer: ProjectedLSTM
        let memory: LSTMMemory
        let isBackward: Bool
        /// Where its last output stands among the features.
        let columns: Range<Int>

        /// Calls `body` with each row of the LSTM's steps, and the row of the group's character that it reads.
        @inline(__always)
        func forEachLetter(_ group: CharacterGroup, _ body: (Int, Int) -> Void) {
            for step in 0..<group.length {
                let letter = isBackward ? group.length - 1 - step : step
                for word in 0..<group.words { body(step * group.words + word, group.place(letter, word)) }
            }
        }
    }
}
