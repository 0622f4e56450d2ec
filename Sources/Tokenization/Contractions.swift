/// Cuts inside words that the Penn Treebank makes: `do n't`, `she 's`, `can not`, `gon na`.
enum Contractions {
    /// Endings that become tokens; `n't` is told apart below, for its first letter is not an apostrophe.
    private static let clitics: [StaticString] = ["'s", "'m", "'d", "'re", "'ve", "'ll"]

    /// Words that are two, with the length of the first.
    private static let compounds: [(word: StaticString, first: Int)] = [
        ("cannot", 3), ("gonna", 3), ("gotta", 3), ("gimme", 3), ("lemme", 3), ("wanna", 3), ("d'ye", 2), ("more'n", 4),
        ("'tis", 2), ("'twas", 2),
    ]

    /// A quick look at ASCII letters: false if they are surely not one of the compounds.
    @inline(__always)
    static func mayBeCompound(_ word: UnsafeRawBufferPointer) -> Bool {
        guard word.count == 5 || word.count == 6, let first = word.first else { return false }
        switch first | 0x20 {
        case UInt8(ascii: "c"), UInt8(ascii: "g"), UInt8(ascii: "l"), UInt8(ascii: "w"): return true
        default: return false
        }
    }

    /// Words that begin with an apostrophe. The clitics too: text may be tokenised already.
    private static let elisions: [StaticString] = [
        "s", "m", "d", "re", "ve", "ll", "em", "til", "till", "cause", "cos", "bout", "round", "neath", "n", "tis", "twas",
        "twere", "twill",
    ]

    /// Cuts the word in `range`, which holds no punctuation but apostrophes, hyphens and the like.
    static func cut(_ chunk: inout DecodedChunk, _ range: Range<Int>) {
        var stop = range.upperBound
        if (range.contains { chunk.classes[$0] == .apostrophe }) {
            while let start = lastClitic(chunk, range.lowerBound..<stop) {
                chunk.cut(start)
                stop = start
            }
        }
        let word = range.lowerBound..<stop
        for (compound, first) in compounds where chunk.spells(compound, word) { chunk.cut(word.lowerBound + first) }
    }

    private static func lastClitic(_ chunk: borrowing DecodedChunk, _ range: Range<Int>) -> Int? {
        let end = range.upperBound
        for clitic in clitics {
            let start = end - clitic.utf8CodeUnitCount
            if start > range.lowerBound && chunk.spells(clitic, start..<end) && chunk.classes[start - 1] != .apostrophe {
                return start
            }
        }
        let start = end - 3
        if start > range.lowerBound && chunk.spells("n't", start..<end) && chunk.classes[start - 1].isLetter { return start }
        return nil
    }

    /// Whether the apostrophe at the start of `range` belongs to the word behind it: `'em`, `'90s`, `'s`.
    static func startsElision(_ chunk: borrowing DecodedChunk, _ range: Range<Int>) -> Bool {
        let first = range.lowerBound + 1
        var stop = first
        while stop < range.upperBound && chunk.classes[stop].isWord { stop += 1 }
        if stop < range.upperBound && chunk.classes[stop] == .apostrophe { return false }
        if stop - first >= 2 && chunk.all(first..<first + 2, { $0 == .digit }) {
            return stop - first == 2 || (stop - first == 3 && chunk.lowercaseLetter(first + 2) == UInt8(ascii: "s"))
        }
        return elisions.contains { chunk.spells($0, first..<stop) }
    }
}
