import Files
import Probing
import TestSupport
import Testing

struct LabelledTextTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func read(_ text: String, word: Int = 1, column: Int? = nil, most: Int = .max) throws -> LabelledText {
        try LabelledText(path: directory.write("t.conll", text), wordColumn: word, labelColumn: column, most: most)
    }

    static let text = """
        -DOCSTART- -X- O

        The DT O
        Alps\tNNPS \t I-LOC

        \t
        -DOCSTART- -X- O
        EU NNP I-ORG
        -DOCSTART-
        rose VBD O
        """

    @Test func columnsAndSentences() throws {
        let text = try read(Self.text)
        #expect(text.sentences.map(\.words) == [["The", "Alps"], ["EU"], ["rose"]])
        #expect(text.sentences.map(\.labels) == [["O", "I-LOC"], ["I-ORG"], ["O"]])
        #expect(text.column == 3 && text.tokenCount == 4 && text.name.hasSuffix("t.conll"))
    }

    @Test func otherColumns() throws {
        let lines = Self.text.split(separator: "\n", omittingEmptySubsequences: false)
        let text = try read(lines.joined(separator: "\r\n"), word: 3, column: 2)
        #expect(text.sentences.map(\.labels) == [["DT", "NNPS"], ["NNP"], ["VBD"]])
        #expect(text.sentences[0].words == ["O", "I-LOC"] && text.column == 2)
    }

    @Test(arguments: [(1, 1), (2, 2), (3, 3), (4, 3)]) func noMoreThanAskedFor(most: Int, read: Int) throws {
        #expect(try self.read(Self.text, most: most).sentences.count == read)
    }

    @Test(arguments: [
        ("", nil, "t.conll: has no sentences"), ("\n-DOCSTART- O\n", nil, "t.conll: has no sentences"),
        ("a b O\n\na b\n", 3, "t.conll: line 3: has 2 columns, and must have 3"),
        ("a\n", 2, "t.conll: line 1: has 1 column, and must have 2"),
        ("a b O\na b\n", nil, "t.conll: line 2: has 2 columns, and must have 3"),
        ("a O\na b O\n", nil, "t.conll: line 2: has 3 columns, and those before 2; --column"),
        ("a\n", nil, "t.conll: line 1: has no label"),
    ] as [(String, Int?, String)])
    func refuses(_ text: String, _ column: Int?, _ message: String) throws {
        let error = #expect(throws: ToolError.self) { try read(text, column: column) }
        #expect(error?.status == .dataError && error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        ([0x61, 0x20, 0x62, 0x0A, 0x61, 0xE9, 0x20, 0x62], "not UTF-8 (0xe9)"),
        ([0x61, 0x20, 0x62, 0x0A, 0x61, 0, 0x20, 0x62], "is NUL"),
    ])
    func bytesThatAreNotText(_ bytes: [UInt8], _ cause: String) throws {
        let path = try directory.write("bytes", bytes)
        let error = #expect(throws: ToolError.self) { try LabelledText(path: path) }
        #expect(error?.status == .dataError && error?.description.contains("bytes: line 2: byte 2: ") == true)
        #expect(error?.description.contains(cause) == true, "\(error?.description ?? "")")
    }
}
