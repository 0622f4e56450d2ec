import Shards

/// Turns a chunk into the ids of its tokens: normalises, applies the rules, lowercases, and looks words up.
struct ChunkExpander: ~Copyable {
    /// Set in an expanded id if a sentence ends before this token.
    static let beginsSentence: UInt32 = 1 << 31

    /// The ids of all remembered chunks of more than one token.
    private(set) var expansions: [UInt32] = []
    /// Number of these ids that belong to remembered chunks.
    private var remembered = 0
    /// True if the last expansion is valid only at this place in the text.
    private(set) var dependsOnNext = false

    private let tokenizer: Tokenizer
    private var chunk = DecodedChunk()
    private var rules = EnglishRules()

    init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

    mutating func removeAll() { expansions.removeAll(keepingCapacity: true) }

    /// Drops the expansion of a chunk that is not remembered, after its ids have been used.
    mutating func forgetExpansions() { expansions.removeLast(expansions.count - remembered) }

    /// Returns the slot, without key, of the chunk in `bytes`; new words are added to `words`.
    mutating func expand(
        _ bytes: UnsafeRawBufferPointer, next: FollowingText, words: inout WordTable
    ) -> ChunkCache.Slot {
        remembered = expansions.count
        if tokenizer.mode == .penn, let slot = expandPlain(bytes, &words) { return slot }
        guard let normal = tokenizer.normalization.apply(to: bytes) else { return expandNormal(bytes, next, &words) }
        return normal.withUnsafeBytes { expandNormal($0, next, &words) }
    }

    /// Returns how the chunk in `bytes` may end a sentence.
    mutating func end(of bytes: UnsafeRawBufferPointer, next: FollowingText) -> ChunkEnd {
        chunk.decode(bytes)
        return rules.apply(to: &chunk, next: next)
    }

    /// A fast path for ASCII letters with hyphens between them and one mark or `'s` at the end, which is most of what is new in a
    /// text. Returns what the rules would give, or `nil` if the rules are needed.
    private mutating func expandPlain(_ bytes: UnsafeRawBufferPointer, _ words: inout WordTable) -> ChunkCache.Slot? {
        var length = 0
        var afterLetter = false
        var isHyphenated = false
        while length < bytes.count {
            let isLetter = (bytes[length] | 0x20) &- UInt8(ascii: "a") < 26
            guard isLetter || (afterLetter && bytes[length] == UInt8(ascii: "-")) else { break }
            isHyphenated = isHyphenated || !isLetter
            afterLetter = isLetter
            length += 1
        }
        let word = UnsafeRawBufferPointer(rebasing: bytes[..<length])
        guard afterLetter, !Contractions.mayBeCompound(word) else { return nil }
        let end: ChunkEnd
        switch bytes.count - length {
        case 0: end = .none
        case 1:
            switch bytes[length] {
            case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ":"): end = .none
            case UInt8(ascii: "!"), UInt8(ascii: "?"): end = .ender
            case UInt8(ascii: ".") where length > 1 && !isHyphenated && Abbreviations.kind(word) == nil: end = .ender
            default: return nil
            }
        case 2 where bytes[length] == UInt8(ascii: "'") && bytes[length + 1] | 0x20 == UInt8(ascii: "s"): end = .none
        default: return nil
        }
        dependsOnNext = false
        let first = UInt32(insert(word, &words))
        if length == bytes.count { return ChunkCache.Slot(first: first, info: ChunkCache.oneWord) }
        let second = UInt32(insert(UnsafeRawBufferPointer(rebasing: bytes[length...]), &words))
        expansions.append(first)
        expansions.append(second)
        return ChunkCache.Slot(first: UInt32(expansions.count - 2), info: 2 << 3 | UInt32(end.rawValue))
    }

    private mutating func expandNormal(
        _ bytes: UnsafeRawBufferPointer, _ next: FollowingText, _ words: inout WordTable
    ) -> ChunkCache.Slot {
        chunk.decode(bytes)
        var end = ChunkEnd.none
        dependsOnNext = false
        if tokenizer.mode == .penn || tokenizer.sentences.splits {
            end = rules.apply(to: &chunk, next: next)
            dependsOnNext = rules.consultedNext
        }
        let first = expansions.count
        var start = 0
        while start < chunk.count {
            var stop = start + 1
            if tokenizer.mode == .penn {
                stop = chunk.nextCut(after: start, limit: chunk.count)
            } else {
                let isSpace = chunk.classes[start] == .space
                while stop < chunk.count && (chunk.classes[stop] == .space) == isSpace { stop += 1 }
            }
            if chunk.classes[start] != .space {
                let token = UnsafeRawBufferPointer(rebasing: bytes[chunk.offsets[start]..<chunk.offsets[stop]])
                let flag = chunk.breaks[start] ? Self.beginsSentence : 0
                expansions.append(UInt32(insert(token, &words)) | flag)
            }
            start = stop
        }
        let count = expansions.count - first
        var slot = ChunkCache.Slot(first: UInt32(first), info: UInt32(count) << 3 | UInt32(end.rawValue))
        if count == 1 { slot.first = expansions.removeLast() & ~Self.beginsSentence }
        return slot
    }

    private func insert(_ token: UnsafeRawBufferPointer, _ words: inout WordTable) -> Int {
        guard tokenizer.lowercase, let lower = lowerCase(token) else { return words.insert(token) }
        return lower.withUnsafeBytes { bytes in
            guard let normal = tokenizer.normalization.apply(to: bytes) else { return words.insert(bytes) }
            return normal.withUnsafeBytes { words.insert($0) }
        }
    }
}

/// The results of the rules for each chunk of text, so that they run once for each distinct chunk of a piece. The key is the chunk
/// itself, at most 16 bytes padded with zeros; text contains no NUL, so the padding determines the length.
struct ChunkCache: ~Copyable {
    struct Slot {
        var low: UInt64 = 0
        var high: UInt64 = 0
        /// Id of the token, or index of the tokens' ids in the list of expansions.
        var first: UInt32 = 0
        /// Number of tokens, and in the low 3 bits how the chunk may end a sentence (`ChunkEnd`).
        var info: UInt32 = 0
    }

    /// `info` of a chunk that is one token and cannot end a sentence, as nearly all are.
    static let oneWord: UInt32 = 1 << 3

    private var slots: UnsafeMutablePointer<Slot>
    private var mask: Int
    private var count = 0
    private let secret = HashSecret.ofProcess

    init(capacity: Int) {
        var size = 1 << 10
        while size * 2 < capacity * 3 { size *= 2 }
        slots = .allocate(capacity: size)
        slots.initialize(repeating: Slot(), count: size)
        mask = size - 1
    }

    deinit { slots.deallocate() }

    /// Returns the slot of a chunk, or the empty slot (`low` is 0) where it belongs. Valid until the next `insert`.
    @inline(__always)
    func slot(_ low: UInt64, _ high: UInt64) -> UnsafeMutablePointer<Slot> {
        var place = hash(low, high) & mask
        while true {
            let slot = slots + place
            if (slot.pointee.low == low && slot.pointee.high == high) || slot.pointee.low == 0 { return slot }
            place = (place + 1) & mask
        }
    }

    mutating func insert(_ slot: Slot) {
        if (count + 1) * 3 > (mask + 1) * 2 { grow() }
        self.slot(slot.low, slot.high).pointee = slot
        count += 1
    }

    mutating func removeAll() {
        slots.update(repeating: Slot(), count: mask + 1)
        count = 0
    }

    private mutating func grow() {
        let old = slots
        let oldSize = mask + 1
        slots = .allocate(capacity: oldSize * 2)
        slots.initialize(repeating: Slot(), count: oldSize * 2)
        mask = oldSize * 2 - 1
        for index in 0..<oldSize where old[index].low != 0 { slot(old[index].low, old[index].high).pointee = old[index] }
        old.deallocate()
    }

    @inline(__always)
    private func hash(_ low: UInt64, _ high: UInt64) -> Int {
        let product = (low ^ secret.start).multipliedFullWidth(by: high ^ secret.step)
        return Int(truncatingIfNeeded: product.high ^ product.low)
    }
}
