public import Files
public import Parallel

enum VectorColumn {
    static let sentenceLengths = 0, wordLengths = 1, wordBytes = 2, values = 3

    static func all(_ storage: RowStorage) -> [ShardColumn] {
        [ShardColumn("sentence-lengths", .u32), ShardColumn("word-lengths", .u32), ShardColumn("word-bytes", .u8),
         ShardColumn("values", storage.element)]
    }
}

/// The contextual vectors of one sentence.
///
/// ```swift
/// let sentence = SentenceVectors(words: ["a", "word"], values: [Float](repeating: 0, count: 2 * 3 * 512))
/// ```
public struct SentenceVectors: Sendable {
    /// Tokens of the sentence.
    public var words: [String]
    /// Vectors, (tokens, layers, width), row-major.
    public var values: [Float]

    /// Creates the vectors of a sentence.
    public init(words: [String], values: [Float]) {
        self.words = words
        self.values = values
    }
}

/// Writes contextual vectors sentence by sentence. Sentences may be empty, so that every input line keeps its place. A long
/// sentence is written in pieces as they come, and continues in the following blocks.
///
/// ```swift
/// let writer = try VectorShardWriter(output, tool: "example 1", layers: 1, width: 2, fields: [:], pool: pool)
/// try writer.begin(["a"])
/// try [0.5, 1].withUnsafeBufferPointer { try writer.append($0) }
/// try writer.finish()
/// try output.commit()
/// ```
public final class VectorShardWriter {
    private let writer: ShardWriter
    private let name: String
    private let storage: RowStorage
    private let valuesPerToken: Int
    private var sentenceLengths: [UInt32] = []
    private var wordLengths: [UInt32] = []
    private var bytes: [UInt8] = []
    private var values: [Float] = []
    private var halves: [UInt16] = []
    private var totals = (sentences: 0, tokens: 0)
    /// Number of tokens of the current sentence whose vectors are still missing.
    private var missing = 0

    /// Approximate number of values in a block, and the maximum, after which a sentence continues in the next block.
    private static let blockValues = 1 << 19, mostValues = 1 << 22

    /// Starts a shard. Throws `ToolError` with status `ioError`.
    /// - `layers`: number of vectors for each token.
    /// - `width`: number of values in a vector.
    public init(
        _ output: OutputFile, tool: String, layers: Int, width: Int, storage: RowStorage = .float32, fields: ShardFields,
        pool: WorkerPool
    ) throws {
        valuesPerToken = layers * width
        name = output.name
        self.storage = storage
        writer = ShardWriter(output, pool: pool)
        var all: ShardFields = ["layers": String(layers), "width": String(width)]
        all.append(contentsOf: fields)
        try writer.beginPart(ShardHeader(kind: .vectors, tool: tool, columns: VectorColumn.all(storage), fields: all))
    }

    /// Starts a sentence, whose vectors follow by `append`. Throws `ToolError`.
    public func begin(_ words: [String]) throws {
        precondition(missing == 0, "the vectors of the sentence before are not complete")
        if values.count >= Self.blockValues || sentenceLengths.count >= 1 << 16 { try flush() }
        sentenceLengths.append(UInt32(words.count))
        for word in words {
            wordLengths.append(UInt32(word.utf8.count))
            bytes.append(contentsOf: word.utf8)
        }
        missing = words.count
        totals.sentences += 1
        totals.tokens += words.count
    }

    /// Appends the vectors of the sentence's next tokens, (tokens, layers, width). Throws `ToolError`: `ioError`, or `dataError`
    /// for a number that float16 cannot represent.
    public func append(_ vectors: UnsafeBufferPointer<Float>) throws {
        let tokens = vectors.count / valuesPerToken
        precondition(tokens * valuesPerToken == vectors.count && tokens <= missing)
        missing -= tokens
        var rest = vectors
        while !rest.isEmpty {
            if values.count >= Self.mostValues { try flush() }
            let room = max(1, (Self.mostValues - values.count) / valuesPerToken) * valuesPerToken
            values.append(contentsOf: rest.prefix(room))
            rest = UnsafeBufferPointer(rebasing: rest.dropFirst(room))
        }
    }

    /// Ends the shard. The caller commits the output. Throws `ToolError` with status `ioError`.
    public func finish() throws {
        precondition(missing == 0, "the vectors of the last sentence are not complete")
        try flush()
        try writer.endPart(["sentences": String(totals.sentences), "tokens": String(totals.tokens)])
    }

    /// Returns the maximum bytes of a shard with one part, in which nothing can be compressed: the columns, and the overhead of
    /// blocks, frames, header and end.
    public static func largestSize(
        values: Double, valueBytes: Double, wordBytes: Double, tokens: Double, sentences: Double
    ) -> Double {
        let content = valueBytes + wordBytes + 4 * tokens + 4 * sentences
        let blocks = 1 + (values / Double(blockValues)).rounded(.down) + (sentences / Double(1 << 16)).rounded(.down)
        let frame = Double(Frame.headerSize + Frame.endSize + ShardBlock.prefixSize + 4 * (8 + 7) + Frame.blockExtra)
        return content + blocks * frame + content / Double(Frame.largestBlock) * Double(Frame.blockExtra) + 4096
    }

    private func flush() throws {
        guard !sentenceLengths.isEmpty || !values.isEmpty else { return }
        var block = writer.newBlock(capacity: storage.stride * values.count + bytes.count)
        block.append(taking: &sentenceLengths)
        block.append(taking: &wordLengths)
        block.append(taking: &bytes)
        switch storage {
        case .float32: block.append(taking: &values)
        case .float16:
            try values.withUnsafeBufferPointer { try HalfFloat.convert($0, into: &halves, file: name) }
            values.removeAll(keepingCapacity: true)
            block.append(taking: &halves)
        }
        try writer.append(block)
    }
}

/// A block of a vector shard: vectors of tokens, and the sentences they belong to.
///
/// ```swift
/// for run in block.runs { print(block.words(of: run), run.tokens) }
/// ```
public struct VectorBlock: Sendable {
    /// A run of the block's tokens that belong to one sentence.
    ///
    /// ```swift
    /// for run in block.runs { print(run.sentence, run.length, run.tokens) }
    /// ```
    public struct Run: Sendable {
        /// Number of the sentence in the shard, from 0.
        public let sentence: Int
        /// Number of tokens in the whole sentence.
        public let length: Int
        /// The block's tokens that belong to the run.
        public fileprivate(set) var tokens = 0..<0
        /// Position of the first of these tokens in the sentence, from 0.
        public fileprivate(set) var first = 0
        /// The block in which the sentence starts, and the place of its words there.
        fileprivate let block: ShardBlock
        fileprivate let firstWord, firstByte: Int
    }

    /// Runs in the order of the text; a sentence without tokens is an empty run.
    public let runs: [Run]
    /// Vectors for each token, and values in a vector.
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

    /// Returns the words of the whole sentence that a run belongs to.
    public func words(of run: Run) -> [String] {
        run.block.withColumn(VectorColumn.wordLengths, as: UInt32.self) { lengths in
            run.block.withColumn(VectorColumn.wordBytes, as: UInt8.self) { bytes in
                var start = run.firstByte
                return lengths[run.firstWord..<run.firstWord + run.length].map { count in
                    defer { start += Int(count) }
                    return String(decoding: bytes[start..<start + Int(count)], as: UTF8.self)
                }
            }
        }
    }

    /// Copies layer `layer` of a token of this block to `target`, `width` values.
    public func copy(layer: Int, of token: Int, into target: UnsafeMutableBufferPointer<Float>) {
        withBytes(from: (token * layers + layer) * width, count: width) { storage.read($0, into: target) }
    }

    /// Returns all vectors of a run, (tokens, layers, width).
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

/// Reads contextual vectors, block by block or sentence by sentence.
///
/// ```swift
/// let reader = try VectorShardReader(openInput("vectors.shard"), pool: pool)
/// while let sentence = try reader.next() { print(sentence.words, sentence.values.count) }
/// ```
public final class VectorShardReader {
    private let reader: ShardReader
    /// Vectors for each token; the same in all joined parts.
    public let layers: Int
    /// Values in a vector; the same in all joined parts.
    public let width: Int
    /// Header of the part of the last block. Joined parts may differ in storage.
    public var header: ShardHeader { reader.header }
    private var waiting: ArraySlice<SentenceVectors> = []
    /// Number of sentences started.
    private var begun = 0
    /// The sentence that the next block continues, and how many of its tokens have been read.
    private var open: (run: VectorBlock.Run, read: Int)?
    private var sentences = 0
    private var tokens = 0
    private let check: (ShardHeader) throws -> Void

    /// Opens a vector shard. Throws `ToolError`.
    /// - `check`: throws if the caller cannot use a part with this header.
    public init(
        _ source: any ByteSource, pool: WorkerPool, check: @escaping (ShardHeader) throws -> Void = { _ in }
    ) throws {
        self.check = check
        reader = try ShardReader(
            source, kind: .vectors, columns: RowStorage.allCases.map(VectorColumn.all), pool: pool)
        (layers, width) = try Self.shape(reader.header, file: reader.name)
        try check(reader.header)
    }

    /// Returns the next block; `nil` after the last. Throws `ToolError`.
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

    /// Returns the next sentence; `nil` after the last. Throws `ToolError`.
    public func next() throws -> SentenceVectors? {
        while true {
            // A sentence that the next block continues is not complete yet.
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
            var run = sentence
            run.tokens = used..<used + min(run.length - first, tokens - used)
            run.first = first
            runs.append(run)
            used = run.tokens.upperBound
            let read = first + run.tokens.count
            open = read < run.length ? (run, read) : nil
        }
        if let (run, read) = open { take(run, from: read) }
        var word = 0, byte = 0
        try block.withColumn(VectorColumn.sentenceLengths, as: UInt32.self) { lengths in
            try block.withColumn(VectorColumn.wordLengths, as: UInt32.self) { wordLengths in
                for length in lengths {
                    // No sentence starts before the previous one is complete.
                    guard open == nil else { throw damaged(block) }
                    let length = Int(length)
                    let run = VectorBlock.Run(
                        sentence: sentences, length: length, block: block, firstWord: word, firstByte: byte)
                    take(run, from: 0)
                    sentences += 1
                    for index in word..<word + length { byte += Int(wordLengths[index]) }
                    word += length
                }
            }
        }
        guard used == tokens else { throw damaged(block) }
        return VectorBlock(block, runs: runs, layers: layers, width: width, storage: storage)
    }

    /// Throws `ToolError.data` for a token that is not a word. Where each sentence has one vector, its token is its text.
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
