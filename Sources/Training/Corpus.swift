import Files
import Kernels
import Model
public import Parallel
public import Shards

/// The training text, which can be read repeatedly: token shards, read again for each epoch, or a pipe, kept in memory.
public final class Corpus: @unchecked Sendable {
    /// Number of training sentences, without held-out ones.
    public private(set) var sentences = 0
    /// Number of training tokens, without held-out ones.
    public private(set) var tokens = 0
    /// Number of training tokens that have a vector, or a class of their own.
    public private(set) var knownTokens = 0
    /// Count of each word in training, by number; empty for words without vectors.
    private(set) var counts: [UInt32] = []
    /// The held-out sentences, if every n-th sentence is held out.
    public private(set) var heldOut = Sentences()
    /// The whole words of a text of subword units.
    private(set) var wordUnits = WordUnits()
    /// Options with which the text was tokenised, according to the first shard's header.
    public private(set) var tokenizer = ShardFields()
    /// The shards whose headers state other tokenisation options than the first, and these options.
    public private(set) var otherTokenizers: [(file: String, fields: ShardFields)] = []
    /// Digests of all parts, which identify the text that the model was trained on.
    public var digests: [UInt64] { partDigests.flatMap { $0 } }
    /// The user's name for the text, for messages.
    public let name: String

    private let paths: [String]
    /// For each path, the digests of its parts.
    private var partDigests: [[UInt64]] = []
    let words: CorpusWords
    private let heldOutEvery: Int
    /// Number of held-out words; units are counted as the words they form, so that all networks get the same text.
    private var heldOutWords = 0
    /// For each path, the number of its first sentence, including held-out ones.
    private var firstSentences: [Int] = []
    /// The text of a pipe, which cannot be read twice.
    private var memory: Sentences?

    /// Reads everything once: to check every shard before the first step, to count, and to assign rows to new words in the order of
    /// the files. Throws `ToolError`: `noInput`, `ioError`, or `dataError` for damage, for a corpus without sentences, and for one
    /// in which no word has a vector or a class.
    ///
    /// - `heldOutEvery`: n to hold out every n-th sentence; 0 holds out none.
    /// - `heldOutTokens`: number of words of these to keep in memory.
    public init(
        paths: [String], words: CorpusWords, heldOutEvery: Int, heldOutTokens: Int, pool: WorkerPool
    ) throws {
        self.paths = paths
        self.words = words
        self.heldOutEvery = heldOutEvery
        name = paths.map(inputName).joined(separator: ", ")
        // What comes through a pipe, named or not, comes only once.
        if !paths.allSatisfy(isRegularFile) { memory = Sentences() }
        var number = 0
        for path in paths {
            firstSentences.append(number)
            let reader = TokenShardReader(paths: [path], pool: pool)
            let sentenceReader = SentenceReader(reader) { try words.number(of: $0) }
            var block = Sentences()
            while try sentenceReader.next(into: &block) {
                if let fields = reader.header?.fields { note(fields, of: path, isFirst: number == 0) }
                for index in 0..<block.count { take(block[index], number: number + index, heldOutTokens: heldOutTokens) }
                number += block.count
                block.removeAll()
            }
            partDigests.append(reader.digests)
        }
        guard sentences > 0 else { throw ToolError.data(name, "", "no sentences to train on") }
        guard knownTokens > 0 else {
            throw ToolError.data(
                name, "", words.vocabulary == nil ? "none of its words has a vector in the table"
                    : "none of its words is in the vocabulary")
        }
    }

    private func note(_ fields: ShardFields, of path: String, isFirst: Bool) {
        if isFirst { tokenizer = fields }
        if fields != tokenizer && otherTokenizers.last?.file != path { otherTokenizers.append((path, fields)) }
    }

    private func take(_ sentence: ArraySlice<UInt32>, number: Int, heldOutTokens: Int) {
        if isHeldOut(number) {
            guard heldOutWords < heldOutTokens else { return }
            heldOutWords += words.wordCount(sentence)
            return heldOut.append(sentence)
        }
        sentences += 1
        tokens += sentence.count
        knownTokens += sentence.count { words.isKnown($0) }
        if words.vectors != nil { count(sentence) }
        memory?.append(sentence)
        if words.hasUnits { wordUnits.add(sentence, words) }
    }

    private func count(_ sentence: ArraySlice<UInt32>) {
        for word in sentence {
            if Int(word) >= counts.count { counts += repeatElement(0, count: words.count - counts.count) }
            counts[Int(word)] &+= counts[Int(word)] == .max ? 0 : 1
        }
    }

    /// Number of positions in an epoch: every sentence has one more than tokens, for its end.
    public var positions: Int { tokens + sentences }

    /// Returns the number of positions that an epoch takes in windows for an objective.
    func positions(of objective: Objective) -> Int { tokens + sentences * objective.positions(of: 0) }

    /// The words that may replace masked ones: those of the training text that the network can predict, or of the vocabulary if
    /// words have no vectors; no marks.
    package var otherWords: [UInt32] {
        let count = words.vectors == nil ? words.vocabulary?.size ?? 0 : counts.count
        return (0..<UInt32(count)).filter {
            (words.vectors == nil || counts[Int($0)] > 0) && words.isKnown($0) && !words.isMark($0)
        }
    }

    /// Returns the sentences of an epoch in random order: shards in random order, and sentences shuffled within a buffer that spans
    /// several of them. The calling thread decompresses them.
    public func shuffled(seed: UInt64, epoch: Int) -> ShuffledSentences {
        if let memory {
            var given = false
            return ShuffledSentences(seed: seed, epoch: epoch) { buffer in
                guard !given else { return false }
                given = true
                buffer = memory
                return true
            }
        }
        var order = Array(paths.indices)
        var random = Random(seed: seed, stream: "shards", number: epoch)
        random.shuffle(&order)
        var remaining = order[...]
        let pool = WorkerPool(threads: 1)
        var source: TokenShardReader?, reader: SentenceReader?
        var first = 0, current = 0
        return ShuffledSentences(seed: seed, epoch: epoch) { [self] buffer in
            while true {
                if let reader {
                    if try reader.next(into: &buffer, keep: { !isHeldOut(first + $0) }) { return true }
                    // Another file may have got this name in the meantime.
                    guard source?.digests == partDigests[current] else {
                        throw ToolError.data(paths[current], "", "has changed since training began")
                    }
                }
                guard let shard = remaining.popFirst() else { return false }
                (first, current) = (firstSentences[shard], shard)
                let shards = TokenShardReader(paths: [paths[shard]], pool: pool)
                source = shards
                reader = SentenceReader(shards) { [words, paths] in
                    guard let row = words.find($0) else {
                        throw ToolError.data(paths[shard], "", "has changed since training began: it has new words")
                    }
                    return row
                }
            }
        }
    }

    private func isHeldOut(_ number: Int) -> Bool { heldOutEvery > 0 && number % heldOutEvery == heldOutEvery - 1 }
}

extension Sentences {
    /// Reads the first sentences of a token shard until they have `limit` words. Throws `ToolError`.
    /// - `fields`: set to the header of the shard, which says how the text was tokenised.
    public init(path: String, words: CorpusWords, limit: Int, pool: WorkerPool, fields: inout ShardFields) throws {
        self.init()
        let reader = SentenceReader(TokenShardReader(paths: [path], pool: pool)) { try words.number(of: $0) }
        var block = Sentences(), held = 0
        while try held < limit && reader.next(into: &block) {
            for index in 0..<block.count where held < limit {
                held += words.wordCount(block[index])
                append(block[index])
            }
            block.removeAll()
        }
        guard count > 0 else { throw ToolError.data(inputName(path), "", "no sentences in it") }
        fields = reader.header?.fields ?? [:]
    }
}

extension Corpus {
    /// Returns the name of a training text that is also the held-out text (the same file, or one of the same size and content);
    /// `nil` if there is none. Reads the held-out text to its end only if a size is equal. Throws `ToolError`.
    func copy(of heldOut: String, pool: WorkerPool) throws -> String? {
        guard isRegularFile(heldOut) else { return nil }
        if let same = paths.first(where: { isSameFile($0, heldOut) }) { return same }
        let size = try FileSource(path: heldOut).size
        let candidates = try paths.filter { try isRegularFile($0) && FileSource(path: $0).size == size }
        guard !candidates.isEmpty else { return nil }
        let reader = TokenShardReader(paths: [heldOut], pool: pool)
        while try reader.next() != nil {}
        let digests = reader.digests
        return candidates.first { path in
            guard let place = paths.firstIndex(of: path) else { return false }
            return partDigests[place] == digests
        }
    }
}

/// Returns the name of an input for messages.
func inputName(_ path: String) -> String { path == "-" ? "standard input" : path }
