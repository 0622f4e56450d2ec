internal import Layers

/// Which of the encoder's layers to give for each token. Layer 0 is the input layer.
public enum LayerChoice: Sendable, Equatable {
    /// Every layer.
    case all
    /// The last one.
    case top
    /// The mean of all.
    case average
    /// One of them.
    case number(Int)
    /// The sum of all with weights that a task has learned.
    case mix(LayerMix)

    /// As a user writes it: `all`, `top`, `average`, or a number.
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

    /// The same, for the header of a shard.
    public var description: String {
        switch self {
        case .all: "all"
        case .top: "top"
        case .average: "average"
        case .number(let number): String(number)
        case .mix(let mix): mix.description
        }
    }

    /// Vectors a token gets.
    public func count(of layers: Int) -> Int { self == .all ? layers : 1 }

    /// What each of `layers` layers is multiplied by before they are added; `nil`: they are not added.
    func factors(layers: Int) -> [Float]? {
        switch self {
        case .all: nil
        case .top: (0..<layers).map { $0 == layers - 1 ? 1 : 0 }
        case .average: Array(repeating: 1 / Float(layers), count: layers)
        case .number(let number): (0..<layers).map { $0 == number ? 1 : 0 }
        case .mix(let mix): mix.factors
        }
    }

    /// What is wrong with the choice for a model of `layers` layers; `nil` if nothing is.
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
