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

    @Test func theRulesSeeTheNormalForm() throws {
        #expect(try Tokenizer(normalization: .nfkc).tokens("（ok）wait…") == [["(", "ok", ")", "wait", "..."]])
    }

    @Test func lowerCaseIsNormalisedAgain() throws {
        #expect(try Tokenizer(lowercase: true, normalization: .nfc).tokens("J\u{30C}") == [["ǰ"]])
    }
}
