/// Which way a network reads, and everything that depends on it: where a token's step is, with which mark it begins.
public enum Direction: String, Codable, Sendable, CaseIterable {
    case forward, backward
    /// Both ways at once, by one network that sees whole windows: of a model that learns masked words.
    case bidirectional

    /// The directions of language models, which read one way each.
    public static let allCases: [Direction] = [.forward, .backward]

    /// True if the network reads from the end of the text to its beginning.
    private var isBackward: Bool { self == .backward }

    /// The mark that a sentence begins with in this direction, and, closing, that with which it ends.
    public func mark(closing: Bool = false) -> Int32 {
        isBackward == closing ? EncoderConfiguration.Mark.begin : EncoderConfiguration.Mark.end
    }

    /// The place of token `index` of a text of `length` tokens in the order in which they are read.
    public func step(of index: Int, length: Int) -> Int { isBackward ? length - 1 - index : index }

    /// A number that tells the directions' random draws apart.
    var number: Int { isBackward ? 1 : 0 }
    /// The seed of what the directions drop apart.
    func dropoutSeed(_ seed: UInt64) -> UInt64 { isBackward ? ~seed : seed }
}

/// The directions that a model has, in the order of their outputs.
public enum Reading: String, Codable, Sendable, CaseIterable {
    case forward, backward, both

    public var directions: [Direction] { Direction.allCases.filter { self == .both || $0.rawValue == rawValue } }

    /// The reading of so many directions; `nil` for none.
    public init?(_ directions: some Collection<Direction>) {
        guard let reading = Self.allCases.first(where: { Set($0.directions) == Set(directions) }) else { return nil }
        self = reading
    }
}

/// The words that a model learns to predict.
public enum Objective: String, Codable, Sendable, CaseIterable {
    /// At each position the word that comes next in the direction.
    case nextWord = "next-word"
    /// Some words of a window, most of which it does not show (Devlin et al. 2019).
    case masked
}
