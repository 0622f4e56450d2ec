import Files

/// A tokenised sentence in which one word is marked: `the [bank] of the river`.
public struct MarkedSentence: Sendable, Equatable {
    public let words: [String]
    public let position: Int

    /// Parses words separated by white space, of which exactly one stands in square brackets.
    public static func parse(_ text: String) throws -> MarkedSentence {
        var words = text.words
        let marked = words.indices.filter { words[$0].begins(with: "[") && words[$0].ends(with: "]") && words[$0].utf8.count > 2 }
        guard marked.count == 1 else {
            throw ToolError(.usage, "--query: a query marks one word with square brackets, as in 'the [bank] of the river'")
        }
        words[marked[0]] = String(words[marked[0]].unicodeScalars.dropFirst().dropLast())
        return MarkedSentence(words: words, position: marked[0])
    }
}
