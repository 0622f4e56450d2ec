import Testing
import Tokenization

@Suite("Normalisation")
struct NormalizationTests {
    /// Normal forms by Python's unicodedata.
    @Test(arguments: [
        ("e\u{301}", "é", "é"), ("a\u{307}\u{323}", "\u{1EA1}\u{307}", "\u{1EA1}\u{307}"), ("\u{212B}", "Å", "Å"),
        ("\u{1100}\u{1161}\u{11A8}", "각", "각"), ("\u{AC00}\u{11A8}", "각", "각"), ("ﬁn", "ﬁn", "fin"), ("Ａ１", "Ａ１", "A1"),
        ("…", "…", "..."), ("①", "①", "1"), ("x²", "x²", "x2"), ("㍿", "㍿", "株式会社"), ("ｶﾞ", "ｶﾞ", "ガ"),
        ("𝐀𝔟", "𝐀𝔟", "Ab"), ("\u{1E9B}\u{323}", "\u{1E9B}\u{323}", "\u{1E69}"), ("ﷺ", "ﷺ", "صلى الله عليه وسلم"),
        ("\u{F900}", "\u{8C48}", "\u{8C48}"), ("\u{2F00}", "\u{2F00}", "一"), ("か\u{3099}", "が", "が"), ("½", "½", "1⁄2"),
        ("ǆ", "ǆ", "dž"), ("plain", "plain", "plain"), ("naïve", "naïve", "naïve"), ("\u{1D15E}", "\u{1D157}\u{1D165}", "\u{1D157}\u{1D165}"),
    ])
    func forms(_ text: String, _ nfc: String, _ nfkc: String) throws {
        func form(_ normalization: Normalization) throws -> [UInt8] {
            let tokenizer = Tokenizer(mode: .whitespace, normalization: normalization)
            return Array(try tokenizer.tokens(text).flatMap { $0 }.joined(separator: " ").utf8)
        }
        #expect(try form(.none) == Array(text.utf8))
        #expect(try form(.nfc) == Array(nfc.utf8))
        #expect(try form(.nfkc) == Array(nfkc.utf8))
    }

    /// Marks out of order, letters that become two marks, parts of Hangul syllables, what does not join: again by Python.
    @Test(arguments: [
        ("\u{F40}\u{F72}\u{F73}", "\u{F40}\u{F71}\u{F72}\u{F72}", "\u{F40}\u{F71}\u{F72}\u{F72}"),
        ("\u{F40}\u{F81}\u{F71}\u{F75}", "\u{F40}\u{F71}\u{F71}\u{F71}\u{F80}\u{F74}", "\u{F40}\u{F71}\u{F71}\u{F71}\u{F80}\u{F74}"),
        ("\u{344}a", "\u{308}\u{301}a", "\u{308}\u{301}a"), ("\u{1100}\u{1161}\u{11A7}", "\u{AC00}\u{11A7}", "\u{AC00}\u{11A7}"),
        ("\u{AC00}\u{11A8}\u{11A8}", "\u{AC01}\u{11A8}", "\u{AC01}\u{11A8}"), ("\u{11A8}\u{1161}", "\u{11A8}\u{1161}", "\u{11A8}\u{1161}"),
        ("\u{9C7}\u{9BE}", "\u{9CB}", "\u{9CB}"), ("\u{11099}\u{110BA}", "\u{1109A}", "\u{1109A}"),
        ("\u{E9}\u{323}", "\u{1EB9}\u{301}", "\u{1EB9}\u{301}"), ("o\u{304}\u{328}", "\u{1ED}", "\u{1ED}"),
        ("\u{316}\u{301}a", "\u{316}\u{301}a", "\u{316}\u{301}a"), ("e\u{334}\u{301}", "\u{E9}\u{334}", "\u{E9}\u{334}"),
        ("\u{FF8A}\u{FF9F}\u{323}", "\u{FF8A}\u{FF9F}\u{323}", "\u{30D1}\u{323}"), ("\u{33A0}\u{301}", "\u{33A0}\u{301}", "cm2\u{301}"),
        ("a\u{315}\u{300}\u{5AE}\u{301}", "\u{E0}\u{5AE}\u{301}\u{315}", "\u{E0}\u{5AE}\u{301}\u{315}"),
        ("\u{201C}\u{E9}\u{201D}\u{301}", "\u{201C}\u{E9}\u{201D}\u{301}", "\u{201C}\u{E9}\u{201D}\u{301}"),
    ])
    func marks(_ text: String, _ nfc: String, _ nfkc: String) throws { try forms(text, nfc, nfkc) }

    @Test func theRulesSeeTheNormalForm() throws {
        #expect(try Tokenizer(normalization: .nfkc).tokens("（ok）wait…") == [["(", "ok", ")", "wait", "..."]])
    }

    @Test func lowerCaseIsNormalisedAgain() throws {
        #expect(try Tokenizer(lowercase: true, normalization: .nfc).tokens("J\u{30C}") == [["ǰ"]])
    }
}
