import Shards
import Testing
import Tokenization

/// Text that was made to be slow. Nothing is timed here: where work is not counted, the input is so long that a way of work that
/// takes the square of its length would take hours (pipelines/slow-text.sh measures).
@Suite("Text that was made to be slow")
struct SlowTextTests {
    /// Full stops of which each may end a sentence as long as it is not known what comes behind them all.
    @Test(arguments: [(". ", 1), (".\n", 1), (".\" ", 2), (". ( ", 2), ("J. ", 1)], [Tokenizer.Sentences.runningText, .withinLines])
    func fullStops(_ unit: (text: String, tokens: Int), _ sentences: Tokenizer.Sentences) throws {
        let count = 1_000_000
        let bytes = Array(String(repeating: unit.text, count: count).utf8)
        let piece = try bytes.withUnsafeBytes { try Tokenizer(sentences: sentences).tokenize($0) }
        #expect(piece.batch.ids.count / count == unit.tokens)
    }

    /// Marks and closing brackets by turns at the end of an address: each place is looked at twice at most.
    @Test func bracketsOfAnAddress() {
        let text = Array(("http://a.org/(b" + String(repeating: "!)", count: 5_000)).utf8)
        var looks = 0
        func step(_ place: Int) -> Int {
            looks += 1
            return text[place] == UInt8(ascii: "(") ? 1 : text[place] == UInt8(ascii: ")") ? -1 : 0
        }
        var balance = BracketBalance(text.indices, step), stop = text.count
        while !balance.opensInside && stop > 15 {
            stop -= 2
            balance.shorten(to: stop, step)
        }
        #expect(stop == 15 + 2 && balance.opensInside)
        #expect(looks <= 2 * text.count)
    }

    @Test func theBracketOfAnAddressStays() throws {
        let marks = String(repeating: "!)", count: 1_000)
        let tokens = try Tokenizer().tokens("http://a.org/(b" + marks).flatMap { $0 }
        #expect(tokens.first == "http://a.org/(b!)")
        #expect(tokens.dropFirst().joined() == marks.dropFirst(2))
        #expect(tokens.count == 1 + 2 * 999)
    }

    /// Sorting by insertion would move each mark before half a million others.
    @Test(arguments: [Normalization.nfc, .nfkc])
    func marksOutOfOrder(_ normalization: Normalization) {
        let count = 500_000
        let text = "a" + String(repeating: "\u{301}\u{316}", count: count)
        let normal = Array(text.utf8).withUnsafeBytes { normalization.apply(to: $0) }
        let expected = "\u{E1}" + String(repeating: "\u{316}", count: count) + String(repeating: "\u{301}", count: count - 1)
        #expect(normal.map { $0.elementsEqual(expected.utf8) } == true)
    }
}
