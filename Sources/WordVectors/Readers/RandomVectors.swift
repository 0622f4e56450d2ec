import Files
import Kernels
import Parallel
public import Shards

/// A random vector for every word, as a control for pre-trained ones, as in the ablations of Li et al. 2019.
///
/// The direction is uniform on the unit sphere, and depends only on the seed and the word's bytes. A word therefore has the same
/// vector in every table with the same seed, and words met later get vectors, too.
public final class RandomVectors: VectorFile {
    /// The name for messages.
    public let name = "random vectors"
    /// Random vectors have no file.
    public let format = VectorFormat.random
    /// Size of a vector.
    public var dimension: Int { generator.dimension }
    private let generator: RandomGenerator

    /// Creates random vectors.
    public init(dimension: Int, seed: UInt64) {
        generator = RandomGenerator(dimension: dimension, seed: seed)
    }

    /// Returns random vectors for all of `words`.
    public func lookUp(_ words: WordTable, noticing others: WordTable, threads: Int) throws -> VectorLookup {
        var lookup = try VectorLookup(words: words.count, others: others.count, dimension: dimension, file: name)
        lookup.found = generator.fill(Array(0..<words.count), of: words, into: lookup.rows, threads: threads)
        lookup.counts.found = words.count
        lookup.counts.inFile = words.count
        return lookup
    }

    /// Returns the generator of the vectors.
    public func ownGenerator() -> (any OutOfVocabularyGenerator)? { generator }
}

/// Generator of a word's vector from its bytes.
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

    /// Restores a generator from a table. Throws `ToolError.data` if the table has no seed.
    convenience init(_ stored: StoredGenerator) throws {
        guard let seed = stored.fields["random-seed"].flatMap({ UInt64($0) }) else {
            throw stored.error("", "the table's random vectors have no seed")
        }
        self.init(dimension: stored.dimension, seed: seed)
    }
}
