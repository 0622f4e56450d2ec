import Files
import Tasks
import TestSupport
import Testing

struct CoreferenceTextTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func read(_ text: String) throws -> CoreferenceText { try CoreferenceText(path: directory.write("t.conll", text)) }

    /// A document whose words have these last columns; `/` ends a sentence.
    static func document(_ cells: String, separator: String = "\t", ends: Bool = true) -> String {
        "#begin document (d); part 001\n"
            + cells.words.map { $0 == "/" ? "\n" : ["d", "1", "0", "w", $0].joined(separator: separator) + "\n" }.joined()
            + (ends ? "#end document\n" : "")
    }

    @Test(arguments: ["\t", "  "]) func mentionsOfAllForms(_ separator: String) throws {
        let text = try read(
            Self.document("(3(4) - 3)|(12) / (4|(3) 4)(7 7) / (5(5 5)(12) 5)", separator: separator)
                + Self.document("- (0)", separator: separator))
        let documents = text.documents
        #expect(documents.map(\.name) == ["(d); part 001", "(d); part 001"])
        #expect(documents[0].sentences.map(\.count) == [3, 3, 3] && documents[0].words.count == 9 && documents[0].speakers == nil)
        #expect(documents[0].clusters == [[0..<1, 3..<5], [0..<3, 3..<4], [2..<3, 7..<8], [4..<6], [6..<8, 6..<9]])
        #expect(documents[1].clusters == [[1..<2]] && text.repeated == 0)
    }

    @Test func fullColumnsWithSpeakers() throws {
        let line = { (word: String, speaker: String, cell: String) in
            ["d", "0", "1", word, "X", "*", "-", "-", "-", speaker, "*", "(V*)", cell].joined(separator: " ") + "\n"
        }
        let text = try read("#begin document (d); part 000\n" + line("Hi", "Ann", "-") + "\n" + line("#", "-", "(1)") + "\n#end document\n")
        #expect(text.documents[0].sentences == [["Hi"], ["#"]] && text.documents[0].speakers == [["Ann"], ["-"]])
        #expect(text.documents[0].clusters == [[1..<2]])
    }

    @Test func emptyCellsAreOutsideOfAll() throws {
        let text = try read("#begin document (d); part 0\nd\t0\t0\ta\t_\t\nd\t0\t0\t\t_\t\nd\t0\t1\tb\t_\t(1)\n#end document")
        #expect(text.documents[0].clusters == [[1..<2]] && text.documents[0].words == ["a", "b"])
    }

    @Test func repeatedMentionsCountOnce() throws {
        let text = try read(Self.document("(1)|(2)|(1) (2) (3(3 3)3)"))
        #expect(text.documents[0].clusters == [[0..<1], [1..<2], [2..<4]] && text.repeated == 3)
    }

    @Test(arguments: [
        ("", "t.conll: has no documents"), ("d\t0\t0\tw\t-\n", "line 1: has a word outside of documents"),
        (document("-", ends: false), "line 1: begins a document that '#end document' does not end"),
        (document("-", ends: false) + document("-"), "line 3: begins a document within that of line 1"),
        ("#end document\n", "line 1: ends a document that was not begun"), (document(""), "line 2: ends a document without words"),
        (document("- (1 / 1)"), "line 3: begins a mention of group 1, which does not end in its sentence"),
        (document("- (1"), "line 3: begins a mention of group 1"), (document("1)"), "line 2: ends a mention of group 1, and none has begun"),
        (document("(1) 12"), "line 3: has '12' in its last column"), (document("(x)"), "line 2: has '(x)' in its last column"),
        (document("()"), "line 2: has '()'"), ("#begin document (d)\nd 0 0 w\n", "line 2: has 4 columns, and must have 5 or more"),
        ("#begin document (d)\nd\t0\t0\t\t(1)\n", "line 2: has no word in its column 4, and a mention"),
    ])
    func refuses(_ text: String, _ message: String) {
        expectRefused(message) { _ = try read(text) }
    }

    @Test func refusesWhatIsNotUTF8() {
        expectRefused("line 1: byte 2: is not UTF-8") { _ = try CoreferenceText(path: directory.write("t.conll", notUTF8)) }
    }
}
