import Files
import Probing
import Tasks
import TestSupport
import Testing

struct EntityTextTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A text of one sentence for each list of labels; the words are w1, w2, …
    private func read(_ sentences: String...) throws -> EntityText {
        let text = sentences.map { sentence in
            sentence.words.enumerated().map { "w\($0 + 1) x \($1)\n" }.joined()
        }.joined(separator: "\n")
        return try EntityText(path: directory.write("t.conll", text))
    }

    static let bioul = ["O U-PER B-LOC L-LOC O", "B-PER I-PER L-PER U-PER"]

    @Test(arguments: [
        (["O I-PER I-LOC I-LOC O", "I-PER I-PER I-PER B-PER"], "IOB1"), (["O B-PER B-LOC I-LOC O", "B-PER I-PER I-PER B-PER"], "IOB2"),
        (["O S-PER B-LOC E-LOC O", "B-PER I-PER E-PER S-PER"], "BIOES"), (bioul, "BIOUL"),
    ])
    func allSchemesBecomeOne(_ labels: [String], _ scheme: String) throws {
        let text = try read(labels[0], labels[1])
        #expect(text.scheme?.rawValue == scheme && text.types == ["LOC", "PER"] && text.name.hasSuffix("t.conll"))
        #expect(text.sentences.map { $0.labels.joined(separator: " ") } == Self.bioul)
        #expect(text.sentences.map(\.line) == [1, 7] && text.sentences[1].words == ["w1", "w2", "w3", "w4"])
    }

    @Test func noEntities() throws {
        #expect(try read("O O").scheme == nil && read("O O").types == [])
    }

    @Test(arguments: [
        ("O B-PER\nO I-PER", "line 7: the label 'I-PER' cannot follow 'O' in IOB2"),
        ("I-PER B-LOC", "line 1: the label 'I-PER' cannot begin a sentence in IOB2"),
        ("B-PER I-LOC", "line 2: the label 'I-LOC' cannot follow 'B-PER' in IOB2"),
        ("S-PER I-PER", "line 2: the label 'I-PER' cannot follow 'S-PER' in BIOES"),
        ("S-PER B-PER", "line 2: the label 'B-PER' cannot end a sentence in BIOES"),
        ("B-PER O L-PER", "line 2: the label 'O' cannot follow 'B-PER' in BIOUL"),
        ("B-PER L-LOC", "line 2: the label 'L-LOC' cannot follow 'B-PER' in BIOUL"),
        ("S-PER U-PER", "line 2: has the label 'U-PER' of BIOUL, and those before it are of BIOES"),
        ("O PER", "line 2: has the label 'PER'"), ("O B-", "line 2: has the label 'B-'"), ("O M-PER", "line 2: has the label 'M-PER'"),
    ])
    func refuses(_ labels: String, _ message: String) throws {
        let sentences = labels.split(separator: "\n").map(String.init)
        expectRefused(message) { _ = try sentences.count > 1 ? read(sentences[0], "O", sentences[1]) : read(sentences[0]) }
    }

    @Test func refusesWhatIsNoText() throws {
        expectRefused("t: has no sentences") { _ = try EntityText(path: directory.write("t", "\n")) }
        expectRefused("t: line 2: has 1 column") { _ = try EntityText(path: directory.write("t", "a O\nb\n")) }
        expectRefused("t: line 1: byte 2: is not UTF-8") { _ = try EntityText(path: directory.write("t", notUTF8)) }
    }

    @Test func typesThatTrainingHasNot() throws {
        let text = try read("O", "U-PER U-LOC")
        try text.check(types: ["PER", "LOC", "X"])
        expectRefused("t.conll: line 4: has the type 'LOC', which the training set has not") { try text.check(types: ["PER"]) }
    }

    @Test func whatMayFollow() {
        #expect(EntityLabels.mayFollow(nil, "B-A") && EntityLabels.mayFollow("B-A", "L-A") && EntityLabels.mayFollow("L-A", nil))
        #expect(EntityLabels.mayFollow("U-A", "U-A") && EntityLabels.mayFollow("O", "O") && EntityLabels.mayFollow("I-A", "I-A"))
        #expect(!EntityLabels.mayFollow(nil, "L-A") && !EntityLabels.mayFollow("B-A", nil) && !EntityLabels.mayFollow("B-A", "I-B"))
        #expect(!EntityLabels.mayFollow("B-A", "O") && !EntityLabels.mayFollow("O", "I-A") && !EntityLabels.mayFollow("x", "O"))
    }

    @Test func spansAndBack() {
        var next = Congruential(5)
        for _ in 0..<200 {
            let count = 1 + next(12)
            var spans: [LabelledSpans.Span] = [], word = 0
            while word < count {
                let end = min(count, word + 1 + next(3))
                if next(2) == 0 { spans.append(.init(["A", "B"][next(2)], word..<end)) }
                word = end
            }
            let labels = EntityLabels.labels(of: spans, count: count)
            #expect(EntityLabels.spans(of: labels) == spans)
            #expect(zip([nil] + labels, labels + [nil]).allSatisfy { EntityLabels.mayFollow($0, $1) })
        }
    }
}
