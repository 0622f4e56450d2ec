import Kernels
public import Shards

/// An occurrence of a word in a sentence, and how near it is to the query.
public struct Neighbour: Sendable {
    public let cosine: Double
    public let words: [String]
    public let position: Int

    /// The sentence with the word marked: `the [bank] of the river`.
    public var marked: String {
        words.enumerated().map { $0.offset == position ? "[\($0.element)]" : $0.element }.joined(separator: " ")
    }
}

/// The occurrences whose vectors have the largest cosine with a query: exact, over a stream of sentences, with memory
/// for the best alone.
public struct NeighbourSearch {
    private let query: [Float]
    private let count: Int
    private let word: String?
    private var best: [Neighbour] = []

    /// - Parameters:
    ///   - query: a vector of the width of one layer.
    ///   - count: how many to keep.
    ///   - word: look at occurrences of this word only; `nil` looks at all.
    public init(query: [Float], count: Int, word: String? = nil) {
        self.query = query
        self.count = count
        self.word = word
    }

    /// Compares the vectors of one layer of a sentence. At most one occurrence a sentence is kept: the nearest.
    public mutating func look(at sentence: SentenceVectors, layer: Int, layers: Int) {
        let width = query.count
        var nearest: (cosine: Double, position: Int)?
        for (position, candidate) in sentence.words.enumerated() where word.map({ candidate.utf8.elementsEqual($0.utf8) }) ?? true {
            let start = (position * layers + layer) * width
            let cosine = sentence.values.withUnsafeBufferPointer { values in
                query.withUnsafeBufferPointer { query in
                    Vector.cosine(query.baseAddress!, values.baseAddress! + start, count: width)
                }
            }
            if cosine > nearest?.cosine ?? -2 { nearest = (cosine, position) }
        }
        guard let nearest, best.count < count || nearest.cosine > best[best.count - 1].cosine else { return }
        // The same sentence again is no news.
        guard !best.contains(where: { Self.areSame($0.words, sentence.words) }) else { return }
        let found = Neighbour(cosine: nearest.cosine, words: sentence.words, position: nearest.position)
        best.insert(found, at: best.firstIndex { $0.cosine < found.cosine } ?? best.count)
        if best.count > count { best.removeLast() }
    }

    /// Byte by byte: strings are equal in Swift, too, if only the composition of their characters differs.
    private static func areSame(_ first: [String], _ second: [String]) -> Bool {
        first.elementsEqual(second) { $0.utf8.elementsEqual($1.utf8) }
    }

    /// The nearest first.
    public var neighbours: [Neighbour] { best }
}
