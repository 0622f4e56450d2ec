import Shards
import Synchronization

/// Piece tokenizers that wait for work; a thread takes one and puts it back.
final class PieceTokenizers: Sendable {
    /// Only one thread at a time uses it.
    private final class Entry: @unchecked Sendable {
        var tokenizer: PieceTokenizer
        init(_ tokenizer: consuming PieceTokenizer) { self.tokenizer = tokenizer }
    }

    private let tokenizer: Tokenizer
    private let pieceSize: Int
    private let waiting = Mutex<[Entry]>([])

    init(_ tokenizer: Tokenizer, pieceSize: Int) {
        self.tokenizer = tokenizer
        self.pieceSize = pieceSize
    }

    /// Replaces `result` with the tokens of `text`. Throws `TextError`.
    func tokenize(_ text: UnsafeRawBufferPointer, into result: inout TokenizedPiece) throws {
        if let invalid = firstInvalidByte(in: text) { throw TextError(at: invalid, in: text) }
        let entry = waiting.withLock { $0.popLast() } ?? Entry(PieceTokenizer(tokenizer, pieceSize: pieceSize))
        entry.tokenizer.run(text, into: &result)
        // An unusually large piece would leave much memory behind.
        if text.count <= pieceSize { waiting.withLock { $0.append(entry) } }
    }
}

/// Tokenises pieces of text one after another: finds chunks between white space eight bytes at a time, looks them up, and runs the
/// rules (`ChunkExpander`) on those that are new in the piece. Pieces share nothing but memory.
struct PieceTokenizer: ~Copyable {
    private let tokenizer: Tokenizer
    private var base = UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
    private var end = 0
    private let splits: Bool
    private let runningText: Bool
    private let keepsLines: Bool

    private var piece = TokenizedPiece()
    private var ids: IdBuffer
    private var cache: ChunkCache
    private var expander: ChunkExpander
    private let lookAhead: UnsafeMutablePointer<FollowingText.Memory>
    private var longChunks = WordTable()
    private var longSlots: [ChunkCache.Slot] = []

    /// Start of the current sentence and of the current line in `ids`.
    private var sentenceStart = 0
    private var lineStart = 0
    private var lastEnd = ChunkEnd.none

    /// Chunks longer than a cache slot and up to this many bytes are remembered in a `WordTable`.
    private static let longestRemembered = 64

    /// - Parameter pieceSize: usual size of a piece in bytes.
    init(_ tokenizer: Tokenizer, pieceSize: Int) {
        self.tokenizer = tokenizer
        splits = tokenizer.sentences.splits
        runningText = tokenizer.sentences == .runningText
        keepsLines = tokenizer.sentences == .everyLine
        // In a megabyte of English, at most an eighth of the chunks are new.
        cache = ChunkCache(capacity: pieceSize / 48)
        expander = ChunkExpander(tokenizer)
        ids = IdBuffer(capacity: pieceSize / 4 + 64)
        lookAhead = .allocate(capacity: 1)
        lookAhead.initialize(to: FollowingText.Memory())
    }

    deinit { lookAhead.deallocate() }

    /// Replaces `result`, reusing its memory, with the tokens of `text`, valid UTF-8 without NUL.
    mutating func run(_ text: UnsafeRawBufferPointer, into result: inout TokenizedPiece) {
        base = text.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
        end = text.count
        cache.removeAll()
        expander.removeAll()
        longChunks.removeAll()
        longSlots.removeAll(keepingCapacity: true)
        ids.removeAll()
        (sentenceStart, lineStart, lastEnd) = (0, 0, .none)
        lookAhead.pointee = FollowingText.Memory()
        result.removeAll()
        swap(&piece, &result)
        takeText()
        swap(&piece, &result)
        ids.withElements { result.batch.ids.append(contentsOf: $0) }
    }

    private mutating func takeText() {
        var position = 0
        while position < end {
            let byte = base.load(fromByteOffset: position, as: UInt8.self)
            if byte <= 0x20 {
                position += 1
                if byte == 0x0A { endLine() }
                continue
            }
            position = takeChunk(at: position)
        }
        if end > 0 && base.load(fromByteOffset: end - 1, as: UInt8.self) != 0x0A { endLine() }
        if !keepsLines { endSentence() }
    }

    // MARK: Chunks

    /// Processes the chunk at `start` and returns its end.
    @inline(__always)
    private mutating func takeChunk(at start: Int) -> Int {
        guard start + 16 <= end else { return takeLastChunk(at: start) }
        let low = load(start)
        let lowStop = Self.spaces(low)
        if lowStop != 0 {
            let bits = lowStop.trailingZeroBitCount & ~7
            return look(start, start + bits >> 3, low & ~(~0 << UInt64(bits)), 0)
        }
        let high = load(start + 8)
        let highStop = Self.spaces(high)
        if highStop != 0 {
            let bits = highStop.trailingZeroBitCount & ~7
            return look(start, start + 8 + bits >> 3, low, high & ~(~0 << UInt64(bits)))
        }
        return takeLongChunk(start, chunkEnd(from: start + 16))
    }

    /// Processes a chunk near the end of the text, where sixteen bytes cannot be loaded.
    @inline(never)
    private mutating func takeLastChunk(at start: Int) -> Int {
        let stop = chunkEnd(from: start)
        guard stop - start <= 16 else { return takeLongChunk(start, stop) }
        var key: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &key) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: base + start, count: stop - start))
        }
        return look(start, stop, UInt64(littleEndian: key.0), UInt64(littleEndian: key.1))
    }

    @inline(__always)
    private mutating func look(_ start: Int, _ stop: Int, _ low: UInt64, _ high: UInt64) -> Int {
        let slot = cache.slot(low, high).pointee
        if slot.info == ChunkCache.oneWord {
            ids.append(slot.first)
            lastEnd = .none
        } else {
            lookFurther(start, stop, low, high, slot)
        }
        return stop
    }

    @inline(never)
    private mutating func lookFurther(_ start: Int, _ stop: Int, _ low: UInt64, _ high: UInt64, _ found: ChunkCache.Slot) {
        if found.low != 0 { return emit(found, stop) }
        var slot = expand(start, stop)
        slot.low = low
        slot.high = high
        if !expander.dependsOnNext { cache.insert(slot) }
        emit(slot, stop)
    }

    @inline(never)
    private mutating func takeLongChunk(_ start: Int, _ stop: Int) -> Int {
        let bytes = UnsafeRawBufferPointer(start: base + start, count: stop - start)
        if bytes.count <= Self.longestRemembered {
            if let known = longChunks.find(bytes) {
                emit(longSlots[known], stop)
            } else {
                let slot = expand(start, stop)
                if !expander.dependsOnNext {
                    _ = longChunks.insert(bytes)
                    longSlots.append(slot)
                }
                emit(slot, stop)
            }
            return stop
        }
        var first = start
        while first < stop {
            let last = cutPoint(first, stop)
            emit(expand(first, last), last)
            expander.forgetExpansions()
            first = last
        }
        return stop
    }

    /// Returns `stop`, or a place between characters before it if the run is longer than the limit.
    private func cutPoint(_ start: Int, _ stop: Int) -> Int {
        guard stop - start > Tokenizer.longestRun else { return stop }
        var place = start + Tokenizer.longestRun
        while base.load(fromByteOffset: place, as: UInt8.self) & 0xC0 == 0x80 { place -= 1 }
        return place
    }

    private mutating func expand(_ start: Int, _ stop: Int) -> ChunkCache.Slot {
        let next = FollowingText(base: base, position: stop, end: end, passesLines: runningText, memory: lookAhead)
        return expander.expand(
            UnsafeRawBufferPointer(start: base + start, count: stop - start), next: next, words: &piece.batch.words)
    }

    /// Appends the tokens of a chunk that ends at `stop`, and ends sentences.
    private mutating func emit(_ slot: ChunkCache.Slot, _ stop: Int) {
        let count = Int(slot.info >> 3)
        if count == 1 && slot.first & ChunkExpander.beginsSentence == 0 {
            ids.append(slot.first)
        } else {
            for index in 0..<count {
                let id = expander.expansions[Int(slot.first) + index]
                if id & ChunkExpander.beginsSentence != 0 && splits { endSentence() }
                ids.append(id & ~ChunkExpander.beginsSentence)
            }
        }
        guard splits else { return }
        let chunkEnd = ChunkEnd(rawValue: UInt8(slot.info & 7)) ?? .none
        if chunkEnd != .closing { lastEnd = chunkEnd }
        if lastEnd == .none { return }
        let next = FollowingText(base: base, position: stop, end: end, passesLines: runningText, memory: lookAhead)
        if next.endsSentence(lastEnd) { endSentence() }
    }

    // MARK: Lines and sentences

    private mutating func endLine() {
        piece.lines += 1
        let isEmpty = ids.count == lineStart
        if isEmpty { piece.emptyLines += 1 }
        if isEmpty || !runningText { endSentence() }
        lineStart = ids.count
    }

    private mutating func endSentence() {
        var length = ids.count - sentenceStart
        sentenceStart = ids.count
        lastEnd = .none
        if length == 0 && !keepsLines { return }
        if length > tokenizer.maximumSentenceLength { piece.cutSentences += 1 }
        while length > tokenizer.maximumSentenceLength {
            piece.batch.sentenceLengths.append(UInt32(tokenizer.maximumSentenceLength))
            length -= tokenizer.maximumSentenceLength
        }
        piece.batch.sentenceLengths.append(UInt32(length))
    }

    // MARK: Bytes

    @inline(__always)
    private func load(_ position: Int) -> UInt64 {
        UInt64(littleEndian: (base + position).loadUnaligned(as: UInt64.self))
    }

    /// Sets the top bits of bytes up to 0x20; the lowest mark is correct, higher ones may be false.
    @inline(__always)
    private static func spaces(_ word: UInt64) -> UInt64 {
        (word &- 0x2121_2121_2121_2121) & ~word & 0x8080_8080_8080_8080
    }

    private func chunkEnd(from start: Int) -> Int {
        var place = start
        while place + 8 <= end {
            let found = Self.spaces(load(place))
            if found != 0 { return place + found.trailingZeroBitCount >> 3 }
            place += 8
        }
        while place < end && base.load(fromByteOffset: place, as: UInt8.self) > 0x20 { place += 1 }
        return place
    }
}

/// A growing list of ids. Here, `Array.append` would spend a tenth of the time on checks of ownership.
private struct IdBuffer: ~Copyable {
    private var base: UnsafeMutablePointer<UInt32>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    @inline(__always)
    mutating func append(_ id: UInt32) {
        if count == capacity { grow() }
        (base + count).initialize(to: id)
        count += 1
    }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity *= 2
    }

    mutating func removeAll() { count = 0 }

    func withElements(_ body: (UnsafeBufferPointer<UInt32>) -> Void) {
        body(UnsafeBufferPointer(start: base, count: count))
    }
}
