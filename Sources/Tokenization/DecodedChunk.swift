/// A decoded run of text between white space, with the cuts that the rules make in it. The rules look at single characters all the
/// time; in arrays, checks of ownership and bounds would double their cost.
struct DecodedChunk: ~Copyable {
    private(set) var scalars: UnsafeMutablePointer<UInt32>
    private(set) var classes: UnsafeMutablePointer<CharacterClass>
    /// Offset of each scalar in the bytes, and one more entry for the end.
    private(set) var offsets: UnsafeMutablePointer<Int>
    /// For each scalar, true if a token starts at it; one more entry for the end.
    private var cuts: UnsafeMutablePointer<Bool>
    /// For each scalar, true if a sentence ends before it; one more entry for the end.
    private(set) var breaks: UnsafeMutablePointer<Bool>
    private(set) var count = 0
    private var capacity: Int

    /// - Parameter capacity: number of bytes that fit before the memory grows.
    init(capacity: Int = 256) {
        self.capacity = capacity
        scalars = .allocate(capacity: capacity)
        classes = .allocate(capacity: capacity)
        offsets = .allocate(capacity: capacity)
        cuts = .allocate(capacity: capacity)
        breaks = .allocate(capacity: capacity)
    }

    deinit {
        scalars.deallocate()
        classes.deallocate()
        offsets.deallocate()
        cuts.deallocate()
        breaks.deallocate()
    }

    /// Decodes `bytes`, which must be valid UTF-8.
    mutating func decode(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count >= capacity { self = DecodedChunk(capacity: 2 * bytes.count) }
        count = 0
        var position = 0
        while let base = bytes.baseAddress, position < bytes.count {
            let (scalar, length) = decodeScalar(base, position)
            scalars[count] = scalar
            classes[count] = CharacterClasses.of(scalar)
            offsets[count] = position
            position += length
            count += 1
        }
        offsets[count] = position
        cuts.update(repeating: false, count: count + 1)
        breaks.update(repeating: false, count: count + 1)
    }

    mutating func cut(_ index: Int) { cuts[index] = true }

    /// Cuts at both ends of `range`.
    mutating func isolate(_ range: Range<Int>) {
        cuts[range.lowerBound] = true
        cuts[range.upperBound] = true
    }

    mutating func endSentence(before index: Int) { breaks[index] = true }

    func isCut(_ index: Int) -> Bool { cuts[index] }

    /// Returns the next cut after `index`, or `limit` if there is none before it.
    func nextCut(after index: Int, limit: Int) -> Int {
        var next = index + 1
        while next < limit && !cuts[next] { next += 1 }
        return next
    }

    /// Returns the ASCII letter at `index` in lower case, or 0.
    func lowercaseLetter(_ index: Int) -> UInt8 {
        let scalar = scalars[index]
        guard scalar < 0x80 else { return 0 }
        switch classes[index] {
        case .lower: return UInt8(scalar)
        case .upper: return UInt8(scalar) | 0x20
        default: return 0
        }
    }

    /// Returns true if `range` spells `word`, given as lower-case ASCII, in letters of any case; `'` matches any apostrophe.
    func spells(_ word: StaticString, _ range: Range<Int>) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for (step, index) in range.enumerated() {
            let expected = word.utf8Start[step]
            if expected == UInt8(ascii: "'") {
                if classes[index] != .apostrophe { return false }
            } else if lowercaseLetter(index) != expected {
                return false
            }
        }
        return true
    }

    func all(_ range: Range<Int>, _ condition: (CharacterClass) -> Bool) -> Bool {
        range.allSatisfy { condition(classes[$0]) }
    }

    /// Returns the range as text, for look-up in word lists.
    func text(_ range: Range<Int>) -> String {
        String(String.UnicodeScalarView(range.compactMap { Unicode.Scalar(scalars[$0]) }))
    }
}

/// The text after a chunk as far as the rules look: to the end of the line or paragraph.
struct FollowingText {
    let base: UnsafeRawPointer
    let position: Int
    let end: Int
    /// True if single line breaks count as spaces.
    let passesLines: Bool
    let memory: UnsafeMutablePointer<Memory>

    /// The last search past openers. Searches from anywhere within it end at the same place, so that many full stops in a row do
    /// not each search past all the following ones.
    struct Memory {
        fileprivate var range = 0..<0
        fileprivate var found: (at: Int, scalar: UInt32, length: Int)?
    }

    /// Returns the first character after white space; `nil` if nothing follows.
    private func firstVisible(from start: Int) -> (at: Int, scalar: UInt32, length: Int)? {
        var place = start
        var lines = 0
        while place < end {
            let (scalar, length) = decodeScalar(base, place)
            if CharacterClasses.of(scalar) != .space { return (place, scalar, length) }
            if scalar == 0x0A {
                lines += 1
                if lines > (passesLines ? 1 : 0) { return nil }
            }
            place += length
        }
        return nil
    }

    var isNothing: Bool { firstVisible(from: position) == nil }

    var beginsWithDigit: Bool {
        firstVisible(from: position).map { CharacterClasses.of($0.scalar) == .digit } ?? false
    }

    /// True if a sentence can start here: no lower-case letter follows after quotes, brackets and dashes.
    var canBeginSentence: Bool {
        guard let first = firstBehindOpeners() else { return false }
        // A closing character still belongs to the previous sentence.
        let kind = CharacterClasses.of(first.scalar)
        return kind != .lower && kind != .closing
    }

    /// True if the next word starts many sentences, or if nothing follows.
    var surelyBeginsSentence: Bool {
        guard let first = firstBehindOpeners() else { return isNothing }
        var place = first.at
        // No such word is longer.
        while place < end && place - first.at <= 64 {
            let (scalar, length) = decodeScalar(base, place)
            guard CharacterClasses.of(scalar).isLetter else { break }
            place += length
        }
        return Abbreviations.beginsSentences(UnsafeRawBufferPointer(start: base + first.at, count: place - first.at))
    }

    private func firstBehindOpeners() -> (at: Int, scalar: UInt32, length: Int)? {
        if memory.pointee.range.contains(position) { return memory.pointee.found }
        var place = position, found: (at: Int, scalar: UInt32, length: Int)?
        look: while let next = firstVisible(from: place) {
            switch CharacterClasses.of(next.scalar) {
            case .opening, .quote, .apostrophe, .dash, .hyphen, .dot, .ellipsis: place = next.at + next.length
            default:
                found = next
                break look
            }
        }
        // Searches from the last opener on find the same place; from within the white space there may be another opener.
        memory.pointee = Memory(range: position..<place + 1, found: found)
        return found
    }

    /// Returns true if a sentence that `chunkEnd` may end does end before this text.
    func endsSentence(_ chunkEnd: ChunkEnd) -> Bool {
        switch chunkEnd {
        case .none, .closing: false
        case .abbreviation: surelyBeginsSentence
        case .ender: canBeginSentence
        case .fullStop: true
        }
    }
}

/// The way in which a chunk of text may end a sentence.
enum ChunkEnd: UInt8 {
    /// It cannot.
    case none
    /// An abbreviation: ends a sentence if a word follows that starts sentences.
    case abbreviation
    /// `. ! ? …`: ends a sentence if something follows that is not in lower case.
    case ender
    /// `。 ؟ ।`: always ends a sentence.
    case fullStop
    /// Closing quotes and brackets only: like the previous chunk.
    case closing
}
