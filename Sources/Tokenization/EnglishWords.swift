import Shards

/// Words to which their final period belongs. Letters with periods between them (`U.S.`, `e.g.`, `Ph.D.`) and initials (`J.`) are
/// recognised by rule and not listed.
enum Abbreviations {
    /// Before a name or a number; they never end a sentence.
    private static let titles = wordTable(
        """
        Mr Mrs Ms Mx Messrs Mmes Dr Drs Prof Rev Hon Fr Sr Sra Msgr Gen Col Maj Capt Cmdr Cpl Lt Sgt Pvt Adm Brig Sen Sens \
        Rep Reps Gov Govs Pres Supt Insp Amb Atty St Ste Mt Ft Mme Mlle vs cf viz approx ca mr mrs ms dr prof rev gen col \
        capt lt sgt sen gov
        """)

    /// May end a sentence: they do if a word follows that starts sentences.
    private static let others = wordTable(
        """
        Inc Corp Co Cos Ltd Bros Plc Assn Dept Univ Ave Blvd Rd Sq Jr Esq Ph etc al et seq ibid Jan Feb Apr Jun Jul Aug \
        Sept Sep Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri Ala Ariz Ark Calif Colo Conn Del Fla Ga Ill Ind Kan Ky La \
        Md Mich Minn Mont Neb Nev Okla Ore Pa Penn Tenn Tex Vt Va Wash Wis Wyo Ont Que inc corp co ltd jr dept ave blvd \
        yrs hrs mins lbs oz ft v
        """)

    /// Abbreviations before a number, ordinary words elsewhere.
    private static let beforeNumbers = wordTable(
        """
        No Nos no nos Art art Fig Figs fig figs Vol Vols vol vols Ch ch Chap chap Sec sec Sect sect p pp P Pp para Eq eq \
        Ed ed Op op Mar Sat Sun
        """)

    /// Words that start so many sentences that an abbreviation before them ends one.
    private static let sentenceStarters = wordTable(
        """
        A After All Although An And As At Because Before But By Each Every For From He Her Here His How However I If In \
        Instead It Its Later Many Meanwhile Most My No Nor Not Now On Once One Only Or Other Others Our Perhaps She Since \
        So Some Still Such That The Their Then There These They This Those Though Thus To Today Two Under Until We What \
        When Where Whether While Who Why With Yes Yet You Your
        """)

    /// Number of letters in the longest listed abbreviation.
    private static let longest = 8

    enum Kind { case title, other, beforeNumber }

    static func kind(_ word: UnsafeRawBufferPointer) -> Kind? {
        guard word.count <= longest else { return nil }
        if titles.find(word) != nil { return .title }
        if others.find(word) != nil { return .other }
        if beforeNumbers.find(word) != nil { return .beforeNumber }
        return nil
    }

    static func kind(_ word: String) -> Kind? {
        var word = word
        return word.withUTF8 { kind(UnsafeRawBufferPointer($0)) }
    }

    static func beginsSentences(_ word: UnsafeRawBufferPointer) -> Bool { sentenceStarters.find(word) != nil }

    private static func wordTable(_ words: String) -> WordTable {
        var table = WordTable(capacity: 128)
        for word in words.split(separator: " ") { _ = table.insert(String(word)) }
        return table
    }
}

/// Splits inside words that the Penn Treebank makes: `do n't`, `she 's`, `can not`, `gon na`.
enum Contractions {
    /// Endings that become tokens. `n't` is recognised below, because its first letter is not an apostrophe.
    private static let clitics: [StaticString] = ["'s", "'m", "'d", "'re", "'ve", "'ll"]

    /// Words that are split in two, with the length of the first part.
    private static let compounds: [(word: StaticString, first: Int)] = [
        ("cannot", 3), ("gonna", 3), ("gotta", 3), ("gimme", 3), ("lemme", 3), ("wanna", 3), ("d'ye", 2), ("more'n", 4),
        ("'tis", 2), ("'twas", 2),
    ]

    /// A quick test of ASCII letters: returns false for words that are certainly not compounds.
    @inline(__always)
    static func mayBeCompound(_ word: UnsafeRawBufferPointer) -> Bool {
        guard word.count == 5 || word.count == 6, let first = word.first else { return false }
        switch first | 0x20 {
        case UInt8(ascii: "c"), UInt8(ascii: "g"), UInt8(ascii: "l"), UInt8(ascii: "w"): return true
        default: return false
        }
    }

    /// Words that start with an apostrophe. Includes the clitics, because text may be tokenised already.
    private static let elisions: [StaticString] = [
        "s", "m", "d", "re", "ve", "ll", "em", "til", "till", "cause", "cos", "bout", "round", "neath", "n", "tis", "twas",
        "twere", "twill",
    ]

    /// Cuts the word in `range`, whose only punctuation is apostrophes, hyphens and the like.
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

    /// Returns true if the apostrophe at the start of `range` belongs to the word after it: `'em`, `'90s`, `'s`.
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
