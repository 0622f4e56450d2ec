public import Files
public import Parallel

/// A block of a vector shard: the vectors of tokens, and what sentences they belong to.
public struct VectorBlock: Sendable {
    /// A run of the block's tokens that belong to one sentence.
    public struct Run: Sendable {
        /// Of the sentence in the shard, from 0.
        public let sentence: Int
        /// The block's tokens, and the first of them in its sentence.
        public let tokens: Range<Int>
        public let first: Int
        /// Tokens of the whole sentence.
        public let length: Int
        fileprivate let words: WordPlaces
    }

    /// In the order of the text; a sentence without tokens is an empty run.
    public let runs: [Run]
    public let layers, width: Int
    private let block: ShardBlock
    private let storage: RowStorage

    fileprivate init(_ block: ShardBlock, runs: [Run], layers: Int, width: Int, storage: RowStorage) {
        self.block = block
        self.runs = runs
        self.layers = layers
        self.width = width
        self.storage = storage
    }

    /// The words of the sentence that a run is of.
    public func words(of run: Run) -> [String] { run.words.words(length: run.length) }

    /// Reads layer `layer` of a token of this block into `target`: `width` values.
    public func copy(layer: Int, of token: Int, into target: UnsafeMutableBufferPointer<Float>) {
        withBytes(from: (token * layers + layer) * width, count: width) { storage.read($0, into: target) }
    }

    /// All vectors of a run: shape (tokens, layers, width).
    public func values(of run: Run) -> [Float] {
        let size = layers * width, count = run.tokens.count * size
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            let target = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
            withBytes(from: run.tokens.lowerBound * size, count: count) { storage.read($0, into: target) }
            initialized = count
        }
    }

    private func withBytes(from first: Int, count: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        block.withColumn(VectorColumn.values, as: UInt8.self) { bytes in
            let start = first * storage.stride
            body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[start..<start + count * storage.stride])))
        }
    }
}

/// Where the words of a sentence are: in the block that it begins in.
private struct WordPlaces: Sendable {
    let block: ShardBlock
    let firstWord, firstByte: Int

    func words(length: Int) -> [String] {
        block.withColumn(VectorColumn.wordLengths, as: UInt32.self) { lengths in
            block.withColumn(VectorColumn.wordBytes, as: UInt8.self) { bytes in
                var start = firstByte
                return lengths[firstWord..<firstWord + length].map { count in
                    defer { start += Int(count) }
                    return String(decoding: bytes[start..<start + Int(count)], as: UTF8.self)
                }
            }
        }
    }
}

/// Reads contextual vectors, block after block or sentence after sentence.
public final class VectorShardReader {
    private let reader: ShardReader
    /// Vectors a token, and values a vector; the same in all joined parts.
    public let layers: Int
    public let width: Int
    /// Of the shard's first part: joined parts may be stored otherwise.
    public var header: ShardHeader { reader.header }
    private var waiting: ArraySlice<SentenceVectors> = []
    /// Sentences that have been put there.
    private var begun = 0
    /// The sentence that the next block goes on with, and how many of its tokens have been read.
    private var open: (run: VectorBlock.Run, read: Int)?
    private var sentences = 0
    private var tokens = 0
    private let check: (ShardHeader) throws -> Void

    /// - Parameter check: looks at the header of each part, and throws if it is not what the caller wants.
    /// Throws `ToolError`.
    public init(
        _ source: any ByteSource, pool: WorkerPool, check: @escaping (ShardHeader) throws -> Void = { _ in }
    ) throws {
        self.check = check
        reader = try ShardReader(
            source, kind: .vectors, anyOf: RowStorage.allCases.map(VectorColumn.all), pool: pool)
        (layers, width) = try Self.shape(reader.header, file: reader.name)
        try check(reader.header)
    }

    /// The next block, `nil` after the last. Throws `ToolError`.
    public func nextBlock() throws -> VectorBlock? {
        let part = reader.part
        guard let block = try reader.next() else {
            try checkComplete(reader.name, "at the end")
            return nil
        }
        if reader.part != part {
            try checkComplete(reader.name, block.place)
            guard try Self.shape(reader.header, file: reader.name) == (layers, width) else {
                throw ToolError.data(reader.name, block.place, "joined shards have vectors of different shapes")
            }
            try check(reader.header)
        }
        return try parse(block)
    }

    /// The next sentence, `nil` after the last. Throws `ToolError`.
    public func next() throws -> SentenceVectors? {
        while true {
            // A sentence that the next block goes on with is not whole yet.
            if let first = waiting.first, waiting.count > 1 || open == nil {
                waiting.removeFirst()
                return first
            }
            guard let block = try nextBlock() else { return nil }
            for run in block.runs {
                if run.sentence < begun, let last = waiting.indices.last {
                    waiting[last].values += block.values(of: run)
                } else {
                    waiting.append(SentenceVectors(words: block.words(of: run), values: block.values(of: run)))
                    begun += 1
                }
            }
        }
    }

    private func checkComplete(_ file: String, _ place: String) throws {
        guard let open else { return }
        throw ToolError.data(file, place, "\(open.run.length - open.read) tokens of a sentence have no vectors")
    }

    private func parse(_ block: ShardBlock) throws -> VectorBlock {
        let storage: RowStorage = reader.header.columns[VectorColumn.values].element == .f16 ? .float16 : .float32
        let words = block.count(VectorColumn.wordLengths, stride: 4), size = layers * width
        let tokens = block.count(VectorColumn.values, stride: storage.stride) / size
        guard block.adds(up: VectorColumn.sentenceLengths, to: words),
            block.adds(up: VectorColumn.wordLengths, to: block.count(VectorColumn.wordBytes, stride: 1)),
            block.count(VectorColumn.values, stride: storage.stride) == tokens * size
        else { throw damaged(block) }
        try checkTokens(block)
        var runs: [VectorBlock.Run] = [], used = 0
        func take(_ sentence: VectorBlock.Run, from first: Int) {
            let count = min(sentence.length - first, tokens - used)
            runs.append(
                VectorBlock.Run(
                    sentence: sentence.sentence, tokens: used..<used + count, first: first, length: sentence.length,
                    words: sentence.words))
            used += count
            open = first + count < sentence.length ? (sentence, first + count) : nil
        }
        if let (run, read) = open { take(run, from: read) }
        var word = 0, byte = 0
        try block.withColumn(VectorColumn.sentenceLengths, as: UInt32.self) { lengths in
            try block.withColumn(VectorColumn.wordLengths, as: UInt32.self) { wordLengths in
                for length in lengths {
                    // No sentence begins before the one before it is complete.
                    guard open == nil else { throw damaged(block) }
                    let length = Int(length)
                    let places = WordPlaces(block: block, firstWord: word, firstByte: byte)
                    take(VectorBlock.Run(sentence: sentences, tokens: 0..<0, first: 0, length: length, words: places), from: 0)
                    sentences += 1
                    for index in word..<word + length { byte += Int(wordLengths[index]) }
                    word += length
                }
            }
        }
        guard used == tokens else { throw damaged(block) }
        return VectorBlock(block, runs: runs, layers: layers, width: width, storage: storage)
    }

    /// Throws `ToolError.data` for a token that is no word; where a sentence has one vector, its token is its text.
    private func checkTokens(_ block: ShardBlock) throws {
        let isPooled = reader.header.fields["pool"] != nil
        try block.forEachWord(lengths: VectorColumn.wordLengths, bytes: VectorColumn.wordBytes) { token in
            tokens += 1
            if isPooled { try checkSentence(token, number: tokens, file: reader.name) } else { try checkWord(token, number: tokens, file: reader.name) }
        }
    }

    private func damaged(_ block: ShardBlock) -> ToolError {
        ToolError.data(reader.name, block.place, "words and vectors of this block do not fit together")
    }

    private static func shape(_ header: ShardHeader, file: String) throws -> (Int, Int) {
        (
            try header.fields.integer("layers", in: 1...1 << 20, file: file),
            try header.fields.integer("width", in: 1...1 << 20, file: file)
        )
    }
}
