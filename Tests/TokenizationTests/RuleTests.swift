import Shards
import TestSupport
import Testing
import Tokenization

/// A row of a table in docs/tokenization.md: a rule, a text and its tokens.
struct RuleRow: CustomTestStringConvertible, Sendable {
    let rule: String
    let text: String
    let tokens: String

    var testDescription: String { rule }

    /// All rows of the document, so that it cannot promise what the rules do not do.
    static func all() throws -> [RuleRow] {
        let document = String(decoding: try contents(of: "\(#filePath)/../../../docs/tokenization.md".resolvingDots), as: UTF8.self)
        return document.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map(\.trimmed)
            guard line.hasPrefix("|"), cells.count == 5, cells[2].first == "`" else { return nil }
            return RuleRow(rule: cells[1], text: cells[2].unquoted, tokens: cells[3].unquoted)
        }
    }
}

extension String {
    /// Removes `/name/..`, for `#filePath` names a file and not a folder.
    fileprivate var resolvingDots: String {
        var parts: [Substring] = []
        for part in split(separator: "/") { if part == ".." { parts.removeLast() } else { parts.append(part) } }
        return "/" + parts.joined(separator: "/")
    }

    /// Without the backquotes of code in Markdown.
    fileprivate var unquoted: String {
        let fence = prefix { $0 == "`" }.count
        let inner = String(dropFirst(fence).dropLast(fence))
        return fence > 1 ? inner.trimmed : inner
    }
}

extension StringProtocol {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

@Suite("The rules of docs/tokenization.md")
struct RuleTests {
    @Test func theDocumentHasItsTables() throws { #expect(try RuleRow.all().count >= 45) }

    @Test(arguments: try RuleRow.all())
    func row(_ row: RuleRow) throws {
        let tokens = try Tokenizer().tokens(row.text).flatMap { $0 }.joined(separator: " ")
        #expect(tokens == row.tokens)
    }

    @Test(arguments: try RuleRow.all())
    func tokensSpellTheText(_ row: RuleRow) throws {
        let tokens = try Tokenizer().tokens(row.text).flatMap { $0 }.joined()
        #expect(tokens == row.text.filter { $0 != " " })
    }

    /// The short way for plain words must give what the rules give: a hyphen and a no-break space force the rules.
    @Test(arguments: ["word", "Word,", "co-op;", "What?", "No!", "end.", "Mr.", "Jones's", "cannot", "Gonna,", "x.", "a-b.", "x-"])
    func plainWordsFollowTheRules(_ chunk: String) throws {
        #expect(try Tokenizer().tokens("\(chunk) and") == Tokenizer().tokens("\u{A0}\(chunk) and"))
    }

    @Test(arguments: [1, 2, 7, 15, 16, 17, 63, 64, 65, 300])
    func wordsOfAnyLengthStayWhole(_ length: Int) throws {
        let word = String((0..<length).map { Character(Unicode.Scalar(UInt8(97 + $0 % 26))) })
        #expect(try Tokenizer().tokens("\(word) \(word), (\(word)) \(word)\n") == [[word, word, ",", "(", word, ")", word]])
    }

    @Test func runsWithoutSpaceAreCutBetweenCharacters() throws {
        let run = String(repeating: "語", count: 12_000)
        let tokens = try Tokenizer().tokens(run)
        #expect(tokens.first?.map(\.utf8.count) == [16_383, 16_383, 3_234])
        #expect(tokens.joined().joined() == run)
    }

    @Test func whiteSpaceModeChangesNothing() throws {
        let tokenizer = Tokenizer(mode: .whitespace)
        #expect(
            try tokenizer.tokens(" don't  (stop)\t\u{A0}it.\u{2003}Now\u{85}x\u{2028}y\r\nz\u{1}\u{7F}w")
                == [["don't", "(stop)", "it.", "Now", "x", "y"], ["z", "w"]])
    }

    @Test func lowerCaseIsUnicodes() throws {
        let tokenizer = Tokenizer(lowercase: true)
        #expect(try tokenizer.tokens("ABC ÀÉ ΟΔΟΣ Straße İ Don't A,") == [["abc", "àé", "οδος", "straße", "i̇", "do", "n't", "a", ","]])
    }

    @Test func longSentencesAreCut() throws {
        let tokenizer = Tokenizer(maximumSentenceLength: 3)
        let text = Array("a b c d e f g\nh i j\n".utf8)
        let piece = try text.withUnsafeBytes { try tokenizer.tokenize($0) }
        #expect(piece.batch.sentenceLengths == [3, 3, 1, 3])
        #expect(piece.cutSentences == 1)
    }
}
