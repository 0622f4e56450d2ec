public import Kernels
public import Layers

/// Vectors of spans (Lee et al. 2017): the states at both ends, an embedding of the length, and the head of the span, a weighted
/// mean of its words whose weights come from a score of each word:
///
///     g = [states[first]; states[last]; widths[length - 1]; sum over words w of softmax(x . a)_w x_w]
public struct SpanRepresentation: Sendable {
    /// Sizes of a state, of a length's embedding, and of a word.
    public let states, features, words: Int
    /// Maximum number of words of a span.
    public let widest: Int
    /// a, [words, 1]. A bias would not change the weights.
    public let attention: Parameter
    /// Embeddings of lengths, [widest, features].
    public let widths: Parameter
    /// Size of a span's vector.
    public var size: Int { 2 * states + features + words }

    /// Declares the parameters.
    public init(_ name: String, states: Int, words: Int, features: Int, widest: Int, in plan: inout Plan) {
        (self.states, self.words, self.features, self.widest) = (states, words, features, widest)
        attention = plan.parameter("\(name).attention", [words, 1])
        widths = plan.parameter("\(name).widths", [widest, features])
    }

    /// Sets the initial weights.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillUniform(attention, inputs: words, random: &random)
        parameters.fillGlorotNormal(widths, inputs: features, outputs: widest, random: &random)
    }

    /// Returns the scores of words as heads: [rows, words] to [rows, 1].
    public func headScores(_ words: Node, on tape: Tape) -> Node { tape.multiply(words, by: attention) }

    /// Returns the vectors of spans, [spans, size].
    /// - `states`: [rows, states]
    /// - `words`: [rows, words]
    /// - `headScores`: [rows, 1]
    public func forward(states: Node, words: Node, headScores: Node, _ spans: Spans, on tape: Tape) -> Node {
        let shares = tape.headShares(headScores, spans)
        return tape.concatenate([
            tape.gather(spans.firsts, of: states), tape.gather(spans.lasts, of: states),
            tape.gather(spans.widths, of: tape.value(widths)), tape.sums(over: spans, heads: words, shares: shares),
        ])
    }
}

/// An affine map of spans' vectors, g W + b, for spans too numerous to compute their vectors. What depends on a word is multiplied
/// once for the word, rather than for each span that contains it.
public struct SpanMap: Sendable {
    /// The parts of W for the states at both ends, [states, outputs] each, for the length's embedding, and for the head.
    public let firsts, lasts, widths, heads: Parameter
    /// b, [outputs].
    public let bias: Parameter
    private let inputs: Int

    /// Declares the map.
    public init(_ name: String, _ representation: SpanRepresentation, outputs: Int, in plan: inout Plan) {
        inputs = representation.size
        firsts = plan.parameter("\(name).firsts", [representation.states, outputs])
        lasts = plan.parameter("\(name).lasts", [representation.states, outputs])
        widths = plan.parameter("\(name).widths", [representation.features, outputs])
        heads = plan.parameter("\(name).heads", [representation.words, outputs])
        bias = plan.parameter("\(name).bias", [outputs])
    }

    /// Initialises the whole matrix with Glorot's normal distribution, and the bias uniformly in ±1 / sqrt(inputs), as PyTorch
    /// does.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        for weight in [firsts, lasts, widths, heads] {
            parameters.fillGlorotNormal(weight, inputs: inputs, outputs: weight.shape[1], random: &random)
        }
        parameters.fillUniform(bias, inputs: inputs, random: &random)
    }

    /// Returns the map's outputs for the vectors that `representation.forward` would return: [spans, outputs].
    public func forward(
        _ representation: SpanRepresentation, states: Node, words: Node, headScores: Node, _ spans: Spans, on tape: Tape
    ) -> Node {
        tape.sums(
            over: spans, heads: tape.multiply(words, by: heads), shares: tape.headShares(headScores, spans),
            firsts: tape.multiply(states, by: firsts, bias: bias), lasts: tape.multiply(states, by: lasts),
            widths: tape.multiply(tape.value(representation.widths), by: widths))
    }
}
