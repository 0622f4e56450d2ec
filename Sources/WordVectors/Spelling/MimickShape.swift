public import Layers

/// What reads the characters of a word in a character model.
public enum CharacterReader: Sendable, Equatable {
    /// A bidirectional LSTM with this many cells in each direction: MIMICK (Pinter, Guthrie and Eisenstein 2017).
    case lstm(hidden: Int)
    /// Convolutions and highway layers (Kim et al. 2016): the input layer of ELMo.
    case convolution(filters: [CharacterConvolution.Filters], highways: Int)

    /// The convolutions of Kim et al. 2016 ("small"): 25 filters for each character of their width, and a highway.
    public static let defaultConvolution = CharacterReader.convolution(
        filters: (1...6).map { CharacterConvolution.Filters(width: $0, count: 25 * $0) }, highways: 1)
}

/// Sizes of a character model.
public struct MimickShape: Sendable, Equatable {
    /// Rows of the character embedding; row 0 is the unknown character's.
    public let characters: Int
    /// Numbers in a character's embedding.
    public let embedding: Int
    public let reader: CharacterReader
    /// Numbers in a word's vector.
    public let dimension: Int

    public init(characters: Int, embedding: Int, reader: CharacterReader, dimension: Int) {
        self.characters = characters
        self.embedding = embedding
        self.reader = reader
        self.dimension = dimension
    }

    /// The reader as layers. A new kind is a case above, a line here and two in `text`.
    func makeReader(in plan: inout Plan) -> any CharacterEncoder {
        switch reader {
        case .lstm(let hidden):
            CharacterLSTM("reader", inputs: embedding, hidden: hidden, outputs: dimension, in: &plan)
        case .convolution(let filters, let highways):
            ConvolutionEncoder("reader", inputs: embedding, filters: filters, highways: highways, in: &plan)
        }
    }

    /// As a table's header names it: `lstm CHARACTERS EMBEDDING HIDDEN`, or
    /// `convolution CHARACTERS EMBEDDING HIGHWAYS WIDTHxCOUNT...`.
    package var text: String {
        switch reader {
        case .lstm(let hidden): "lstm \(characters) \(embedding) \(hidden)"
        case .convolution(let filters, let highways):
            "convolution \(characters) \(embedding) \(highways) "
                + filters.map { "\($0.width)x\($0.count)" }.joined(separator: " ")
        }
    }

    /// `nil` if the text is not one, or its numbers are absurd.
    package init?(_ text: String, dimension: Int) {
        let words = text.split(separator: " ")
        func number(_ text: Substring?, _ range: ClosedRange<Int>) -> Int? {
            text.flatMap { Int($0) }.flatMap { range.contains($0) ? $0 : nil }
        }
        guard words.count >= 4, let characters = number(words[1], 1...0x110000),
            let embedding = number(words[2], 1...4096)
        else { return nil }
        switch words[0] {
        case "lstm":
            guard words.count == 4, let hidden = number(words[3], 1...4096) else { return nil }
            reader = .lstm(hidden: hidden)
        case "convolution":
            guard let highways = number(words[3], 0...16), (5...36).contains(words.count) else { return nil }
            var filters: [CharacterConvolution.Filters] = []
            for word in words[4...] {
                let parts = word.split(separator: "x")
                guard parts.count == 2, let width = number(parts[0], 1...64), let count = number(parts[1], 1...8192) else {
                    return nil
                }
                filters.append(.init(width: width, count: count))
            }
            reader = .convolution(filters: filters, highways: highways)
        default: return nil
        }
        self.characters = characters
        self.embedding = embedding
        self.dimension = dimension
    }
}
