internal import Files
internal import FoundationEssentials
internal import Kernels

/// Learned weights of an encoder's layers, from a file: gamma x sum over layers l of softmax(s)_l h_l (Peters et al. 2018,
/// equation 1), the mix that `ScalarMix` learns.
///
///     {"weights": [-0.2, 0.9, 0.1], "gamma": 1.3}
public struct LayerMix: Sendable, Equatable {
    /// Of the file, for messages.
    public let name: String
    /// s, before the softmax: the input layer's first.
    public let weights: [Double]
    public let gamma: Double

    public init(name: String = "mix", weights: [Double], gamma: Double = 1) {
        self.name = name
        self.weights = weights
        self.gamma = gamma
    }

    private struct Fields: Decodable {
        let weights: [Double]
        let gamma: Double?
    }

    /// Reads a file. Throws `ToolError`: `noInput`, or `dataError` if it is not such an object.
    public init(path: String) throws {
        let bytes = try readSmall(openInput(path))
        func refuse(_ cause: String) -> ToolError { .data(path, "", cause) }
        guard let fields = try? JSONDecoder().decode([String: Ignored].self, from: Data(bytes)) else {
            throw refuse("is not a JSON object such as {\"weights\": [0.1, 0.3, -0.2], \"gamma\": 1}")
        }
        if let name = repeatedJSONName(bytes) { throw refuse("has the field \(jsonName(name)) twice") }
        if let unknown = fields.keys.filter({ $0 != "weights" && $0 != "gamma" }).min() {
            throw refuse("has the field \(jsonName(unknown)), and only weights and gamma are known")
        }
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(bytes)) else {
            throw refuse("needs the field weights, a list of numbers, and gamma, if it is there, must be a number")
        }
        guard !fields.weights.isEmpty else { throw refuse("has no weights") }
        guard (fields.weights + [fields.gamma ?? 1]).allSatisfy({ Float($0).isFinite }) else {
            throw refuse("has a number that is too large")
        }
        self.init(name: path, weights: fields.weights, gamma: fields.gamma ?? 1)
    }

    /// Any value.
    private struct Ignored: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    /// What each layer is multiplied by.
    var factors: [Float] { softmaxShares(of: weights).map { Float(gamma * $0) } }

    /// For the header of a shard: the file's name is not what matters.
    var description: String {
        "mix weights \(weights.map { "\($0)" }.joined(separator: " ")) gamma \(gamma)"
    }
}

/// A name out of a file, fit for a message.
private func jsonName(_ name: String) -> String { name.count > 40 ? "\(name.prefix(40))…" : name }
