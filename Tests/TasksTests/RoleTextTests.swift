import Files
import Tasks
import TestSupport
import Testing

struct RoleTextTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func read(_ text: String) throws -> RoleText { try RoleText(path: directory.write("t.conll", text)) }

    /// The columns of the predicates, and the lemmas, of a sentence "Ann hopes to win it".
    private static let roles = [
        ("Ann", "-", "(ARG0*)", "(ARG0*)"), ("hopes", "hope", "(V*)", "*"), ("to", "-", "(ARG1*", "*"), ("win", "win", "*", "(V*)"),
        ("it", "-", "*)", "(ARG1*)"),
    ]

    static let expected = RoleSentence(
        words: ["Ann", "hopes", "to", "win", "it"],
        predicates: [
            .init(
                word: 1, lemma: "hope",
                spans: [RoleSpan(role: "ARG0", words: 0..<1), RoleSpan(role: "V", words: 1..<2), RoleSpan(role: "ARG1", words: 2..<5)]),
            .init(
                word: 3, lemma: "win",
                spans: [RoleSpan(role: "ARG0", words: 0..<1), RoleSpan(role: "V", words: 3..<4), RoleSpan(role: "ARG1", words: 4..<5)]),
        ])

    /// The forms, each with a second sentence "Yes" without predicates.
    static let forms: [String] = {
        func text(_ separator: String, _ second: [String], _ row: ((String, String, String, String)) -> [String]) -> String {
            (roles.map(row) + [[], second]).map { $0.joined(separator: separator) + "\n" }.joined()
        }
        func sense(_ lemma: String) -> String { lemma == "-" ? "-" : "01" }
        return [
            text("\t", ["Yes", "UH", "(S*)", "-", "-"]) { [$0.0, "X", "*", $0.1, $0.1 == "-" ? "-" : $0.1 + ".01", $0.2, $0.3] },
            text(" ", ["Yes", "*", "UH", "*", "(S*)", "(S*)", "-", "-"]) { [$0.0, "*", "X", "(NP*)", "*", "*", sense($0.1), $0.1, $0.2, $0.3] },
            text("   ", ["Yes", "-"]) { [$0.0, $0.1, $0.2, $0.3] },
            "#begin document (a/b); part 000\n"
                + text("  ", ["a/b", "0", "0", "Yes", "UH", "(TOP*)", "-", "-", "-", "Ann", "*", "-"]) {
                    // A lemma without roleset is no predicate.
                    let lemma = $0.0 == "to" ? "to" : $0.1
                    return ["a/b", "0", "0", $0.0, "X", "*", lemma, sense($0.1), "-", "Ann", "*", $0.2, $0.3, "(1)"]
                } + "\n#end document\n",
        ]
    }()

    @Test(arguments: forms) func allForms(_ text: String) throws {
        let read = try read(text)
        #expect(read.sentences == [Self.expected, RoleSentence(words: ["Yes"], predicates: [])])
        #expect(read.roles == ["ARG0", "ARG1", "V"])
    }

    private static let sound = "Ann\t-\t(A0*)\nsat\tsit\t(V*)\n\n"

    @Test(arguments: [
        ("", "t.conll: has no sentences"), ("Ann\t-\n", "t.conll: has no predicates"),
        ("Ann\n", "line 1: has 1 column, which is neither"), ("Ann - (A0*) *\nsat sit (V*) *\n", "line 1: has 4 columns, which is neither"),
        (sound + "Ann\t-\t*\nsat\tsit\n", "line 5: has 2 columns, and the line before it 3"),
        (sound + "Ann\tAnn\t*\nsat\tsit\t(V*)\n", "line 4: begins a sentence with 2 predicates and 1 column for them"),
        (sound + "Ann\n", "line 4: has 1 column, and must have 2 or more"),
        (sound + "Ann\t-\t(A0*\nsat\tsit\t(V*)\n", "line 5: column 3 begins V within A0, which is not closed"),
        (sound + "Ann\t-\t(A0(A1*))\nsat\tsit\t(V*)\n", "line 4: column 3 begins A1 within A0"),
        (sound + "Ann\t-\t(A0*\nsat\tsit\t*\n", "line 4: column 3 begins A0, which is not closed in its sentence"),
        (sound + "Ann\t-\t*)\nsat\tsit\t(V*)\n", "line 4: column 3 closes a bracket that is not open"),
        (sound + "Ann\t-\t(A0*))\nsat\tsit\t(V*)\n", "line 4: column 3 closes a bracket that is not open"),
        (sound + "Ann\t-\tA0\nsat\tsit\t(V*)\n", "line 4: column 3 has 'A0', and must have a star"),
        (sound + "Ann\t-\tA0*\nsat\tsit\t(V*)\n", "line 4: column 3 has 'A0*'"),
        (sound + "Ann\t-\t(*)\nsat\tsit\t(V*)\n", "line 4: column 3 has a bracket without a role"),
    ])
    func refuses(_ text: String, _ message: String) {
        expectRefused(message) { _ = try read(text) }
    }

    @Test func refusesWhatIsNotUTF8() {
        expectRefused("line 1: byte 2: is not UTF-8") { _ = try RoleText(path: directory.write("t.conll", notUTF8)) }
    }

    @Test func labelsAndBack() {
        let spans = Self.expected.predicates[0].spans
        let labels = RoleLabels.labels(of: spans, count: 6)
        #expect(labels == ["B-ARG0", "B-V", "B-ARG1", "I-ARG1", "I-ARG1", "O"])
        #expect(RoleLabels.spans(of: labels) == spans)
        #expect(RoleLabels.spans(of: ["I-A", "I-B", "B-B"]).map(\.words) == [0..<1, 1..<2, 2..<3])
        #expect(RoleLabels.mayFollow("B-A", "I-A") && RoleLabels.mayFollow(nil, "B-A") && RoleLabels.mayFollow("I-A", nil))
        #expect(!RoleLabels.mayFollow("B-A", "I-B") && !RoleLabels.mayFollow("O", "I-A") && !RoleLabels.mayFollow(nil, "I-A"))
    }
}
