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
        private let forwardMemory, backwardMemory: LSTMMemory
        /// [rows, inputs]: the input and its gradient with time reversed.
        private let reversed, reversedGradient: FloatBuffer
        /// [rows, hidden]
        private let stateGradient: FloatBuffer
        /// [words, 2 hidden] and [words, outputs]
        private let joined, joinedGradient, features: FloatBuffer

        init(_ encoder: CharacterLSTM, words: Int, longest: Int, training: Bool) {
            self.encoder = encoder
            let rows = words * longest, hidden = encoder.hidden
            let capacity = WindowCapacity(batch: words, rows: rows)
            forwardMemory = LSTMMemory(encoder.forward, capacity: capacity, training: training)
            backwardMemory = LSTMMemory(encoder.backward, capacity: capacity, training: training)
            reversed = FloatBuffer(count: rows * encoder.inputs)
            reversedGradient = FloatBuffer(count: training ? rows * encoder.inputs : 0)
            stateGradient = FloatBuffer(count: training ? rows * hidden : 0)
            joined = FloatBuffer(count: words * 2 * hidden)
            joinedGradient = FloatBuffer(count: training ? words * 2 * hidden : 0)
            features = FloatBuffer(count: words * encoder.outputs)
        }

        func forward(_ input: Matrix, words: Int, _ parameters: ParameterStore, _ compute: Compute) -> Matrix {
            let shape = WindowShape(steps: input.rows / words, batch: words)
            let reversed = Matrix(reversed, rows: input.rows, columns: encoder.inputs)
            copyReversed(input, into: reversed, shape)
            let joined = Matrix(joined, rows: words, columns: 2 * encoder.hidden)
            for (layer, memory, input, columns) in directions(input, reversed) {
                memory.resetState()
                layer.forward(input, shape: shape, mode: .inference, memory: memory, parameters, compute)
                joined.columns(columns).copy(from: memory.outputs(shape).rows(shape.block(shape.steps - 1)))
            }
            let features = Matrix(features, rows: words, columns: encoder.outputs)
            encoder.layer.forward(joined, into: features, parameters, compute)
            Vector.hyperbolicTangent(features.start, into: features.start, count: words * encoder.outputs)
            return features
        }

        func backward(
            _ input: Matrix, words: Int, outputGradient: Matrix, inputGradient: Matrix, _ parameters: ParameterStore,
            _ compute: Compute
        ) {
            let shape = WindowShape(steps: input.rows / words, batch: words)
            for word in 0..<words {
                let gradient = outputGradient.row(word), feature = features.start + word * encoder.outputs
                for index in 0..<encoder.outputs { gradient[index] *= 1 - feature[index] * feature[index] }
            }
            let joinedGradient = Matrix(joinedGradient, rows: words, columns: 2 * encoder.hidden)
            encoder.layer.backward(
                Matrix(joined, rows: words, columns: 2 * encoder.hidden), outputGradient: outputGradient,
                inputGradient: joinedGradient, parameters, compute)
            let stateGradient = Matrix(stateGradient, rows: input.rows, columns: encoder.hidden)
            let reversed = Matrix(reversed, rows: input.rows, columns: encoder.inputs)
            let reversedGradient = Matrix(reversedGradient, rows: input.rows, columns: encoder.inputs)
            for (layer, memory, input, columns) in directions(input, reversed) {
                let isForward = columns.lowerBound == 0
                stateGradient.fill(0)
                stateGradient.rows(shape.block(shape.steps - 1)).copy(from: joinedGradient.columns(columns))
                layer.backward(
                    input, shape: shape, memory: memory, outputGradient: stateGradient,
                    inputGradient: isForward ? inputGradient : reversedGradient, parameters, compute)
            }
            for step in 0..<shape.steps {
                let source = reversedGradient.rows(shape.block(shape.steps - 1 - step))
                Vector.add(
                    source.start, to: inputGradient.rows(shape.block(step)).start, count: words * encoder.inputs)
            }
        }

        private func directions(
            _ input: Matrix, _ reversed: Matrix
        ) -> [(ProjectedLSTM, LSTMMemory, Matrix, Range<Int>)] {
            [
                (encoder.forward, forwardMemory, input, 0..<encoder.hidden),
                (encoder.backward, backwardMemory, reversed, encoder.hidden..<2 * encoder.hidden),
            ]
        }

        private func copyReversed(_ source: Matrix, into target: Matrix, _ shape: WindowShape) {
            for step in 0..<shape.steps {
                target.rows(shape.block(shape.steps - 1 - step)).copy(from: source.rows(shape.block(step)))
            }
        }
    }
}
