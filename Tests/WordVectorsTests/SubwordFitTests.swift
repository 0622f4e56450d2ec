import Files
import Foundation
@_spi(HostMemory) import Kernels
import Parallel
import Shards
import TestSupport
import Testing
import WordVectors

/// A few words in three scripts, with vectors of three numbers.
private enum Few {
    static let words = [
        "walk", "walks", "walked", "walking", "talk", "talks", "talked", "talking", "jump", "jumps", "jumping", "straße",
        "straßen", "日本", "日本語",
    ]
    static let weights: [Float] = {
        let weights = words.indices.map { 1 + 0.1 * Float($0 % 3) }
        let mean = weights.reduce(0, +) / Float(weights.count)
        return weights.map { $0 / mean }
    }()

    static var rows: RowMatrix {
        let rows = RowMatrix(count: words.count, dimension: 3)
        for word in words.indices {
            rows.row(word).copy(from: (0..<3).map { Float(sin(1 + 3 * Double(word) + 0.7 * Double($0)) + 0.5) })
        }
        return rows
    }

    static func fit(_ change: (inout SubwordConfiguration) -> Void = { _ in }, threads: Int = 1) -> NGramGenerator {
        var configuration = SubwordConfiguration()
        configuration.steps = 1000
        configuration.tolerance = 1e-7
        change(&configuration)
        return SubwordFit(configuration, threads: threads).fit(
            table(words), ids: Array(words.indices), rows, weights: weights)
    }
}

@Suite struct SubwordFitTests {
    /// Solved by numpy.linalg.solve from the normal equations, in Float64, with n-grams of 2 to 6 characters.
    @Test(arguments: [
        ("walker", [0.2849312971, 0.2594670024, 0.3628711670]), ("talk", [0.7802891893, 0.7706011532, 0.5825357664]),
        ("jumped", [0.5564703638, 0.6646286870, 0.6763240367]),
        ("straßenwalk", [0.5861067404, 0.5667805810, 0.5169006018]),
    ])
    func agreesWithNumpy(word: String, expected: [Double]) throws {
        let made = try #require(Few.fit().vectorArray(word))
        for (made, expected) in zip(made, expected) { #expect(abs(Double(made) - expected) < 2e-5, "\(word): \(made)") }
    }

    @Test func wordsWithoutAKnownNGramHaveNoVector() {
        let generator = Few.fit()
        #expect(generator.vectorArray("語") == nil && generator.vectorArray("qx") == nil)
        #expect(generator.vectorArray("") == nil)
        // With every n-gram fitted, the end of 日本語 is known.
        #expect(Few.fit({ $0.fewestWords = 1 }).vectorArray("語") != nil)
    }

    @Test func threadsDoNotShow() {
        let words = ["walker", "talkative", "straßenjumping"]
        let one = words.map { Few.fit(threads: 1).vectorArray($0) }
        for threads in 2...3 { #expect(words.map { Few.fit(threads: threads).vectorArray($0) } == one) }
    }

    @Test func aTableKeepsTheNGrams() throws {
        let rule = SpellingRule(count: 300, dimension: 70)
        let scratch = try Scratch()
        var builder = TableBuilder()
        builder.subwords.heldOut = 20
        let vectors = try openVectors(scratch.file("v.txt", rule.text))
        let built = try builder.build(rule.vocabulary(unknown: ["abca", "hhh"]), vectors, threads: 2)
        #expect(built.sources[300...301] == [.ngrams, .ngrams])
        #expect(built.summary.fit?.heldOut.count == 15 && built.summary.fit?.fitted.count == 285)
        let scores = try #require(built.summary.evaluation).scores()
        #expect(scores.map(\.name) == ["fitted n-grams", "mean vector", "nearest spelling"])
        #expect(scores[0].centredCosine > 0.8 && scores[0].centredCosine > scores[2].centredCosine)
        let output = try OutputFile(path: "\(scratch.path)/t", binary: true)
        try built.write(to: output, tool: "test", fields: [:], pool: WorkerPool(threads: 1))
        try output.commit()
        let stored = try EmbeddingTable(FileSource(path: "\(scratch.path)/t"), pool: WorkerPool(threads: 1))
        for word in ["abcabca", "λλλ", "éabh"] {
            let expected = try #require(built.generator?.vectorArray(word))
            #expect(try stored.generator()?.vectorArray(word) == expected)
        }
    }

    @Test func tooFewWordsAreRefused() throws {
        let scratch = try Scratch()
        let vectors = try openVectors(scratch.file("v.txt", "a 1 2\nb 3 4\n"))
        let vocabulary = VocabularyWords([("a", 3), ("b", 1), ("c", 1)])
        #expect(dataError { _ = try TableBuilder().build(vocabulary, vectors, threads: 1) }.contains("too few to fit"))
    }
}
