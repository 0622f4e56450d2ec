/// How a chunk of text may end a sentence.
enum ChunkEnd: UInt8 {
    /// Not at all.
    case none
    /// An abbreviation: where a word follows that begins sentences.
    case abbreviation
    /// `. ! ? …`: where something follows that is not in lower case.
    case ender
    /// `。 ؟ ।`: always.
    case fullStop
    /// Closing quotes and brackets only: like the chunk before.
    case closing
}

/// The text behind a chunk, as far as the rules look at it: to the end of the line, or of the paragraph.
struct FollowingText {
    let base: UnsafeRawPointer
    let position: Int
    let end: Int
    /// Whether single line breaks are spaces.
    let passesLines: Bool
    let memory: UnsafeMutablePointer<Memory>

    /// The last look behind openers. Looks from anywhere within it end at the same place, so that many full stops in a row do not
    /// each look over all those behind.
    struct Memory {
        fileprivate var range = 0..<0
        fileprivate var found: (at: Int, scalar: UInt32, length: Int)?
    }

    /// The first character behind white space; `nil` if nothing follows.
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

    /// Whether a sentence can begin here: behind quotes, brackets and dashes comes no small letter.
    var canBeginSentence: Bool {
        guard let first = firstBehindOpeners() else { return false }
        // What closes still belongs to the sentence before.
        let kind = CharacterClasses.of(first.scalar)
        return kind != .lower && kind != .closing
    }

    /// Whether the next word is one that begins many sentences, or nothing follows at all.
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
        // From behind the last opener on the same is found, and from within the white space there may be another.
        memory.pointee = Memory(range: position..<place + 1, found: found)
        return found
    }

    /// Whether a sentence that `chunkEnd` may end does end before this text.
    func endsSentence(_ chunkEnd: ChunkEnd) -> Bool {
        switch chunkEnd {
        case .none, .closing: false
        case .abbreviation: surelyBeginsSentence
        case .ender: canBeginSentence
        case .fullStop: true
        }
    }
}
