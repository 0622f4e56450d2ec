public import Differentiation
public import Kernels
public import Layers

/// The first layer of every task network: a mix of an encoder's frozen layers with learned weights (Peters et al. 2018, equation 1),
/// followed by the word's own frozen vector.
public struct VectorInput: Sendable {
    /// The form of the vectors.
    public let form: VectorForm
    /// The parameters s and gamma of the mix; `nil` without an encoder.
    public let weights, gain: Parameter?

    /// The number of values per word in this layer's output.
    public var size: Int { form.width * min(form.layers, 1) + form.wordWidth }

    /// Declares the parameters.
    public init(_ form: VectorForm, in plan: inout Plan) {
        self.form = form
        weights = form.layers > 0 ? plan.parameter("mix.weights", [form.layers]) : nil
        gain = form.layers > 0 ? plan.parameter("mix.gain", [1]) : nil
    }

    /// Sets the parameters with which training begins.
    public func initialize(_ parameters: ParameterStore) {
        if let weights { parameters.fill(weights, with: 0) }
        if let gain { parameters.fill(gain, with: 1) }
    }

    /// Returns the words of sentences, one sentence after the other, [rows, size].
    /// - `sentences`: the vectors of each sentence, [words, form.columns].
    public func forward(_ sentences: [Matrix], on tape: Tape) -> Node {
        let rows = sentences.reduce(0) { $0 + $1.rows }, all = tape.memory(rows: rows, columns: form.columns)
        var first = 0
        for sentence in sentences {
            tape.backend.copy(sentence, to: all.rows(first..<first + sentence.rows))
            first += sentence.rows
        }
        let deep = form.layers * form.width, words = tape.constant(all.columns(deep..<form.columns))
        guard let weights, let gain else { return words }
        let mix = tape.mix(tape.constant(all.columns(0..<deep)), weights: weights, gain: gain)
        return form.wordWidth == 0 ? mix : tape.concatenate([mix, words])
    }
}
