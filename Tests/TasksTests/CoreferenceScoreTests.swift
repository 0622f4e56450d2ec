import Tasks
import Testing

struct CoreferenceScoreTests {
    private typealias Document = (key: [[Range<Int>]], found: [[Range<Int>]])

    /// Documents with random groups, in both the order of their first mentions.
    private func documents(_ seed: UInt64, count: Int, words: Int, groups: Int, share: Int) -> [Document] {
        var next = Congruential(seed)
        return (0..<count).map { _ in
            var key: [Int: [Range<Int>]] = [:], found: [Int: [Range<Int>]] = [:], word = 0
            while word < words {
                let length = 1 + next(3)
                var mentions: [Range<Int>] = []
                if next(3) > 0 { mentions.append(word..<word + length) }
                if length == 3 && next(2) > 0 { mentions.append(word + 1..<word + 2) }
                word += length
                for mention in mentions {
                    let group = next(groups), other = next(groups), which = next(10)
                    if which != 0 { key[group, default: []].append(mention) }
                    if which != 1 { found[next(share) > 0 ? group : other, default: []].append(mention) }
                }
            }
            return (CoreferenceDocument.sorted(Array(key.values)), CoreferenceDocument.sorted(Array(found.values)))
        }
    }

    private func score(_ documents: [Document]) -> CoreferenceScore {
        documents.reduce(into: CoreferenceScore()) { $0.add(predicted: $1.found, expected: $1.key) }
    }

    /// Numerators and denominators of recall and precision as scorer.pl 8.01 of CoNLL-2012 prints them.
    struct Case: Sendable {
        let seed: UInt64
        let count, words, groups, share: Int
        let mentions, muc, bCubed, ceafE: [Double]
    }

    static let cases = [
        Case(
            seed: 21, count: 8, words: 60, groups: 9, share: 2, mentions: [170, 189, 170, 184], muc: [47, 126, 47, 117],
            bCubed: [86.8666666666667, 189, 93.8238095238095, 184], ceafE: [30.7108225108225, 63, 30.7108225108225, 67]),
        Case(
            seed: 22, count: 5, words: 150, groups: 60, share: 3, mentions: [251, 286, 251, 293], muc: [37, 100, 37, 106],
            bCubed: [196, 286, 192.5, 293], ceafE: [121.988095238095, 186, 121.988095238095, 187]),
        Case(
            seed: 23, count: 1, words: 120, groups: 400, share: 4, mentions: [46, 49, 46, 53], muc: [3, 3, 3, 4],
            bCubed: [46, 49, 45.5, 53], ceafE: [42.6666666666667, 46, 42.6666666666667, 49]),
        Case(
            seed: 24, count: 1, words: 1500, groups: 300, share: 2, mentions: [484, 539, 484, 536], muc: [81, 286, 81, 284],
            bCubed: [288.840476190476, 539, 289.127777777778, 536], ceafE: [133.440476190476, 253, 133.440476190476, 252]),
    ]

    @Test(arguments: cases) func equalsTheReferenceScorer(_ test: Case) {
        let score = score(documents(test.seed, count: test.count, words: test.words, groups: test.groups, share: test.share))
        for (measure, expected) in [
            (score.mentions, test.mentions), (score.muc, test.muc), (score.bCubed, test.bCubed), (score.ceafE, test.ceafE),
        ] {
            let counts = [measure.recallNumerator, measure.recallDenominator, measure.precisionNumerator, measure.precisionDenominator]
            #expect(zip(counts, expected).allSatisfy { abs($0 - $1) < 1e-11 * max(1, $1) }, "\(counts) \(expected)")
        }
        #expect(abs(score.mean - (score.muc.f1 + score.bCubed.f1 + score.ceafE.f1) / 3) < 1e-15)
    }

    /// The example of Luo (2005), and what its measures are by hand.
    @Test func computedByHand() {
        let mention = { (number: Int) in number..<number + 1 }
        var score = CoreferenceScore()
        score.add(predicted: [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11, 12]].map { $0.map(mention) },
                  expected: [[1, 2, 3, 4, 5], [6, 7], [8, 9, 10, 11, 12]].map { $0.map(mention) })
        #expect(score.muc.recall == 1 && score.muc.precision == 0.9 && score.bCubed.recall == 1)
        #expect(abs(score.bCubed.precision - (5 + 4.0 / 7 + 25.0 / 7) / 12) < 1e-12)
        #expect(abs(score.ceafE.precision - (1 + 10.0 / 12) / 2) < 1e-12 && abs(score.ceafE.recall - (1 + 10.0 / 12) / 3) < 1e-12)
    }

    @Test func bordersOfWhatIsDefined() {
        var score = CoreferenceScore()
        score.add(predicted: [], expected: [])
        #expect(score.mean == 0 && score.mentions.recall == 0)
        score.add(predicted: [[0..<1]], expected: [])
        #expect(score.bCubed.precision == 0 && score.ceafE.precisionDenominator == 1)
        // A mention that is there twice counts once, in its first group.
        var twice = CoreferenceScore(), once = CoreferenceScore()
        twice.add(predicted: [[0..<1, 2..<3, 0..<1], [0..<1], [2..<3, 4..<5]], expected: [[0..<1, 2..<3, 4..<5]])
        once.add(predicted: [[0..<1, 2..<3], [4..<5]], expected: [[0..<1, 2..<3, 4..<5]])
        #expect(twice == once)
        let perfect = self.score([(key: [[0..<1, 2..<4], [5..<6]], found: [[5..<6], [0..<1, 2..<4]])])
        #expect(perfect.mean == 1)
    }

    /// Mentions that are put into k groups at random, on both sides: two of a group on one side share one on the other once in k times.
    @Test func chance() {
        var next = Congruential(3)
        let count = 2000, groups = 20
        func clusters() -> [[Range<Int>]] {
            var clusters = [[Range<Int>]](repeating: [], count: groups)
            for word in 0..<count { clusters[next(groups)].append(word..<word + 1) }
            return clusters
        }
        let score = score([(key: clusters(), found: clusters())])
        // Of n = 100 mentions of a group, itself and a 20th of the others.
        #expect(abs(score.bCubed.f1 - (1 + 99.0 / 20) / 100) < 0.005)
    }

    @Test(.timeLimit(.minutes(1))) func largeDocuments() {
        let documents = documents(9, count: 1, words: 12_000, groups: 3000, share: 2)
        #expect(documents[0].key.joined().count > 4000)
        let clock = ContinuousClock()
        var score = CoreferenceScore()
        let time = clock.measure { score.add(predicted: documents[0].found, expected: documents[0].key) }
        #expect(score.ceafE.f1 > 0.3 && time < .seconds(20), "\(time)")
    }
}
