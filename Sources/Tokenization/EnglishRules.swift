/// English tokenisation in the manner of the Penn Treebank, for one chunk of text without white space.
///
/// docs/tokenization.md lists every rule with an example. Tokens are pieces of the text: nothing is replaced, so quotes and
/// brackets stay as they are. The rules detach punctuation at both ends, then split the rest, then look for contractions.
struct EnglishRules {
    /// True if the last result depends on what follows the chunk, and so cannot be remembered.
    private(set) var consultedNext = false

    /// Cuts `chunk` and returns how it may end a sentence.
    mutating func apply(to chunk: inout DecodedChunk, next: FollowingText) -> ChunkEnd {
        consultedNext = false
        var end = ChunkEnd.closing
        var start = 0
        while start < chunk.count {
            if chunk.classes[start] == .space {
                chunk.isolate(start..<start + 1)
                start += 1
                continue
            }
            var stop = start
            while stop < chunk.count && chunk.classes[stop] != .space { stop += 1 }
            end = split(&chunk, start..<stop, next)
            start = stop
        }
        return end
    }

    private mutating func split(_ chunk: inout DecodedChunk, _ range: Range<Int>, _ next: FollowingText) -> ChunkEnd {
        chunk.isolate(range)
        let start = peelFront(&chunk, range)
        var periodEnd: ChunkEnd?
        let core = start..<peelBack(&chunk, start..<range.upperBound, next, &periodEnd)
        if !core.isEmpty && !Self.isAddress(chunk, core) {
            cutInside(&chunk, core)
            var segment = core.lowerBound
            while segment < core.upperBound {
                let stop = chunk.nextCut(after: segment, limit: core.upperBound)
                Contractions.cut(&chunk, segment..<stop)
                segment = stop
            }
        }
        markFullStops(&chunk, range)
        return endOfSentence(chunk, range, core, periodEnd)
    }

    // MARK: The ends

    private func peelFront(_ chunk: inout DecodedChunk, _ range: Range<Int>) -> Int {
        var start = range.lowerBound
        while start < range.upperBound {
            let unit = Self.unit(chunk, start, range.upperBound)
            let following = unit.upperBound < range.upperBound ? chunk.classes[unit.upperBound] : .space
            switch chunk.classes[start] {
            case .space, .lower, .upper, .letter, .digit:
                return start
            case .apostrophe where unit.count == 1 && Contractions.startsElision(chunk, start..<range.upperBound):
                return start
            case .hyphen where unit.count == 1 && (following.isWord || following == .currency || following == .dot):
                return start
            case .dot where unit.count == 1 && following.isWord:
                return start
            case .joining where following.isWord && chunk.scalars[start] != 0x26:
                return start
            default:
                chunk.isolate(unit)
                start = unit.upperBound
            }
        }
        return start
    }

    /// - Parameter periodEnd: how the sentence may end if a period stays on the last word.
    private mutating func peelBack(
        _ chunk: inout DecodedChunk, _ range: Range<Int>, _ next: FollowingText, _ periodEnd: inout ChunkEnd?
    ) -> Int {
        var stop = range.upperBound
        // Findings are kept; otherwise a long chunk would be searched again for each of its marks.
        var run = stop..<stop, brackets: BracketBalance?, address: (end: Int?, isKnown: Bool) = (nil, false)
        let classes = chunk.classes
        func bracket(_ place: Int) -> Int { classes[place] == .opening ? 1 : classes[place] == .closing ? -1 : 0 }
        while stop > range.lowerBound {
            var unitStart = stop - 1
            let last = chunk.classes[unitStart]
            if Self.runs(last) {
                if !run.contains(unitStart) {
                    var first = unitStart
                    while first > range.lowerBound && chunk.scalars[first - 1] == chunk.scalars[unitStart] { first -= 1 }
                    run = first..<stop
                }
                unitStart = run.lowerBound
            }
            let before = unitStart > range.lowerBound ? chunk.classes[unitStart - 1] : .space
            switch last {
            case .space, .lower, .upper, .letter, .digit, .symbol:
                return stop
            case .closing:
                if !address.isKnown { address = (Self.addressEnd(chunk, range), true) }
                if let end = address.end, end <= stop {
                    if brackets == nil { brackets = BracketBalance(range.lowerBound..<stop, bracket) }
                    brackets?.shorten(to: stop, bracket)
                    if brackets?.opensInside == true { return stop }
                }
                chunk.isolate(unitStart..<stop)
                stop = unitStart
            case .hyphen where stop - unitStart == 1 && before.isWord,
                .joining where before.isWord || before == .joining:
                return stop
            case .currency where before == .upper:
                return stop
            case .dot where stop - unitStart == 1:
                let keeps = keepsPeriod(chunk, range.lowerBound..<unitStart, next, &periodEnd)
                if keeps { return stop }
                chunk.isolate(unitStart..<stop)
                stop = unitStart
            case .apostrophe where stop - unitStart > 2:
                chunk.isolate(stop - 1..<stop)
                stop -= 1
            default:
                chunk.isolate(unitStart..<stop)
                stop = unitStart
            }
        }
        return stop
    }

    /// Returns true if the period after `range` belongs to the word.
    private mutating func keepsPeriod(
        _ chunk: borrowing DecodedChunk, _ range: Range<Int>, _ next: FollowingText, _ periodEnd: inout ChunkEnd?
    ) -> Bool {
        // What follows the last hyphen or slash decides: pre-U.S., and/or. Other marks do not form words that keep a period.
        var first = range.upperBound
        while first > range.lowerBound && (chunk.classes[first - 1].isLetter || chunk.classes[first - 1] == .dot) { first -= 1 }
        guard first == range.lowerBound || [.hyphen, .joining, .opening].contains(chunk.classes[first - 1]) else { return false }
        let word = first..<range.upperBound
        guard !word.isEmpty else { return false }
        if word.count == 1 && chunk.classes[word.lowerBound] == .upper {
            consultedNext = true
            return !next.isNothing && !next.surelyBeginsSentence
        }
        if Self.isDotted(chunk, word) {
            periodEnd = .abbreviation
            return true
        }
        guard word.count <= 8, chunk.all(word, \.isCased) else { return false }
        switch Abbreviations.kind(chunk.text(word)) {
        case .title:
            periodEnd = ChunkEnd.none
            return true
        case .other:
            periodEnd = .abbreviation
            return true
        case .beforeNumber:
            consultedNext = true
            return next.beginsWithDigit
        case nil:
            return false
        }
    }

    /// Returns true for letters, single or in pairs, separated by periods: U.S, e.g, Ph.D.
    private static func isDotted(_ chunk: borrowing DecodedChunk, _ range: Range<Int>) -> Bool {
        let groups = range.split(omittingEmptySubsequences: false) { chunk.classes[$0] == .dot }
        return groups.count > 1 && groups.allSatisfy { (1...2).contains($0.count) && chunk.all($0, \.isLetter) }
    }

    // MARK: The inside

    private func cutInside(_ chunk: inout DecodedChunk, _ core: Range<Int>) {
        var index = core.lowerBound
        while index < core.upperBound {
            let unit = Self.unit(chunk, index, core.upperBound)
            let before = index > core.lowerBound ? chunk.classes[index - 1] : .space
            let following = unit.upperBound < core.upperBound ? chunk.classes[unit.upperBound] : .space
            switch chunk.classes[index] {
            case .space, .lower, .upper, .letter, .digit, .joining:
                break
            case .edge where before.isWord && following.isWord, .apostrophe where unit.count == 1:
                break
            case .hyphen where unit.count == 1:
                break
            case .comma where before == .digit && following == .digit, .colon where before == .digit && following == .digit:
                break
            case .dot where unit.count == 1:
                cutSentencePeriod(&chunk, core, index)
            case .currency:
                let isPrefix = before == .upper && chunk.scalars[index] == 0x24
                if isPrefix && following.isLetter { break }
                if !isPrefix { chunk.cut(unit.lowerBound) }
                chunk.cut(unit.upperBound)
            default:
                chunk.isolate(unit)
                if [.ender, .ellipsis, .dot].contains(chunk.classes[index]) && following == .upper {
                    chunk.endSentence(before: unit.upperBound)
                }
            }
            index = unit.upperBound
        }
    }

    /// Handles a period between words without a space: cut in "over.Then" and "Mr.Smith", but not in names of files and hosts.
    private func cutSentencePeriod(_ chunk: inout DecodedChunk, _ core: Range<Int>, _ dot: Int) {
        var left = dot
        while left > core.lowerBound && chunk.classes[left - 1].isCased { left -= 1 }
        var right = dot + 1
        while right < core.upperBound && chunk.classes[right].isCased { right += 1 }
        guard dot - left >= 2, right - dot > 1, chunk.classes[dot - 1] == .lower, chunk.classes[dot + 1] == .upper,
            left == core.lowerBound || chunk.isCut(left), right == core.upperBound || chunk.classes[right] != .dot
        else { return }
        if Abbreviations.kind(chunk.text(left..<dot)) == .title {
            chunk.cut(dot + 1)
        } else {
            chunk.isolate(dot..<dot + 1)
            chunk.endSentence(before: dot + 1)
        }
    }

    // MARK: Units

    /// Returns true for marks that form one token when repeated: `--`, `...`, `''`, two backquotes.
    private static func runs(_ kind: CharacterClass) -> Bool { kind == .hyphen || kind == .dot || kind == .apostrophe }

    /// Returns the token of punctuation that starts at `index`: one character, a run, or a symbol with its modifiers.
    private static func unit(_ chunk: borrowing DecodedChunk, _ index: Int, _ limit: Int) -> Range<Int> {
        var stop = index + 1
        switch chunk.classes[index] {
        case .hyphen, .dot:
            while stop < limit && chunk.scalars[stop] == chunk.scalars[index] { stop += 1 }
        case .apostrophe, .separate:
            let doubles = chunk.classes[index] == .apostrophe || chunk.scalars[index] == 0x60
            if doubles && stop < limit && chunk.scalars[stop] == chunk.scalars[index] { stop += 1 }
        case .symbol:
            stop = Symbols.end(chunk, index, limit)
        default: break
        }
        return index..<stop
    }

    // MARK: Addresses

    /// Returns true for `scheme://…`, `www.…`, `mailto:…` and `host.domain/…`, which stay whole whatever marks they contain.
    static func isAddress(_ chunk: borrowing DecodedChunk, _ range: Range<Int>) -> Bool { addressEnd(chunk, range) != nil }

    /// Returns the minimum end of a range that is an address; `nil` if it is not an address.
    private static func addressEnd(_ chunk: borrowing DecodedChunk, _ range: Range<Int>) -> Int? {
        if range.count > 4 && chunk.spells("www", range.lowerBound..<range.lowerBound + 3)
            && chunk.classes[range.lowerBound + 3] == .dot { return range.lowerBound + 5 }
        if range.count > 7 && chunk.spells("mailto", range.lowerBound..<range.lowerBound + 6)
            && chunk.classes[range.lowerBound + 6] == .colon { return range.lowerBound + 8 }
        // Find the first mark that no host name contains: "://" after a scheme, "/" after a host with a period in it.
        var letters = 0
        var dots = 0
        for index in range {
            switch chunk.classes[index] {
            case .lower, .upper: letters += 1
            case .digit, .hyphen: letters = 0
            case .dot:
                dots += 1
                letters = 0
            case .colon:
                let isScheme = index > range.lowerBound && index + 3 < range.upperBound && chunk.scalars[index + 1] == 0x2F
                    && chunk.scalars[index + 2] == 0x2F
                return isScheme ? index + 4 : nil
            case .joining: return chunk.scalars[index] == 0x2F && dots > 0 && letters >= 2 ? index + 1 : nil
            default: return nil
            }
        }
        return nil
    }

    // MARK: Ends of sentences

    /// Marks full stops of scripts without capitals, which end a sentence even inside a chunk, after any closing quotes.
    private func markFullStops(_ chunk: inout DecodedChunk, _ range: Range<Int>) {
        var index = range.lowerBound
        while index < range.upperBound {
            if chunk.classes[index] == .fullStop {
                while index + 1 < range.upperBound,
                    [.fullStop, .closing, .ender, .quote].contains(chunk.classes[index + 1]) { index += 1 }
                if index + 1 < range.upperBound { chunk.endSentence(before: index + 1) }
            }
            index += 1
        }
    }

    private func endOfSentence(
        _ chunk: borrowing DecodedChunk, _ range: Range<Int>, _ core: Range<Int>, _ periodEnd: ChunkEnd?
    ) -> ChunkEnd {
        var index = range.upperBound
        while index > range.lowerBound {
            index -= 1
            switch chunk.classes[index] {
            case .closing, .quote: continue
            case .apostrophe where index >= core.upperBound: continue
            case .ender: return .ender
            case .ellipsis: return .ender
            case .fullStop: return .fullStop
            case .dot:
                if core.contains(index) { return periodEnd ?? .none }
                return .ender
            default: return .none
            }
        }
        return .closing
    }
}

/// Emoji and other symbols of more than one scalar.
private enum Symbols {
    private static let joiner: UInt32 = 0x200D
    private static let regionalIndicators: ClosedRange<UInt32> = 0x1F1E6...0x1F1FF

    /// Returns true for variation selectors, joiners, enclosing marks, skin tones and tags.
    static func isModifier(_ scalar: UInt32) -> Bool {
        switch scalar {
        case joiner, 0xFE00...0xFE0F, 0x20D0...0x20FF, 0x1F3FB...0x1F3FF, 0xE0020...0xE007F: true
        default: false
        }
    }

    /// Returns the end of the symbol at `index` with its modifiers and everything joined to it.
    static func end(_ chunk: borrowing DecodedChunk, _ index: Int, _ limit: Int) -> Int {
        var stop = index + 1
        if regionalIndicators.contains(chunk.scalars[index]) && stop < limit
            && regionalIndicators.contains(chunk.scalars[stop]) { return stop + 1 }
        while stop < limit {
            let joined = chunk.scalars[stop - 1] == joiner && chunk.classes[stop] == .symbol
            guard joined || isModifier(chunk.scalars[stop]) else { break }
            stop += 1
        }
        return stop
    }
}

/// The balance of opening and closing brackets in a range whose end moves left. Each place of the range is examined at most twice,
/// however often the end moves.
package struct BracketBalance {
    private var stop: Int
    private var balance = 0

    /// - Parameter step: returns the value of a place: 1 for an opening bracket, -1 for a closing one, 0 for anything else.
    package init(_ range: Range<Int>, _ step: (Int) -> Int) {
        stop = range.upperBound
        for place in range { balance += step(place) }
    }

    /// Moves the end back to `newStop`.
    package mutating func shorten(to newStop: Int, _ step: (Int) -> Int) {
        while stop > newStop {
            stop -= 1
            balance -= step(stop)
        }
    }

    /// True if at least as many brackets open as close, so that a closing one at the end was opened before.
    package var opensInside: Bool { balance >= 0 }
}
