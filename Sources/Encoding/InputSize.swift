import Files
public import Parallel
import Shards
public import Tokenization

/// The amount of text to encode, counted or estimated before it is encoded.
public struct InputSize: Sendable, Equatable {
    public var sentences = 0.0
    /// The sentences without words.
    public var emptySentences = 0.0
    /// Words, each of which gets its vectors.
    public var tokens = 0.0
    /// Bytes of all words.
    public var wordBytes = 0.0
    /// True if sentences and tokens are counted, not estimated.
    public var isCounted = true
    /// True if `wordBytes` is counted, not estimated.
    public var hasExactWords = true

    public init() {}

    /// Bytes of text of all inputs together that are looked at.
    public static let sample = 1 << 20

    /// Counts what token shards say at their ends, and estimates by a sample from the start of texts; a text that is no longer than
    /// the sample is counted. `nil` if that cannot be had: of pipes, compressed text, and inputs that encoding will refuse.
    /// - Parameter sample: the bytes of text that are looked at.
    public init?(paths: [String], tokenizer: Tokenizer, pool: WorkerPool, sample: Int = InputSize.sample) {
        self.init()
        var texts = TextSample(left: sample)
        for path in paths {
            // Opening a pipe could take from it.
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
                // Units are put together to fewer words.
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

    /// Bytes of a token in the first block of a shard.
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
    /// Bytes that may still be looked at.
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
            // Whole lines; of a line that is longer, whole words.
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

    /// The size of what was looked at, and the factor by which there is more; `nil` if nothing was seen of what there is.
    func total() -> (InputSize, factor: Double)? {
        guard seen < all else { return (counted, 1) }
        return seen > 0 ? (counted, Double(all) / Double(seen)) : nil
    }
}
