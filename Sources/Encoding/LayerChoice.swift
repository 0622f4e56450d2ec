import Files
import FoundationEssentials
import Kernels
import Layers

/// The layers of an encoder that are returned for each token. Layer 0 is the input layer.
public enum LayerChoice: Sendable, Equatable {
    /// Every layer.
    case all
    /// The last layer.
    case top
    /// The mean of all layers.
    case average
    /// A single layer.
    case number(Int)
    /// The sum of all layers with learned weights.
    case mix(LayerMix)

    /// Parses a choice as users write it: `all`, `top`, `average`, or a number.
    public init?(_ text: String) {
        switch text {
        case "all": self = .all
        case "top": self = .top
        case "average": self = .average
        default:
            guard let number = Int(text), number >= 0, String(number) == text else { return nil }
            self = .number(number)
        }
    }

    /// The choice as users write it, for the header of a shard.
    public var description: String {
        switch self {
        case .all: "all"
        case .top: "top"
        case .average: "average"
        case .number(let number): String(number)
        case .mix(let mix): mix.description
        }
    }

    /// Returns the number of vectors for each token.
    public func count(of layers: Int) -> Int { self == .all ? layers : 1 }

    /// Returns the factor of each of `layers` layers in their sum; `nil` if they are not added.
    func factors(layers: Int) -> [Float]? {
        switch self {
        case .all: nil
        case .top: (0..<layers).map { $0 == layers - 1 ? 1 : 0 }
        case .average: Array(repeating: 1 / Float(layers), count: layers)
        case .number(let number): (0..<layers).map { $0 == number ? 1 : 0 }
        case .mix(let mix): mix.factors
        }
    }

    /// Returns why a model of `layers` layers cannot provide these; `nil` if it can.
    func complaint(layers: Int) -> String? {
        switch self {
        case .number(let number) where number >= layers:
            "--layers \(number): the model has the layers 0, its input layer, to \(layers - 1)"
        case .mix(let mix) where mix.weights.count != layers:
            "\(mix.name): has weights for \(mix.weights.count) layers, and the model has \(layers), its input layer among them"
        default: nil
        }
    }
}

/// Learned weights of an encoder's layers, read from a file: gamma x sum over layers l of softmax(s)_l h_l (Peters et al. 2018,
/// equation 1), the mix that `ScalarMix` learns.
///
///     {"weights": [-0.2, 0.9, 0.1], "gamma": 1.3}
public struct LayerMix: Sendable, Equatable {
    /// Name of the file, for messages.
    public let name: String
    /// s, before the softmax, starting with the input layer.
    public let weights: [Double]
    /// Factor of the mix.
    public let gamma: Double

    /// Creates a mix.
    public init(name: String = "mix", weights: [Double], gamma: Double = 1) {
        self.name = name
        self.weights = weights
        self.gamma = gamma
    }

    private struct Fields: Decodable {
        let weights: [Double]
        let gamma: Double?
    }

    /// Reads a file. Throws `ToolError`: `noInput`, or `dataError` unless it contains such an object.
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

    /// A value of any type.
    private struct Ignored: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    /// The factor of each layer.
    var factors: [Float] { softmaxShares(of: weights).map { Float(gamma * $0) } }

    /// For the header of a shard, in which the file's name does not matter.
    var description: String {
        "mix weights \(weights.map { "\($0)" }.joined(separator: " ")) gamma \(gamma)"
    }
}

/// Returns a name from a file in a form fit for a message.
private func jsonName(_ name: String) -> String { name.count > 40 ? "\(name.prefix(40))…" : name }
