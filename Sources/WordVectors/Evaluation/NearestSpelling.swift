public import Kernels
public import Shards

/// What can be said of an unknown word's vector without a model: the known word spelled most alike.
struct NearestSpelling {
    private let words: WordTable
    private let rows: RowMatrix
    private let candidates: WordSpellings
    private let candidateIds: [Int]

    /// Only this many of the most frequent known words are compared.
    static let comparedWords = 20_000

    /// - Parameter fitted: known words, most frequent first.
    init(_ words: WordTable, _ rows: RowMatrix, fitted: [Int]) {
        self.words = words
        self.rows = rows
        candidateIds = Array(fitted.prefix(Self.comparedWords))
        candidates = WordSpellings(words, ids: candidateIds, longest: MimickNetwork.longestWord)
    }

    /// The vector of the known word with the least edit distance (Levenshtein); of equals the most frequent.
    func vector(_ id: Int, into row: Matrix) {
        let spelling = WordSpellings(words, ids: [id], longest: MimickNetwork.longestWord)[0]
        let distances = EditDistance(spelling)
        var best = (distance: Int.max, index: 0)
        for index in 0..<candidates.count where abs(candidates.length(index) - spelling.count) < best.distance {
            let distance = distances.distance(to: candidates[index], below: best.distance)
            if distance < best.distance { best = (distance, index) }
        }
        row.copy(from: rows.row(candidateIds[best.index]))
    }
}

extension SpellingEvaluation.Method {
    /// The mean of the known words' unit vectors: what is known of a word of which nothing is known.
    public static func meanVector(_ rows: RowMatrix, fitted: [Int]) -> Self {
        let mean = DirectionStandard(rows.matrix, ids: fitted).mean
        return Self("mean vector") { _, row in
            row.copy(from: mean)
            return true
        }
    }

    /// The vector of the known word spelled most alike.
    public static func nearestSpelling(_ words: WordTable, _ rows: RowMatrix, fitted: [Int]) -> Self {
        let nearest = NearestSpelling(words, rows, fitted: fitted)
        return Self("nearest spelling") { id, row in
            nearest.vector(id, into: row)
            return true
        }
    }
}

/// The Levenshtein distances of one word to others, all of a column's cells at once in the bits of a machine word (Myers 1999,
/// in the form of Hyyrö 2003).
package struct EditDistance {
    /// Characters of the word at most.
    package static let longest = UInt64.bitWidth

    private let count: Int
    /// For each character, where in the word it stands.
    private var ascii = [UInt64](repeating: 0, count: 128)
    private var others: [UInt32: UInt64] = [:]

    /// - Parameter word: at most `longest` characters.
    package init(_ word: ArraySlice<UInt32>) {
        precondition(word.count <= Self.longest, "a word has at most \(Self.longest) characters here")
        count = word.count
        for (place, character) in word.enumerated() {
            if character < 128 { ascii[Int(character)] |= 1 << UInt64(place) } else { others[character, default: 0] |= 1 << UInt64(place) }
        }
    }

    /// The distance to a word of any length, or `limit` if it is not below `limit`.
    package func distance(to other: ArraySlice<UInt32>, below limit: Int) -> Int {
        guard count > 0 else { return min(other.count, limit) }
        // Cells that are one more, or one less, than the one above.
        var more = ~UInt64(0), less = UInt64(0), distance = count, remaining = other.count
        let last = UInt64(1) << UInt64(count - 1)
        for character in other {
            let places = character < 128 ? ascii[Int(character)] : others[character] ?? 0
            let vertical = places | less
            let horizontal = ((places & more) &+ more) ^ more | places
            var rises = less | ~(horizontal | more), falls = more & horizontal
            if rises & last != 0 { distance += 1 }
            if falls & last != 0 { distance -= 1 }
            remaining -= 1
            if distance - remaining >= limit { return limit }
            rises = rises << 1 | 1
            falls <<= 1
            more = falls | ~(vertical | rises)
            less = rises & vertical
        }
        return min(distance, limit)
    }
}
