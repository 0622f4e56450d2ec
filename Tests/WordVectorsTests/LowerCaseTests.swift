import Shards
import Testing
import WordVectors

/// Words that the vectors have in lower case, whatever the vectors' form.
@Suite struct LowerCaseTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private static let forms = ["GloVe text", "word2vec text", "word2vec binary", "fastText .bin"]
    private static let words = ["cat", "dog", "über", "οδος"]

    private func vectors(_ form: String) throws -> any VectorFile {
        let rows = Self.words.enumerated().map { ($1, [Float($0) + 1, 0.5, -1]) }
        let text = rows.map { "\($0) \($1[0]) \($1[1]) \($1[2])\n" }.joined()
        switch form {
        case "GloVe text": return try openVectors(scratch.file("v", text))
        case "word2vec text": return try openVectors(scratch.file("v", "4 3\n" + text))
        case "word2vec binary":
            return try openVectors(scratch.file("v", Array("4 3\n".utf8) + rows.flatMap { Array("\($0) ".utf8) + littleEndian($1) }))
        default:
            var image = FastTextImage()
            image.words = Self.words
            return try openVectors(scratch.file("v", image.bytes))
        }
    }

    @Test(arguments: forms) func whatLowerCaseWouldGain(form: String) throws {
        // cat is a word of the vocabulary, dog is not; ÜBER and ΟΔΟΣ are no ASCII, and Zebra is nowhere.
        let vocabulary = VocabularyWords([
            ("cat", 50), ("Cat", 20), ("DOG", 7), ("Dog", 5), ("ÜBER", 3), ("ΟΔΟΣ", 2), ("Zebra", 11), ("zebra", 1),
        ])
        var builder = TableBuilder()
        builder.unknown = .none
        for threads in [1, 2] {
            let vectors = try vectors(form)
            #expect(vectors.format.rawValue == form)
            let summary = try builder.build(vocabulary, vectors, threads: threads).summary
            #expect(summary.inLowerCase == .init(words: 5, tokens: 37))
            #expect(summary[.pretrained] == .init(words: 1, tokens: 50))
        }
    }

    @Test func whatIsInLowerCaseGainsNothing() throws {
        var builder = TableBuilder()
        builder.unknown = .none
        let made = try builder.build(VocabularyWords([("cat", 5), ("zebra", 4), ("über", 2)]), vectors("GloVe text"), threads: 1)
        #expect(made.summary.inLowerCase == .init())
    }

    @Test(arguments: [
        ("cat", nil), ("Cat", "cat"), ("1.5-%", nil), ("straße", nil), ("ÉTÉ", "été"), ("ΟΔΟΣ", "οδος"), ("Σ", "σ"),
        ("İ", "i\u{307}"), ("", nil),
    ] as [(String, String?)])
    func lowerCaseForms(word: String, form: String?) {
        #expect(Array(word.utf8).withUnsafeBytes(lowerCase) == form.map { Array($0.utf8) })
    }
}
