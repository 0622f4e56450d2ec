import Files
import Glibc
import Kernels
import Layers
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

/// Words whose vector follows from their first and last letter, with a common direction and a little noise.
struct SpellingRule {
    let words: [String]
    let vectors: [[Float]]

    init(count: Int, dimension: Int) {
        var random = TestRandom(5)
        let letters = Array("abcdefghéλ")
        let meanings = (0..<2 * letters.count).map { _ in (0..<dimension).map { _ in random.unit() - 0.5 } }
        var words: [String] = [], vectors: [[Float]] = []
        while words.count < count {
            let picks = (0..<3 + random.below(5)).map { _ in random.below(letters.count) }
            let word = String(picks.map { letters[$0] })
            if words.contains(word) { continue }
            words.append(word)
            vectors.append((0..<dimension).map {
                0.5 + meanings[picks[0]][$0] + meanings[letters.count + picks[picks.count - 1]][$0]
                    + 0.02 * (random.unit() - 0.5)
            })
        }
        self.words = words
        self.vectors = vectors
    }

    var text: String {
        zip(words, vectors).map { "\($0) " + $1.map { "\($0)" }.joined(separator: " ") + "\n" }.joined()
    }

    /// The words from the most frequent on, and some that have no vector.
    func vocabulary(unknown: [String]) -> VocabularyWords {
        VocabularyWords((words + unknown).enumerated().map { ($1, UInt64(10_000 - $0)) })
    }
}

@Suite struct MimickModelTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private var small: TableBuilder {
        var builder = TableBuilder()
        builder.unknown = .mimick
        builder.mimick.reader = .lstm(hidden: 17)
        builder.mimick.embedding = 9
        builder.mimick.epochs = 40
        builder.mimick.batch = 64
        builder.mimick.learningRate = 0.01
        builder.mimick.heldOut = 0.1
        return builder
    }

    private func build(
        _ rule: SpellingRule, threads: Int, unknown: [String] = ["abca", "λπλ"]
    ) throws -> TableBuilder.Table {
        let path = try scratch.file("v.txt", rule.text)
        return try small.build(rule.vocabulary(unknown: unknown), openVectors(path), threads: threads)
    }

    @Test func learnsARuleOfSpelling() throws {
        let table = try build(SpellingRule(count: 900, dimension: 9), threads: 2)
        let evaluation = try #require(table.summary.evaluation)
        #expect(evaluation.asked.count == 90)
        let scores = Dictionary(uniqueKeysWithValues: evaluation.scores().map { ($0.name, $0) })
        let model = try #require(scores["MIMICK"]), mean = try #require(scores["mean vector"])
        #expect(model.centredCosine > 0.9, "\(model.centredCosine)")
        #expect(abs(mean.centredCosine) < 0.3)
        #expect(1 - model.cosine < 0.2 * (1 - mean.cosine))
        #expect(model.centredCosine > (scores["nearest spelling"]?.centredCosine ?? 1))
    }

    @Test(arguments: [UnknownWords.mimick, .cnn], [MimickLoss.squared, .cosine])
    func otherKindsLearnItToo(unknown: UnknownWords, loss: MimickLoss) throws {
        let rule = SpellingRule(count: 900, dimension: 9)
        var builder = small
        builder.unknown = unknown
        builder.mimick.loss = loss
        if unknown == .cnn {
            builder.mimick.reader = .convolution(filters: [.init(width: 1, count: 8), .init(width: 3, count: 40)], highways: 1)
        }
        let vectors = try openVectors(scratch.file("v.txt", rule.text))
        let table = try builder.build(rule.vocabulary(unknown: ["abca"]), vectors, threads: 2)
        let score = try #require(table.summary.evaluation?.scores()[0])
        // Convolutions do not see where in a word an n-gram is, but for its ends.
        #expect(score.centredCosine > (unknown == .cnn ? 0.6 : 0.9), "\(score)")
        // Length: what is made is as long as the known vectors are.
        let norms = rule.vectors.map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        let made = table.rows.row(900).values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(made > 0.5 * (norms.min() ?? 0) && made < 1.5 * (norms.max() ?? 0))
        let output = try OutputFile(path: "\(scratch.path)/t", binary: true)
        try table.write(to: output, tool: "test", fields: [:], pool: WorkerPool(threads: 1))
        try output.commit()
        let stored = try EmbeddingTable(FileSource(path: "\(scratch.path)/t"), pool: WorkerPool(threads: 1))
        let expected = try #require(table.generator?.vectorArray("chba"))
        #expect(try stored.generator()?.vectorArray("chba") == expected)
    }

    @Test(arguments: ["", "lstm", "lstm 3 4", "lstm 3 0 5", "lstm 3 4 99999", "gru 3 4 5", "convolution 3 4 1",
                      "convolution 3 4 1 2y5", "convolution 3 4 1 0x5", "convolution 3 4 99 1x5", "lstm 3 4 5 6"])
    func descriptionsThatCannotBe(text: String) { #expect(MimickShape(text, dimension: 3) == nil) }

    @Test func descriptionsThatCan() {
        for text in ["lstm 99 16 50", "convolution 99 16 1 1x25 2x50 3x75 4x100 5x125 6x150", "convolution 99 16 2 7x1024"] {
            #expect(MimickShape(text, dimension: 300)?.text == text)
        }
    }

    @Test func threadsDoNotShow() throws {
        let rule = SpellingRule(count: 300, dimension: 7)
        var files: [[UInt8]] = []
        for threads in 1...3 {
            let table = try build(rule, threads: threads)
            let output = try OutputFile(path: "\(scratch.path)/t\(threads)", binary: true)
            try table.write(to: output, tool: "test", fields: [:], pool: WorkerPool(threads: threads))
            try output.commit()
            files.append(try readFile("\(scratch.path)/t\(threads)"))
        }
        #expect(files[0] == files[1] && files[0] == files[2])
    }

    @Test func tableKeepsEverything() throws {
        let rule = SpellingRule(count: 200, dimension: 7)
        let built = try build(rule, threads: 1, unknown: ["abca", "</s>", "λπλ"])
        let output = try OutputFile(path: "\(scratch.path)/t", binary: true)
        try built.write(to: output, tool: "test", fields: ["seed": "1"], pool: WorkerPool(threads: 1))
        try output.commit()
        let table = try EmbeddingTable(FileSource(path: "\(scratch.path)/t"), pool: WorkerPool(threads: 2))
        #expect(table.words.count == 206 && table.dimension == 7 && table.digest != 0)
        #expect(table.sources[..<200].allSatisfy { $0 == .pretrained })
        #expect(Array(table.sources[200...]) == [.mimick, .special, .mimick, .special, .special, .special])
        #expect(table.words.find("</s>") == 201 && table.words.find("<s>") == 203)
        #expect(table.counts[0] == 10_000 && table.counts[203] == 0)
        #expect(try table.rows.row(5) == rule.vectors[5])
        for id in 0..<206 { #expect(try table.rows.row(id) == built.rows.row(id).values) }
        #expect(table.mean == built.mean)
        // Words never seen: the same from the builder's model, from the stored one, and from the cache.
        for word in ["hhh", "éλé", "x", String(repeating: "ab", count: 40)] {
            let expected = try #require(built.generator?.vectorArray(word))
            for _ in 0..<2 { #expect(try table.vector(of: word) == (.mimick, expected)) }
        }
        #expect(try table.vector(of: "").0 == .none)
        // Targets: unit, and centred where asked.
        let memory = RowMatrix(count: 1, dimension: 7)
        memory.matrix.copy(from: rule.vectors[3])
        table.normalise(memory.matrix, centred: true)
        let row = memory.matrix.values
        #expect(abs(row.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        let norm = rule.vectors[3].reduce(0) { $0 + $1 * $1 }.squareRoot()
        let centred = zip(rule.vectors[3], table.mean).map { $0 / norm - $1 }
        let length = centred.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(zip(row, centred).allSatisfy { abs($0 - $1 / length) < 1e-5 })
    }

    @Test func refusals() throws {
        let path = try scratch.file("v.txt", "a 1 2\nb 3 4\n")
        let other = VocabularyWords([("c", 3), ("d", 1)])
        let unrelated = dataError { _ = try small.build(other, openVectors(path), threads: 1) }
        #expect(unrelated.contains("none of the vocabulary"))
        let few = VocabularyWords([("a", 3), ("b", 1), ("c", 1)])
        #expect(dataError { _ = try small.build(few, openVectors(path), threads: 1) }.contains("too few to fit"))
        var nGrams = small
        nGrams.unknown = .ngrams
        #expect(throws: ToolError.self) { try nGrams.build(few, openVectors(path), threads: 1) }
        var none = small
        none.unknown = .none
        let table = try none.build(few, openVectors(path), threads: 1)
        #expect(table.sources == [.pretrained, .pretrained, .none, .special, .special, .special, .special])
        #expect(table.summary[.none].words == 1 && table.summary[.none].tokens == 1)
        #expect(table.rows.row(2).isZero)
        #expect(table.rows.row(3).values != table.rows.row(4).values)
    }

    @Test func aDamagedTableIsRefused() throws {
        let table = try build(SpellingRule(count: 40, dimension: 3), threads: 1)
        let output = try OutputFile(path: "\(scratch.path)/t", binary: true)
        try table.write(to: output, tool: "test", fields: [:], pool: WorkerPool(threads: 1))
        try output.commit()
        let whole = try readFile("\(scratch.path)/t")
        var random = TestRandom(9)
        for _ in 0..<200 {
            var damaged = whole
            damaged[random.below(damaged.count)] ^= UInt8(1 + random.below(255))
            #expect(!dataError { _ = try EmbeddingTable(MemorySource(damaged), pool: WorkerPool(threads: 1)) }.isEmpty)
        }
        for length in stride(from: 0, to: whole.count, by: 97) {
            let cut = MemorySource(Array(whole[..<length]))
            #expect(!dataError { _ = try EmbeddingTable(cut, pool: WorkerPool(threads: 1)) }.isEmpty)
        }
    }

}
