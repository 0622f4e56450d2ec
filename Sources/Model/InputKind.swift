internal import Layers

/// The available input layers. To add one, write a file in Layers and a line in each switch here.
public enum InputKind: String, Codable, Sendable, CaseIterable {
    /// Frozen vectors of an embedding table and a linear layer.
    case embeddings
    /// ELMo's characters: convolutions, highway layers and a projection.
    case characters
    /// A trained vector for each unit of the vocabulary.
    case subwords
}

extension EncoderConfiguration {
    /// Declares the layer from words to the encoder's input, `width` wide.
    func makeInput(_ name: String, in plan: inout Plan) -> any InputLayer {
        switch input {
        case .embeddings: EmbeddingInput(name, inputs: inputSize, outputs: width, in: &plan)
        case .characters: CharacterInput(name, shape: characterShape, outputs: width, in: &plan)
        case .subwords: TableInput(name, units: vocabularySize, outputs: width, isDense: isTied, in: &plan)
        }
    }

    /// Alphabet of bilm-tf: bytes, four marks, and padding.
    public static let alphabet = (
        size: 261, sentenceBegin: UInt16(256), sentenceEnd: UInt16(257), wordBegin: UInt16(258), wordEnd: UInt16(259)
    )

    var characterShape: CharacterInput.Shape {
        CharacterInput.Shape(
            alphabet: Self.alphabet.size, characterSize: characterSize,
            filters: filters.map { .init(width: $0[0], count: $0[1]) }, activation: activation, highways: highways,
            longest: longestWord)
    }

    /// Describes the sizes of the character input.
    var characterDescription: String {
        "\(characterSize), filters \(filters.map { "\($0[0]):\($0[1])" }.joined(separator: ",")) \(activation.rawValue), "
            + "highways \(highways), words of \(longestWord)"
    }

    /// The complaint about values that do not form an input layer; `nil` if they are valid.
    var inputComplaint: String? {
        switch input {
        case .embeddings:
            if inputSize < 1 || inputSize > 1 << 20 { return "inputSize is \(inputSize), and must be from 1 to \(1 << 20)" }
        case .characters:
            if characterSize < 1 || characterSize > 4096 { return "characterSize is \(characterSize), and must be from 1 to 4096" }
            if highways < 0 || highways > 64 { return "highways is \(highways), and must be from 0 to 64" }
            if longestWord < 3 || longestWord > 1024 { return "longestWord is \(longestWord), and must be from 3 to 1024" }
            if markNames.count != 2 || markNames[0] == markNames[1] { return "markNames must be two different words" }
            if filters.isEmpty { return "characters need filters" }
            for filter in filters {
                guard filter.count == 2, (1...longestWord).contains(filter[0]), (1...1 << 16).contains(filter[1])
                else { return "a filter is WIDTH:COUNT, the width from 1 to \(longestWord), the count from 1 to 65536" }
            }
            if Set(filters.map { $0[0] }).count != filters.count { return "filters of one width stand once, with their count" }
        case .subwords:
            if output != .subwordSoftmax { return "subwords as input need the output subword-softmax: both read the same tokens" }
        }
        return nil
    }

    /// Approximate number of weights.
    var inputWeights: Double {
        let width = Double(self.width)
        switch input {
        case .embeddings: return Double(inputSize) * width
        case .characters: return filterWeights + highwayWeights + features * width
        case .subwords: return isTied ? 0 : Double(vocabularySize) * width
        }
    }

    /// Number of features of a word read by characters.
    private var features: Double { filters.reduce(0.0) { $0 + Double($1[1]) } }
    private var filterWeights: Double { filters.reduce(0.0) { $0 + Double($1[0] * $1[1]) } * Double(characterSize) }
    private var highwayWeights: Double { 2 * Double(highways) * features * features }

    /// Approximate number of weights that take part in training on one word. Characters are read once for each distinct word, of
    /// which there are about two for five words of a window, with a filter at each of about eight places; a row of a table costs
    /// nothing.
    var inputWeightsOfWord: Double {
        switch input {
        case .embeddings: inputWeights
        case .characters: 0.4 * (8 * filterWeights + highwayWeights + features * Double(self.width))
        case .subwords: 0
        }
    }

    /// Approximate number of values that the layer keeps for each position of a window.
    var inputActivations: Double {
        guard input == .characters else { return 0 }
        let letters = Double(longestWord + (filters.map { $0[0] }.max() ?? 0))
        return 2 * letters * Double(characterSize) + (4 + 6 * Double(highways)) * features + 2 * Double(self.width)
    }
}
