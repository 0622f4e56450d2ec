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
        while place < end {
            let (scalar, length) = decodeScalar(base, place)
            guard CharacterClasses.of(scalar).isLetter else { break }
            place += length
        }
        return Abbreviations.beginsSentences(UnsafeRawBufferPointer(start: base + first.at, count: place - first.at))
    }

    private func firstBehindOpeners() -> (at: Int, scalar: UInt32, length: Int)? {
        var place = position
        while let next = firstVisible(from: place) {
            switch CharacterClasses.of(next.scalar) {
            case .opening, .quote, .apostrophe, .dash, .hyphen, .dot, .ellipsis: place = next.at + next.length
            default: return next
            }
        }
        return nil
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
