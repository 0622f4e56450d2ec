import Kernels
import Shards

/// What can be said of an unknown word's vector without a model: the yardsticks of a character model.
///
/// All work on unit vectors of the known words `fitted`, most frequent first.
struct SpellingBaselines {
    private let words: WordTable
    private let rows: RowMatrix
    private let candidates: WordSpellings
    private let candidateIds: [Int]
    private let nGrams: NGramMeans

    /// Only this many of the most frequent known words are compared by edit distance.
    static let comparedWords = 20_000

    /// - Parameter asked: the words that will be asked for.
    init(_ words: WordTable, _ rows: RowMatrix, fitted: [Int], asked: [Int]) {
        self.words = words
        self.rows = rows
        candidateIds = Array(fitted.prefix(Self.comparedWords))
        candidates = WordSpellings(words, ids: candidateIds, longest: MimickWorkspace.longestWord)
        nGrams = NGramMeans(words, rows, fitted: fitted, asked: asked)
    }

    /// The vector of the known word with the least edit distance (Levenshtein); of equals the most frequent.
    func nearestSpelling(_ id: Int, into vector: UnsafeMutableBufferPointer<Float>) {
        let spelling = WordSpellings(words, ids: [id], longest: MimickWorkspace.longestWord)[0]
        var best = (distance: Int.max, index: 0)
        for index in 0..<candidates.count where abs(candidates.length(index) - spelling.count) < best.distance {
            let distance = editDistance(spelling, candidates[index], below: best.distance)
            if distance < best.distance { best = (distance, index) }
        }
        _ = vector.update(from: rows.row(candidateIds[best.index]))
    }

    /// The mean of the vectors of the word's character n-grams, each the mean of the known words that contain it.
    func nGramMean(_ id: Int, into vector: UnsafeMutableBufferPointer<Float>) {
        words.withWord(id) { nGrams.vector(of: $0, into: vector) }
    }
}

/// The Levenshtein distance of two words, or some number not below `limit` if it is not below `limit`.
package func editDistance(_ a: ArraySlice<UInt32>, _ b: ArraySlice<UInt32>, below limit: Int) -> Int {
    withUnsafeTemporaryAllocation(of: Int.self, capacity: b.count + 1) { row in
        for index in row.indices { row.initializeElement(at: index, to: index) }
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            var least = i + 1
            for (j, y) in b.enumerated() {
                let substituted = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, min(row[j], row[j + 1]) + 1)
                least = min(least, row[j + 1])
            }
            if least >= limit { return limit }
        }
        return row[b.count]
    }
}

/// For each character n-gram of the words asked for, the mean unit vector of the known words that contain it.
private struct NGramMeans {
    private let hash: SubwordHash
    /// From an n-gram's hash to its row in `sums`.
    private let places: [Int: Int]
    private let counts: [Int]
    private let sums: RowMatrix

    init(_ words: WordTable, _ rows: RowMatrix, fitted: [Int], asked: [Int]) {
        var places: [Int: Int] = [:]
        let hash = SubwordHash(minimum: 3, maximum: 6, buckets: Int(UInt32.max))
        for id in asked {
            words.withWord(id) { word in
                hash.forEachBucket(of: word) { if places[$0] == nil { places[$0] = places.count } }
            }
        }
        let sums = RowMatrix(count: places.count, dimension: rows.dimension)
        var counts = [Int](repeating: 0, count: places.count)
        for id in fitted {
            let row = rows.pointer + id * rows.dimension
            let factor = Float(1 / Vector.norm(row, count: rows.dimension))
            words.withWord(id) { word in
                hash.forEachBucket(of: word) { nGram in
                    guard let place = places[nGram] else { return }
                    Vector.add(row, times: factor, to: sums.pointer + place * rows.dimension, count: rows.dimension)
                    counts[place] += 1
                }
            }
        }
        self.hash = hash
        self.places = places
        self.counts = counts
        self.sums = sums
    }

    func vector(of word: UnsafeRawBufferPointer, into vector: UnsafeMutableBufferPointer<Float>) {
        guard let target = vector.baseAddress else { return }
        vector.update(repeating: 0)
        hash.forEachBucket(of: word) { nGram in
            guard let place = places[nGram], counts[place] > 0 else { return }
            Vector.add(
                sums.pointer + place * sums.dimension, times: 1 / Float(counts[place]), to: target, count: vector.count)
        }
    }
}
