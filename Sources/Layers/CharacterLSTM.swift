public import Kernels

/// A bidirectional LSTM over the characters of a word (Ling et al. 2015) with the output layer of MIMICK (Pinter, Guthrie and
/// Eisenstein 2017, equation 2):
///
///     h_f = last output of an LSTM from the first character to the last, h_b = the same from the last to the first
///     features = tanh([h_f; h_b] W + b)
///
/// ```swift
/// let encoder = CharacterLSTM("word", inputs: 20, hidden: 50, outputs: 300, in: &plan)
/// ```
public struct CharacterLSTM: CharacterEncoder {
    /// Size of a character's embedding.
    public let inputs: Int
    /// Number of features of a word.
    public let outputs: Int
    private let hidden: Int
    private let readings: [Reading]
    private let layer: Linear
    /// Contribution of each character to the gates, and its gradient, [characters, 4 hidden].
    private let products: MatrixSlot
    /// Gradient of the states, [rows, hidden].
    private let stateGradient: MatrixSlot
    /// Last outputs of both directions, and their gradient, [words, 2 hidden].
    private let joined, joinedGradient: MatrixSlot

    /// An LSTM that reads words in one direction.
    private struct Reading {
        let layer: ProjectedLSTM
        /// The character at each row of the steps; `nil` for the forward LSTM, which reads characters in their stored order.
        let letters: NumberSlot?
        /// Columns of its last output among the features.
        let columns: Range<Int>
    }

    /// Declares the layer.
    /// - `hidden`: cells of each direction.
    public init(_ name: String, inputs: Int, hidden: Int, outputs: Int, in plan: inout Plan) {
        self.inputs = inputs
        self.outputs = outputs
        self.hidden = hidden
        let (words, rows) = (plan.capacity.batch, plan.capacity.rows)
        let options = ProjectedLSTM.Options(cell: hidden, projection: nil)
        readings = [
            Reading(
                layer: ProjectedLSTM("\(name).forward", inputs: inputs, options: options, in: &plan), letters: nil,
                columns: 0..<hidden),
            Reading(
                layer: ProjectedLSTM("\(name).backward", inputs: inputs, options: options, in: &plan),
                letters: plan.numbers(rows), columns: hidden..<2 * hidden),
        ]
        layer = Linear("\(name).layer", inputs: 2 * hidden, outputs: outputs, rows: words, in: &plan)
        products = plan.matrix(rows: rows, columns: 4 * hidden)
        stateGradient = plan.gradient(rows: rows, columns: hidden)
        joined = plan.matrix(rows: words, columns: 2 * hidden)
        joinedGradient = plan.gradient(rows: words, columns: 2 * hidden)
    }

    public var factors: [Parameter] { layer.factors }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        for reading in readings { reading.layer.initialize(parameters, random: &random) }
        layer.initialize(parameters, random: &random)
    }

    public func forward(_ group: CharacterGroup, _ shape: WindowShape, _ run: Run) -> Matrix {
        let shape = group.shape
        let joined = run.matrix(joined, rows: group.words)
        let products = run.matrix(products, rows: group.embeddings.rows)
        run.memory.startsAtZero = true
        for reading in readings {
            run.multiply(group.embeddings, by: reading.layer.inputWeight, into: products)
            run.backend.gather(letters(reading, group, run), of: products, into: reading.layer.gates(shape, run))
            let outputs = reading.layer.recur(shape, run)
            run.backend.copy(outputs.rows(shape.block(shape.steps - 1)), to: joined.columns(reading.columns))
        }
        let features = layer.forward(joined, run)
        run.backend.activate(features, .tanh)
        return features
    }

    /// Returns the character of the group that each row of the steps reads.
    private func letters(_ reading: Reading, _ group: CharacterGroup, _ run: Run) -> Numbers {
        guard let slot = reading.letters else { return group.letters }
        let letters = run.numbers(slot)[0..<group.letters.count]
        for step in 0..<group.length {
            for word in 0..<group.words {
                letters[step * group.words + word] = group.letters[(group.length - 1 - step) * group.words + word]
            }
        }
        return letters
    }

    public func backward(
        _ group: CharacterGroup, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        let shape = group.shape, backend = run.backend
        backend.bend(outputGradient, by: layer.output(rows: group.words, run), .tanh)
        let joinedGradient = run.matrix(joinedGradient, rows: group.words)
        layer.backward(
            run.matrix(joined, rows: group.words), outputGradient: outputGradient, inputGradient: joinedGradient, run)
        let stateGradient = run.matrix(stateGradient, rows: shape.rows)
        let productGradient = run.matrix(products, rows: group.embeddings.rows)
        for (index, reading) in readings.enumerated() {
            backend.fill(stateGradient, with: 0)
            backend.copy(
                joinedGradient.columns(reading.columns), to: stateGradient.rows(shape.block(shape.steps - 1)))
            reading.layer.recurBackward(outputGradient: stateGradient, startsAtZero: true, shape, run)
            backend.fill(productGradient, with: 0)
            backend.scatterAdd(
                reading.layer.gates(shape, run), to: productGradient, at: letters(reading, group, run))
            let weight = reading.layer.inputWeight
            backend.multiply(group.embeddings.transposed, productGradient, into: run.gradient(weight), adding: true)
            guard let inputGradient else { continue }
            run.multiply(productGradient, byTransposed: weight, into: inputGradient, adding: adding || index > 0)
        }
    }
}
