import Files
import Probing
import Testing

struct ProbeTaskTests {
    private static let tags = (0..<20).map { "a/DT bird\($0)/\($0 % 2 == 0 ? "NN" : "NNP")" }

    @Test func everyTenthSentenceIsHeldOut() throws {
        let task = try ProbeTask(training: labelled(Self.tags), test: labelled(["a/DT fly/VB", "x/NN"]))
        #expect(task.measure == .accuracy && task.heldOut == [18..<20, 38..<40])
        #expect(task.fitted == Array(0..<18) + Array(20..<38))
        #expect(task.labels == ["DT", "NN", "NNP", "VB"] && task.classes == 3 && task.unseen == 1)
        #expect(task.test.targets == [0, 3, 1] && task.test.sentences == [0..<2, 2..<3])
        let score = task.score([0, 2, 2], task.test.sentences, of: task.test)
        #expect(score.value == 1.0 / 3 && score.precision == nil && score.recall == nil)
        // Of a part of the sentences, their predictions alone.
        #expect(task.score([1], [2..<3], of: task.test).value == 1)
    }

    @Test func spansAreFittedInIOB2() throws {
        let training = (0..<10).map { _ in "the/O Alps/I-LOC Mr/I-PER X/I-PER Y/B-PER" }
        let task = try ProbeTask(training: labelled(training), test: labelled(["Alps/I-LOC X/I-ORG the/O"]))
        #expect(task.measure == .f1 && task.labels == ["O", "B-LOC", "B-PER", "I-PER", "B-ORG"])
        #expect(task.training.targets.prefix(5) == [0, 1, 2, 3, 2] && task.unseen == 1 && task.classes == 4)
        let score = task.score([1, 0, 0], task.test.sentences, of: task.test)
        #expect(score.precision == 1 && score.recall == 0.5 && abs(score.value - 2.0 / 3) < 1e-12)
        // An I- that follows nothing is a span, too.
        let other = task.score([3, 3, 0], [0..<3], of: task.test)
        #expect(other.value == 0 && other.precision == 0 && other.recall == 0)
    }

    /// One label that is of no span, in the test alone, and nothing is.
    @Test func otherLabelsAreTags() throws {
        let task = try ProbeTask(training: labelled((0..<10).map { _ in "Alps/I-LOC" }), test: labelled(["Alps/NNPS"]))
        #expect(task.measure == .accuracy && task.labels == ["I-LOC", "NNPS"])
    }

    /// Words without a label are part of their sentence, and of nothing else.
    @Test func wordsWithoutLabels() throws {
        let training = (0..<20).map { "the/_ bank/\($0 % 2 == 0 ? "noun.object" : "noun.possession") of/_" }
        let task = try ProbeTask(training: labelled(training), test: labelled(["a/_ bank/noun.object", "bank/noun.possession x/_"]))
        #expect(task.measure == .accuracy && task.labels == ["noun.object", "noun.possession"] && task.classes == 2 && task.unseen == 0)
        #expect(task.fitted.count == 18 && task.fitted.allSatisfy { $0 % 3 == 1 } && task.training.labelled == 20)
        #expect(task.test.targets == [-1, 0, 1, -1] && task.test.labelled == 2)
        #expect(task.score([1, 0, 0, 0], task.test.sentences, of: task.test).value == 0.5)
        let error = #expect(throws: ToolError.self) { try ProbeTask(training: labelled(training), test: labelled(["a/_"])) }
        #expect(error?.description.contains("has no labels in column 2") == true)
    }

    @Test func tooFewSentences() throws {
        let error = #expect(throws: ToolError.self) {
            try ProbeTask(training: labelled(Array(Self.tags.prefix(9))), test: labelled(["a/DT"]))
        }
        #expect(error?.status == .dataError && error?.description.contains("too few sentences, 9") == true)
    }
}
