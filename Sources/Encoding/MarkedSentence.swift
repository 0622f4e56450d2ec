import Files

/// A tokenised sentence in which one word is marked: `the [bank] of the river`.
public struct MarkedSentence: Sendable, Equatable {
    public let words: [String]
    public let position: Int

    /// Parses words separated by white space, of which exactly one stands in square brackets.
    public static func parse(_ text: String) throws -> MarkedSentence {
        var words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        let marked = words.indices.filter { words[$0].hasPrefix("[") && words[$0].hasSuffix("]") && words[$0].count > 2 }
        guard marked.count == 1 else {
            throw ToolError(.usage, "a query marks one word with square brackets, as in 'the [bank] of the river'")
        }
        words[marked[0]] = String(words[marked[0]].dropFirst().dropLast())
        return MarkedSentence(words: words, position: marked[0])
    }
}
