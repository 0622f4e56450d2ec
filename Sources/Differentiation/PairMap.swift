public import Kernels
public import Layers

/// An affine map of the vectors of pairs of mentions, [g_i; g_j; g_i * g_j; distance] W + b. What depends on one mention, or on the
/// distance, is multiplied once rather than for each pair.
public struct PairMap: Sendable {
    /// Embeddings of distances, [buckets, features].
    public let distances: Parameter
    /// The parts of W for g_i, g_j and their product, [inputs, outputs] each, and for the distance, [features, outputs].
    public let anchorWeight, antecedentWeight, productWeight, distanceWeight: Parameter
    /// b, [outputs].
    public let bias: Parameter
    private var columns: Int { 3 * productWeight.shape[0] + distanceWeight.shape[0] }

    /// Declares the map.
    /// - `inputs`: size of a mention's vector.
    /// - `features`: size of a distance's embedding.
    public init(_ name: String, inputs: Int, features: Int, outputs: Int, in plan: inout Plan) {
        distances = plan.parameter("\(name).distances", [AntecedentPairs.bucketCount, features])
        anchorWeight = plan.parameter("\(name).anchor.weight", [inputs, outputs])
        antecedentWeight = plan.parameter("\(name).antecedent.weight", [inputs, outputs])
        productWeight = plan.parameter("\(name).product.weight", [inputs, outputs])
        distanceWeight = plan.parameter("\(name).distance.weight", [features, outputs])
        bias = plan.parameter("\(name).bias", [outputs])
    }

    /// Initialises the whole matrix with Glorot's normal distribution, and the bias uniformly in ±1 / sqrt(inputs), as PyTorch
    /// does.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorotNormal(distances, inputs: distances.shape[1], outputs: distances.shape[0], random: &random)
        for weight in [anchorWeight, antecedentWeight, productWeight, distanceWeight] {
            parameters.fillGlorotNormal(weight, inputs: columns, outputs: weight.shape[1], random: &random)
        }
        parameters.fillUniform(bias, inputs: columns, random: &random)
    }

    /// Computes the map of all pairs, [pairs, outputs], from the vectors of mentions, [mentions, inputs].
    public func forward(_ vectors: Node, _ pairs: AntecedentPairs, on tape: Tape) -> Node {
        tape.sums(
            over: pairs, vectors: vectors, weight: tape.value(productWeight),
            anchors: tape.multiply(vectors, by: anchorWeight, bias: bias), antecedents: tape.multiply(vectors, by: antecedentWeight),
            distances: tape.multiply(tape.value(distances), by: distanceWeight))
    }
}
