import Shards

/// Words whose final period belongs to them.
///
/// Known by rule and not listed: letters with periods between them (`U.S.`, `e.g.`, `Ph.D.`) and initials (`J.`).
enum Abbreviations {
    /// Before a name or a number: never the end of a sentence.
    private static let titles = wordTable(
        """
        Mr Mrs Ms Mx Messrs Mmes Dr Drs Prof Rev Hon Fr Sr Sra Msgr Gen Col Maj Capt Cmdr Cpl Lt Sgt Pvt Adm Brig Sen Sens \
        Rep Reps Gov Govs Pres Supt Insp Amb Atty St Ste Mt Ft Mme Mlle vs cf viz approx ca mr mrs ms dr prof rev gen col \
        capt lt sgt sen gov
        """)

    /// May end a sentence: they do where a word follows that begins sentences.
    private static let others = wordTable(
        """
        Inc Corp Co Cos Ltd Bros Plc Assn Dept Univ Ave Blvd Rd Sq Jr Esq Ph etc al et seq ibid Jan Feb Apr Jun Jul Aug \
        Sept Sep Oct Nov Dec Mon Tue Tues Wed Thu Thur Thurs Fri Ala Ariz Ark Calif Colo Conn Del Fla Ga Ill Ind Kan Ky La \
        Md Mich Minn Mont Neb Nev Okla Ore Pa Penn Tenn Tex Vt Va Wash Wis Wyo Ont Que inc corp co ltd jr dept ave blvd \
        yrs hrs mins lbs oz ft v
        """)

    /// Abbreviations before a number, words elsewhere.
    private static let beforeNumbers = wordTable(
        """
        No Nos no nos Art art Fig Figs fig figs Vol Vols vol vols Ch ch Chap chap Sec sec Sect sect p pp P Pp para Eq eq \
        Ed ed Op op Mar Sat Sun
        """)

    /// Words that begin so many sentences that an abbreviation before them ends one.
    private static let sentenceStarters = wordTable(
        """
        A After All Although An And As At Because Before But By Each Every For From He Her Here His How However I If In \
        Instead It Its Later Many Meanwhile Most My No Nor Not Now On Once One Only Or Other Others Our Perhaps She Since \
        So Some Still Such That The Their Then There These They This Those Though Thus To Today Two Under Until We What \
        When Where Whether While Who Why With Yes Yet You Your
        """)

    /// Letters in the longest abbreviation listed.
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
