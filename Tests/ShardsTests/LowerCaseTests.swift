import Shards
import Testing

@Suite("Lower case")
struct LowerCaseTests {
    private func lower(_ word: String) -> String? {
        Array(word.utf8).withUnsafeBytes { lowerCase($0) }.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: [
        ("Cat", "cat"), ("ÜBER", "über"), ("ΟΔΟΣ", "οδος"), ("Σ", "σ"), ("ΣΣ", "σς"), ("İ", "i\u{307}"), ("Ⱥ", "ⱥ"), ("漢A", "漢a"),
        ("\u{10400}", "\u{10428}"), ("\u{10A0}", "\u{2D00}"), ("\u{556}", "\u{586}"), ("\u{A640}", "\u{A641}"), ("Ａ", "ａ"),
        // A sign that joins the letter behind it is no part of that letter.
        ("Α\u{600}Σ", "α\u{600}ς"),
    ])
    func capitals(_ word: String, _ expected: String) { #expect(lower(word) == expected) }

    @Test(arguments: ["cat", "über", "漢字", "かな", "한글", "עברית", "العربية", "हिन्दी", "ไทย", "བོད", "ς", "a\u{301}", "5", "'"])
    func nothingToDo(_ word: String) { #expect(lower(word) == nil) }

    /// Scripts that are not looked at letter by letter: none of their letters has another in lower case.
    @Test func quickLook() {
        for value in UInt32(0x80)..<0x1_0000 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let letter = String(Character(scalar))
            #expect((lower(letter) == nil) == (letter.lowercased() == letter), "U+\(String(value, radix: 16))")
        }
    }
}
