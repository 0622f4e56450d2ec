import Files
import Tasks
import TestSupport
import Testing

struct SentimentTreesTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func read(_ text: String) throws -> SentimentTrees { try SentimentTrees(path: directory.write("t.txt", text)) }

    @Test func treesWithAllNodes() throws {
        let trees = try read("(3 (2 Quite) (4 (3 good) (2 .)))\n\n (0 (2 and\\/or)\t(1 -LRB-))\r\n(2 w)").trees
        #expect(trees.map(\.words) == [["Quite", "good", "."], ["and/or", "("], ["w"]])
        #expect(trees.map(\.label) == [3, 0, 2])
        #expect(trees[0].subtrees.map(\.words) == [0..<3, 0..<1, 1..<3, 1..<2, 2..<3])
        #expect(trees[0].subtrees.map(\.label) == [3, 2, 4, 3, 2])
        #expect((0...4).map(SentimentTree.polarity) == [0, 0, nil, 1, 1])
    }

    @Test(arguments: [
        ("", "t.txt: has no trees"), ("(2 a)\n(3 (2 a) (2 b)", "line 2: the tree ends with 1 open bracket"),
        ("(3 (2 a) (2 (1 b", "line 1: the tree ends with 3 open brackets"), ("(2 a))", "goes on behind"), ("(2 a) (2 b)", "goes on behind"),
        ("a", "does not begin with a bracket"), (")", "has a closing bracket"), ("((2 a))", "a node without a label"),
        ("(5 a)", "the label '5', and must have 0 to 4"), ("(x a)", "the label 'x'"), ("(+1 a)", "the label '+1'"),
        ("(2 )", "has a node with neither words nor nodes"), ("(2 (2 a) b)", "has the word 'b' in a node that has nodes"),
        ("(2 a b)", "has the word 'b' in a node that has a word"), ("(2 a (2 b))", "has a bracket behind the word 'a'"),
    ])
    func refuses(_ text: String, _ message: String) {
        expectRefused(message) { _ = try read(text) }
    }

    @Test func refusesWhatIsNotUTF8() {
        expectRefused("line 1: byte 2: is not UTF-8") { _ = try SentimentTrees(path: directory.write("t.txt", notUTF8)) }
    }
}

struct InferencePairsTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func read(_ text: String) throws -> InferencePairs { try InferencePairs(path: directory.write("t", text)) }

    static let pairs = [
        InferencePair(premise: ["Two", "dogs", "do", "n't", "run", "."], hypothesis: ["Dogs", "sleep"], label: 0),
        InferencePair(premise: ["A", "\"", "cat", "\""], hypothesis: ["Réal", "?"], label: 2),
    ]

    @Test(arguments: [
        "entailment\tTwo dogs don't run.\tDogs sleep\n\n-\ta\tb\nneutral\t \tb\ncontradiction\tA \"cat\"\tRéal?\n",
        """
        {"gold_label": "entailment", "sentence1": "Two dogs don't\\nrun.", "sentence2": "Dogs sleep", "annotator_labels": []}
        {"gold_label": "-", "sentence1": "a", "sentence2": "b"}
        {"gold_label": "neutral", "sentence1": "a", "sentence2": ""}
        {"sentence2": "R\\u00e9al?", "sentence1": "A \\"cat\\"", "gold_label": "contradiction"}
        """,
    ])
    func bothForms(_ text: String) throws {
        let read = try read(text)
        #expect(read.pairs == Self.pairs && read.unlabelled == 1 && read.empty == 1)
    }

    @Test func longTextsAreNotCut() throws {
        let long = (0..<3000).map { "w\($0)" }
        #expect(try read("neutral\t\(long.joined(separator: " "))\tb").pairs[0].premise == long)
    }

    @Test(arguments: [
        ("", "t: has no labelled pairs"), ("-\ta\tb\n", "t: has no labelled pairs"),
        ("neutral\ta\tb\nneutral\ta", "line 2: has 2 columns, and must have 3"),
        ("x\ta\tb", "line 1: has the label 'x', and must have entailment"),
        ("{\"gold_label\": \"neutral\", \"sentence1\": \"a\"}", "line 1: sentence2 is missing"), ("{", "line 1: is no JSON object"),
        ("{\"gold_label\": \"neutral\", \"sentence1\": 3, \"sentence2\": \"a\"}", "line 1: sentence1 is missing, or has a value"),
        ("{\"gold_label\": \"neutral\", \"sentence1\": \"a\\u0000\", \"sentence2\": \"a\"}", "line 1: has a text whose byte 2 is NUL"),
    ])
    func refuses(_ text: String, _ message: String) {
        expectRefused(message) { _ = try read(text) }
    }

    @Test func refusesWhatIsNotUTF8() {
        expectRefused("line 1: byte 2: is not UTF-8") { _ = try InferencePairs(path: directory.write("t", notUTF8)) }
    }
}

struct PronounTextTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    static let header = "ID\tText\tPronoun\tPronoun-offset\tA\tA-offset\tA-coref\tB\tB-offset\tB-coref\tURL\n"
    private static let headerAndFewColumns = header + "a\tb\n"
    /// Offsets count characters, of which é is one.
    static let line = "x-1\tZoé Ag Jr. met Al's aunt. Her (own) dog barked.\tHer\t26\tZoé Ag Jr\t0\tTRUE\tAl\t15\tFALSE\thttp\n"

    private func read(_ text: String) throws -> PronounText { try PronounText(path: directory.write("t.tsv", text)) }

    @Test func wordsOfNames() throws {
        let other = Self.line.replacingBytes(of: "\tHer\t26", with: "\this\t26").replacingBytes(of: "Her (", with: "his (")
        let text = try read(Self.header + Self.line + other)
        let passage = text.passages[0]
        #expect(passage.sentences == [["Zoé", "Ag", "Jr.", "met", "Al", "'s", "aunt", "."], ["Her", "(", "own", ")", "dog", "barked", "."]])
        #expect(passage.pronoun == 8..<9 && passage.a == 0..<3 && passage.b == 4..<5)
        #expect(passage.aIsMeant && !passage.bIsMeant && passage.isFeminine && passage.id == "x-1")
        #expect(!text.passages[1].isFeminine)
    }

    /// The words that mentions of one cluster begin and end with, and whether the pronoun means each name.
    private static let answers: [(cluster: [[Int]], a: Bool, b: Bool)] = [
        ([[0, 2], [8, 8]], true, false), ([[4, 4], [8, 8]], false, true), ([[0, 2], [4, 4]], false, false), ([], false, false),
        // "Al's", and not "Al's aunt"; a name without its last word is another one; the pronoun itself must be there.
        ([[4, 5], [8, 8]], false, true), ([[4, 6], [8, 8]], false, false), ([[0, 1], [8, 8]], false, false), ([[0, 2], [8, 12]], false, false),
        ([[1, 2], [4, 4], [8, 8]], true, true),
    ]

    /// A pronoun means a name if its cluster has a mention that names the same person.
    @Test(arguments: answers.indices)
    func namesThatAPronounMeans(_ number: Int) throws {
        let (cluster, a, b) = Self.answers[number], clusters = [cluster.map { $0[0]..<$0[1] + 1 }]
        let text = PronounTask.Text.passages(try read(Self.header + Self.line)), task = try #require(PronounTask([:]))
        let score = task.score([clusters], of: text)
        #expect(score.value == (a && !b ? 1 : 0) && score.measure == "accuracy")
        let output = try OutputFile(path: directory.file("found"), binary: false)
        try task.write([clusters], of: text, to: output)
        try output.commit()
        #expect(try String(decoding: contents(of: directory.file("found")), as: UTF8.self) == "x-1\t\(a ? "TRUE" : "FALSE")\t\(b ? "TRUE" : "FALSE")\n")
    }

    @Test(arguments: [
        ("", "t.tsv: has no passages"), (header, "t.tsv: has no passages"), (line, "line 1: is not the header"),
        ("a\tb\n", "line 1: is not the header"), (headerAndFewColumns, "line 2: has 2 columns"),
        (header + line.replacingBytes(of: "\thttp", with: ""), "line 2: has 10 columns, and must have 11"),
        (header + line.replacingBytes(of: "\t26\t", with: "\t25\t"), "line 2: has another text than 'Her' at Pronoun-offset 25"),
        (header + line.replacingBytes(of: "\t26\t", with: "\t99\t"), "line 2: has '99' as Pronoun-offset"),
        (header + line.replacingBytes(of: "TRUE", with: "yes"), "line 2: has 'yes' as A-coref"),
        (header + line.replacingBytes(of: "\tHer\t26", with: "\taunt\t20"), "line 2: has 'aunt' as Pronoun"),
    ])
    func refuses(_ text: String, _ message: String) {
        expectRefused(message) { _ = try read(text) }
    }
}
