import Testing
import Tokenization

@Suite("Sentences")
struct SentenceTests {
    private func split(_ text: String, _ mode: Tokenizer.Sentences = .runningText) throws -> [String] {
        try Tokenizer(mode: .whitespace, sentences: mode).tokens(text).map { $0.joined(separator: " ") }
    }

    @Test(arguments: [
        ("He left. She stayed. ", ["He left.", "She stayed."]),
        ("What? No! Yes… 5 came.", ["What?", "No!", "Yes…", "5 came."]),
        ("He said \"Stop!\" and left. (He did.) Then", ["He said \"Stop!\" and left.", "(He did.)", "Then"]),
        ("“Go.” “Why?” she asked.", ["“Go.”", "“Why?” she asked."]),
        ("Mr. Smith met Dr. No in the U.S. Senate.", ["Mr. Smith met Dr. No in the U.S. Senate."]),
        ("He lives in the U.S. The end.", ["He lives in the U.S.", "The end."]),
        ("J. R. Smith has plan B. It works.", ["J. R. Smith has plan B.", "It works."]),
        ("It cost 3.14. No. 5 is p. 7.", ["It cost 3.14.", "No. 5 is p. 7."]),
        ("Well... maybe. Well... Maybe.", ["Well... maybe.", "Well...", "Maybe."]),
        ("a.m. on Jan. 5 etc. and so on", ["a.m. on Jan. 5 etc. and so on"]),
        ("One line\nis wrapped.\nTwo\n \nThree", ["One line is wrapped.", "Two", "Three"]),
        ("Wrapped after Mr.\nSmith. And so!\non", ["Wrapped after Mr. Smith.", "And so! on"]),
        ("नमस्ते। दुनिया। यह", ["नमस्ते।", "दुनिया।", "यह"]),
        ("( Stop . ) ” He left .", ["( Stop . ) ”", "He left ."]),
    ])
    func runningText(_ text: String, _ sentences: [String]) throws {
        #expect(try split(text) == sentences)
    }

    @Test func scriptsWithoutSpaces() throws {
        let tokens = try Tokenizer(sentences: .withinLines).tokens("你好。「我是人！」他说。")
        #expect(tokens == [["你好", "。"], ["「", "我是人", "！", "」"], ["他说", "。"]])
    }

    /// Every line is a sentence: empty lines too, and no line is cut.
    @Test(arguments: [
        ("One. Two\n\n \t\nthree\n", ["One. Two", "", "", "three"]), ("\n\na", ["", "", "a"]), ("a\n\n", ["a", ""]), ("", []), ("\r\n", [""]),
    ])
    func everyLine(_ text: String, _ sentences: [String]) throws {
        #expect(try split(text, .everyLine) == sentences)
        let long = String(repeating: "word ", count: 3000)
        let tokens = try Tokenizer(sentences: .everyLine, maximumSentenceLength: 5).tokens("\(long)\n\nend")
        #expect(tokens.map(\.count) == [3000, 0, 1])
    }

    @Test func linesAreParagraphsIfAskedFor() throws {
        #expect(try split("A title\nIt is. So\nit goes", .withinLines) == ["A title", "It is.", "So", "it goes"])
        #expect(try split("It is. So\nit goes", .lines) == ["It is. So", "it goes"])
    }
}
