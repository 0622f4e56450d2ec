/// A direction of reading, and what depends on it: the step of a token, and the mark at the start of a sentence.
public enum Direction: String, Codable, Sendable, CaseIterable {
    /// From the start of the text, or from its end.
    case forward, backward
    /// Both at once, by one network that sees whole windows, for a model of masked words.
    case bidirectional

    /// The directions of language models, each of which reads in one direction.
    public static let allCases: [Direction] = [.forward, .backward]

    /// True if the network reads from the end of the text to its start.
    private var isBackward: Bool { self == .backward }

    /// Returns the mark at the start of a sentence in this direction or, with `closing`, at its end.
    public func mark(closing: Bool = false) -> Int32 {
        isBackward == closing ? EncoderConfiguration.Mark.begin : EncoderConfiguration.Mark.end
    }

    /// Returns the step at which token `index` of a text of `length` tokens is read.
    public func step(of index: Int, length: Int) -> Int { isBackward ? length - 1 - index : index }

    /// A number that makes the random draws of the directions differ.
    var number: Int { isBackward ? 1 : 0 }
    /// Returns the seed of dropout, which differs between directions.
    func dropoutSeed(_ seed: UInt64) -> UInt64 { isBackward ? ~seed : seed }
}

/// The directions of a model, in the order of their outputs.
public enum Reading: String, Codable, Sendable, CaseIterable {
    /// One direction, or both.
    case forward, backward, both

    /// The directions as a list.
    public var directions: [Direction] { Direction.allCases.filter { self == .both || $0.rawValue == rawValue } }

    /// Returns the reading of a set of directions; `nil` if it is empty.
    public init?(_ directions: some Collection<Direction>) {
        guard let reading = Self.allCases.first(where: { Set($0.directions) == Set(directions) }) else { return nil }
        self = reading
    }
}

/// The objective of a model: the words that it learns to predict.
public enum Objective: String, Codable, Sendable, CaseIterable {
    /// At each position, the next word in the direction of reading.
    case nextWord = "next-word"
    /// Some words of a window, most of which are hidden (Devlin et al. 2019).
    case masked
}
