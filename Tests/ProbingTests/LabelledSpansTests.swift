import Probing
import Testing

struct LabelledSpansTests {
    typealias Span = LabelledSpans.Span

    @Test func everySchemeSaysTheSame() {
        let spans = [Span("PER", 0..<2), Span("PER", 2..<3), Span("LOC", 3..<4), Span("LOC", 5..<8)]
        for labels in [
            ["I-PER", "I-PER", "B-PER", "I-LOC", "O", "I-LOC", "I-LOC", "I-LOC"],
            ["B-PER", "I-PER", "B-PER", "B-LOC", "O", "B-LOC", "I-LOC", "I-LOC"],
            ["B-PER", "E-PER", "S-PER", "S-LOC", "O", "B-LOC", "I-LOC", "E-LOC"],
        ] {
            #expect(LabelledSpans.spans(of: labels) == spans)
            #expect(LabelledSpans.spans(of: LabelledSpans.inIOB2(labels)) == spans)
        }
        #expect(LabelledSpans.spans(of: ["O", "O"]).isEmpty && LabelledSpans.spans(of: []).isEmpty)
    }

    @Test func iob1BecomesIOB2() {
        let labels = ["I-PER", "I-PER", "B-PER", "I-LOC", "O", "I-LOC", "I-LOC"]
        let expected = ["B-PER", "I-PER", "B-PER", "B-LOC", "O", "B-LOC", "I-LOC"]
        #expect(LabelledSpans.inIOB2(labels) == expected && LabelledSpans.inIOB2(expected) == expected)
        let ends = ["I-PER", "E-PER", "I-PER"]
        #expect(LabelledSpans.inIOB2(ends) == ends)
    }

    @Test(arguments: [
        (["O", "B-X"], true), (["I-a-b", "S-X", "E-X", "O"], true), (["O"], false), (["O", "S-X"], false),
        (["B-X", "NN"], false), (["B-X", "B-"], false), (["B-X", "B"], false), (["NN", "-LRB-", "."], false), ([], false),
    ] as [([String], Bool)])
    func whatLabelsOfSpansAre(_ labels: [String], _ areSpans: Bool) { #expect(LabelledSpans.areSpans(labels) == areSpans) }

    /// Counts and scores that seqeval 1.2.2 gives of the same labels at random, which break every rule of their schemes.
    @Test(arguments: [
        (["O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-PER"], [515, 691, 705],
         [0.7452966715, 0.7304964539, 0.7378223496]),
        (["O", "O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC"], [747, 964, 956],
         [0.7748962656, 0.7813807531, 0.778125]),
    ])
    func asInSeqeval(_ choices: [String], _ counted: [Int], _ scores: [Double]) {
        var state: UInt64 = 11
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var counts = SpanCounts()
        for _ in 0..<200 {
            let expected = (0..<1 + next(12)).map { _ in choices[next(choices.count)] }
            var found = expected
            for index in found.indices where next(4) == 0 { found[index] = choices[next(choices.count)] }
            counts.add(found: LabelledSpans.spans(of: found), expected: LabelledSpans.spans(of: expected))
        }
        #expect([counts.correct, counts.found, counts.expected] == counted)
        for (score, expected) in zip([counts.precision, counts.recall, counts.f1], scores) {
            #expect(abs(score - expected) < 1e-9)
        }
    }

    @Test func scoresOfNothing() {
        let counts = SpanCounts()
        #expect(counts.precision == 0 && counts.recall == 0 && counts.f1 == 0)
    }
}
