import Files
public import Parallel
import Shards
public import Tokenization

/// The amount of text to encode, counted or estimated in advance.
public struct InputSize: Sendable, Equatable {
    /// Number of sentences.
    public var sentences = 0.0
    /// Number of sentences without words.
    public var emptySentences = 0.0
    /// Number of words, each of which gets its vectors.
    public var tokens = 0.0
    /// Bytes of all words.
    public var wordBytes = 0.0
    /// True if sentences and tokens are counted rather than estimated.
    public var isCounted = true
    /// True if `wordBytes` is counted rather than estimated.
    public var hasExactWords = true

    /// Creates the size of no text.
    public init() {}

    /// Bytes of text that are examined, over all inputs.
    public static let sample = 1 << 20

    /// Reads the totals at the ends of token shards, and estimates texts by a sample from their start; texts no longer than the
    /// sample are counted. Returns `nil` if that is impossible: for pipes, compressed text, and inputs that encoding will refuse.
    /// - `sample`: number of bytes of text to examine.
    public init?(paths: [String], tokenizer: Tokenizer, pool: WorkerPool, sample: Int = InputSize.sample) {
        self.init()
        var texts = TextSample(left: sample)
        for path in paths {
            // Opening a pipe could consume some of it.
            guard path == "-" || isRegularFile(path), let source = try? FileSource(path: path),
                let file = PlacedFile(source, isScattered: false), let input = try? PeekedShard(PlacedSource(file, at: 0))
            else { return nil }
            if input.kind == nil {
                guard let head = try? file.read(at: 0, count: min(4, file.size)), Compression(head: head) == nil,
                    (try? texts.add(file, tokenizer)) != nil
                else { return nil }
            } else {
                guard let totals = try? TokenTotals(file),
                    let words = try? Self.meanWord(PlacedSource(file, at: 0), pool)
                else { return nil }
                sentences += Double(totals.sentences)
                tokens += Double(totals.tokens)
                wordBytes += Double(totals.tokens) * words
                // Units are joined to fewer words.
                if totals.areUnits { isCounted = false }
                if totals.tokens > 0 { hasExactWords = false }
            }
        }
        guard let (text, factor) = texts.total() else { return nil }
        sentences += text.sentences * factor
        emptySentences += text.emptySentences * factor
        tokens += text.tokens * factor
        wordBytes += text.wordBytes * factor
        isCounted = isCounted && factor == 1
        hasExactWords = hasExactWords && factor == 1
    }

    /// Returns the mean bytes of a token in the first block of a shard.
    private static func meanWord(_ source: any ByteSource, _ pool: WorkerPool) throws -> Double {
        guard let block = try TokenShardReader(source, pool: pool).next(), block.tokenCount > 0 else { return 0 }
        var lengths: [Int] = []
        block.forEachNewWord { lengths.append($0.count) }
        let bytes = block.withIDs { ids in ids.reduce(0) { $0 + (lengths.indices.contains(Int($1)) ? lengths[Int($1)] : 0) } }
        return Double(bytes) / Double(block.tokenCount)
    }
}

/// The starts of texts, tokenised, and how much more there is.
private struct TextSample {
    /// Number of bytes that may still be examined.
    var left: Int
    private var counted = InputSize()
    private var seen = 0, all = 0

    init(left: Int) { self.left = left }

    mutating func add(_ file: PlacedFile, _ tokenizer: Tokenizer) throws {
        all += file.size
        guard left > 0 else { return }
        var bytes = try file.read(at: 0, count: min(left, file.size))
        left -= bytes.count
        if bytes.count < file.size {
            // Whole lines, or whole words of a longer line.
            guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) ?? bytes.lastIndex(of: UInt8(ascii: " ")) else { return }
            bytes.removeSubrange((end + 1)...)
        }
        seen += bytes.count
        let lines = LineReader(MemorySource(bytes))
        while try lines.next({ line in
            let words = try tokenizer.words(line)
            counted.sentences += 1
            counted.emptySentences += words.isEmpty ? 1 : 0
            counted.tokens += Double(words.count)
            counted.wordBytes += Double(words.reduce(0) { $0 + $1.utf8.count })
        }) {}
    }

    /// Returns the size of what was examined, and the factor to the whole; `nil` if nothing of a text was examined.
    func total() -> (InputSize, factor: Double)? {
        guard seen < all else { return (counted, 1) }
        return seen > 0 ? (counted, Double(all) / Double(seen)) : nil
    }
}
