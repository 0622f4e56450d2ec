import Files
import Kernels
import Parallel
public import Shards

/// A random vector for every word: a control for pre-trained ones, as in the ablations of Li et al. 2019.
///
/// The direction is uniform on the unit sphere, and drawn from the seed and the word's bytes alone. So a word has the same
/// vector in every table of one seed, and words met later have theirs too.
public final class RandomVectors: VectorFile {
    public let name = "random vectors"
    public let format = VectorFormat.random
    public var dimension: Int { generator.dimension }
    private let generator: RandomGenerator

    public init(dimension: Int, seed: UInt64) {
        generator = RandomGenerator(dimension: dimension, seed: seed)
    }

    public func lookUp(_ words: WordTable, noticing others: WordTable, threads: Int) throws -> VectorLookup {
        var lookup = try VectorLookup(words: words.count, others: others.count, dimension: dimension, file: name)
        lookup.found = generator.fill(Array(0..<words.count), of: words, into: lookup.rows, threads: threads)
        lookup.counts.found = words.count
        lookup.counts.inFile = words.count
        return lookup
    }

    public func ownGenerator() -> (any OutOfVocabularyGenerator)? { generator }
}

/// Draws a word's vector from its bytes.
final class RandomGenerator: OutOfVocabularyGenerator {
    let dimension: Int
    private let seed: UInt64
    let source = VectorSource.random

    init(dimension: Int, seed: UInt64) {
        self.dimension = dimension
        self.seed = seed
    }

    func vector(for word: UnsafeRawBufferPointer, into row: Matrix) -> Bool {
        var random = Random(
            seed: seed, stream: "random vectors", number: Int(truncatingIfNeeded: XXH64.hash(word)))
        row.fillWithDirections(&random)
        return true
    }

    var fields: ShardFields { ["generator": "random", "random-seed": String(seed)] }

    func forEachTensor(_ body: (String, [Int], [Float]) throws -> Void) throws {}

    /// Makes a generator of what lies in a table. Throws `ToolError.data` for one without a seed.
    convenience init(_ stored: StoredGenerator) throws {
        guard let seed = stored.fields["random-seed"].flatMap({ UInt64($0) }) else {
            throw stored.error("", "the table's random vectors have no seed")
        }
        self.init(dimension: stored.dimension, seed: seed)
    }
}
