import Probing
import Tasks
import Testing

struct EntityScoreTests {
    /// 400 sentences with labels in any order, two of three predictions of which are right. The counts are of seqeval 1.2.2's default mode
    /// (that of conlleval), with L and U written E and S.
    @Test func countsOfARandomLabelling() {
        var next = Congruential(11)
        func label() -> String {
            let mark = ["B", "I", "L", "U", "O"][next(5)]
            return mark == "O" ? mark : "\(mark)-\(["PER", "LOC", "ORG"][next(3)])"
        }
        var score = EntityScore()
        for _ in 0..<400 {
            let count = 1 + next(25)
            var expected: [String] = [], predicted: [String] = []
            for _ in 0..<count {
                expected.append(label())
                predicted.append(next(3) > 0 ? expected[expected.count - 1] : label())
            }
            score.add(predicted: predicted, expected: expected)
        }
        let counts = { (type: String) in score.types[type].map { [$0.correct, $0.found, $0.expected] } }
        #expect(counts("PER") == [967, 1372, 1333] && counts("LOC") == [943, 1309, 1350] && counts("ORG") == [973, 1368, 1360])
        #expect(score.total.correct == 967 + 943 + 973 && score.total.found == 1372 + 1309 + 1368 && score.total.expected == 1333 + 1350 + 1360)
        #expect(abs(score.total.f1 - 2 * 2883 / 8092) < 1e-12)
    }

    /// Of words that are entities every second time, of one of k types, a labelling that knows nothing finds 1 in 2k.
    @Test(arguments: [1, 3, 8]) func chance(types: Int) {
        var next = Congruential(UInt64(types))
        func label() -> String { next(2) == 0 ? "O" : "U-\(next(types))" }
        var score = EntityScore()
        for _ in 0..<2000 { score.add(predicted: (0..<20).map { _ in label() }, expected: (0..<20).map { _ in label() }) }
        #expect(abs(score.total.f1 - 1 / Double(2 * types)) < 0.01)
    }
}

struct RoleScoreTests {
    /// 600 predicates with spans in any order, continuations without beginning too. The counts are of the script srl-eval.pl of CoNLL-2005,
    /// which read them as columns of brackets.
    @Test func countsOfARandomLabelling() {
        var next = Congruential(12)
        let roles = ["ARG0", "ARG1", "C-ARG0", "C-ARG1", "R-ARG0", "ARGM-TMP", "V", "C-V"]
        func spans(_ count: Int) -> [RoleSpan] {
            var spans: [RoleSpan] = [], word = 0
            while word < count {
                let length = 1 + next(3), role = next(12)
                if role < 8 { spans.append(RoleSpan(role: roles[role], words: word..<min(word + length, count))) }
                word += length
            }
            return spans
        }
        var score = RoleScore()
        for _ in 0..<600 {
            let count = 4 + next(20)
            let expected = spans(count)
            var predicted = expected.filter { _ in next(4) > 0 }
            if next(2) > 0 { predicted = spans(count) }
            score.add(predicted: predicted, expected: expected)
        }
        // Correct, and as the script prints them: too many, and missed.
        func counts(_ counts: SpanCounts?) -> [Int] {
            counts.map { [$0.correct, $0.found - $0.correct, $0.expected - $0.correct] } ?? []
        }
        #expect(counts(score.total) == [710, 919, 1109])
        #expect(counts(score.roles["ARG0"]) == [214, 292, 334] && counts(score.roles["ARG1"]) == [206, 300, 361])
        #expect(counts(score.roles["R-ARG0"]) == [147, 168, 200] && counts(score.roles["ARGM-TMP"]) == [143, 159, 214])
        #expect(score.roles.count == 4 && score.predicates == 600 && score.perfect == 137)
    }

    @Test func continuations() {
        func span(_ role: String, _ words: Range<Int>) -> RoleSpan { RoleSpan(role: role, words: words) }
        let arguments = RoleArgument.arguments(of: [
            span("C-A1", 6..<7), span("A1", 0..<1), span("A1", 2..<4), span("C-A0", 4..<5), span("C-A0", 5..<6), span("R-A1", 8..<9),
        ])
        #expect(arguments == [
            RoleArgument(role: "A1", parts: [0..<1]), RoleArgument(role: "A1", parts: [2..<4, 6..<7]),
            RoleArgument(role: "A0", parts: [4..<5, 5..<6]), RoleArgument(role: "R-A1", parts: [8..<9]),
        ])
    }
}

struct PronounScoreTests {
    /// 500 passages with random answers. The counts are of GAP's gap_scorer.py.
    @Test func countsOfRandomAnswers() {
        var next = Congruential(31), score = PronounScore()
        for _ in 0..<500 {
            let isFeminine = [true, false, true, false, false, true][next(6)], meant = next(3)
            let a = next(2) > 0, b = next(2) > 0
            let passage = PronounText.Passage(
                id: "", sentences: [], pronoun: 0..<1, a: 1..<2, b: 2..<3, aIsMeant: meant == 0, bIsMeant: meant == 1, isFeminine: isFeminine)
            score.add(a: a, b: b, for: passage)
        }
        let counts = { (counts: PronounScore.Counts) in
            [counts.truePositives, counts.falsePositives, counts.falseNegatives, counts.trueNegatives]
        }
        #expect(counts(score.overall) == [166, 336, 175, 323] && counts(score.masculine) == [80, 143, 81, 160])
        #expect(counts(score.feminine) == [86, 193, 94, 163] && score.passages == Accuracy(correct: 121, total: 500))
        #expect(abs(score.overall.f1 - 0.394) < 5e-4 && abs((score.bias ?? 0) - 0.90) < 5e-3)
        #expect(abs(score.feminine.recall - 0.478) < 5e-4 && abs(score.feminine.precision - 0.308) < 5e-4 && PronounScore().bias == nil)
    }

    @Test func accuracies() {
        var accuracy = Accuracy()
        #expect(accuracy.value == 0)
        for isCorrect in [true, false, true, true] { accuracy.add(isCorrect) }
        #expect(accuracy == Accuracy(correct: 3, total: 4) && accuracy.value == 0.75 && accuracy.counts == [3, 4])
    }

    /// Of labels drawn from k, a guess is right once in k times.
    @Test(arguments: [2, 3, 5]) func chance(classes: Int) {
        var next = Congruential(UInt64(classes)), accuracy = Accuracy()
        for _ in 0..<20_000 { accuracy.add(next(classes) == next(classes)) }
        #expect(abs(accuracy.value - 1 / Double(classes)) < 0.015)
    }
}

struct TaskScoreTests {
    @Test func whatNoLearnerFindsIsToldOf() {
        #expect(TaskScore("accuracy", .accuracy, units: [[1, 1], [0, 1]], classes: 1).warning == "the network gives all 2 examples one class")
        #expect(TaskScore("accuracy", .accuracy, units: [[1, 1], [0, 1]], classes: 2).warning == nil)
        #expect(TaskScore("accuracy", .accuracy, units: [[1, 1], [0, 1]]).warning == nil)
        #expect(TaskScore("F1", .f1, units: [[0, 0, 3], [0, 0, 1]]).warning == "the network finds nothing")
        #expect(TaskScore("F1", .f1, units: [[0, 0, 3], [0, 1, 1]]).warning == nil && TaskScore("F1", .f1, units: []).value == 0)
        #expect(TaskScore("mean F1", .meanF1, units: [[0, 3, 0, 0, 0, 3, 0, 0]]).warning == "the network finds nothing")
    }
}
