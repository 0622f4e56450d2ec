import Files
import Shards
import TestSupport
import Testing
import WordVectors

@Suite struct TextVectorTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private static let noEnd = "has no line end: its last number may be cut short; if it is whole, add one: echo >> FILE"

    private func lookUp(_ text: String, _ words: [String], threads: Int = 1) throws -> VectorLookup {
        try openVectors(scratch.file("v.txt", text)).lookUp(table(words), threads: threads)
    }

    @Test func readsGloVe() throws {
        let file = try openVectors(scratch.file("g.txt", "the 0.5 -1\nof 1e-2 3\n, 0 7\n"))
        #expect(file.format == .glove && file.dimension == 2)
        let lookup = try file.lookUp(table(["of", "unknown", ",", "the"]), threads: 1)
        #expect(lookup.vector(0) == [0.01, 3])
        #expect(lookup.vector(1) == nil)
        #expect(lookup.vector(2) == [0, 7])
        #expect(lookup.vector(3) == [0.5, -1])
        #expect(lookup.counts == .init(found: 3, inFile: 3))
    }

    @Test(arguments: [
        "2 3\na 1 2 3 \nb 4 5 6 \n", "2 3\r\na 1 2 3\r\nb 4 5 6\r\n", "2 3\n\na\t1 2  3\nb 4 5 6\n",
        "2 3\na 1 2 3\n\nb 4 5 6\n\n",
    ])
    func readsHeaderAndOddSpacing(text: String) throws {
        let file = try openVectors(scratch.file("w.vec", text))
        #expect(file.format == .word2vecText && file.dimension == 3)
        let lookup = try file.lookUp(table(["b", "a"]), threads: 1)
        #expect(lookup.vector(0) == [4, 5, 6])
        #expect(lookup.vector(1) == [1, 2, 3])
    }

    @Test func wordsWithSpaces() throws {
        let lookup = try lookUp(
            "a 1 2\n. . . 3 4\nat name@domain.com 5 6\n. 7 8\n", [". . .", ".", "at", "name@domain.com"])
        #expect(lookup.vector(0) == [3, 4])
        #expect(lookup.vector(1) == [7, 8])
        #expect(lookup.vector(2) == nil && lookup.vector(3) == nil)
        #expect(lookup.counts.duplicates == 0 && lookup.counts.inFile == 4)
    }

    @Test func countsWhatItSkips() throws {
        var bytes = Array("a 1 2\na 3 4\nzero 0 -0\nb 5 6\nzero 1 1\n".utf8)
        bytes += [0xFF, 0xFE] + Array(" 1 2\n".utf8)
        let lookup = try openVectors(scratch.file("c.txt", bytes)).lookUp(table(["a", "zero", "b"]), threads: 2)
        #expect(lookup.vector(0) == [1, 2])
        #expect(lookup.vector(1) == [1, 1])
        #expect(lookup.counts == .init(found: 3, inFile: 6, duplicates: 1, invalidWords: 1, zeroVectors: 1))
    }

    @Test(arguments: [
        ("a 1 2\nb 3\n", "line 2: has 1 numbers, should have 2"),
        ("a 1 2\nb\n", "line 2: has 0 numbers, should have 2"),
        ("a 1 2\nb 1 2 3\n", "line 2: has more than 2 numbers"),
        ("a 1 2\nx 1 2 3\n", "line 2: has more than 2 numbers"),
        ("a 1 2\nb 3 nan\n", "line 2: number 2 is not finite, word \"b\""),
        ("a 1 2\nb -inf 3\n", "line 2: number 1 is not finite, word \"b\""),
        ("a 1 2\nb 1e50 3\n", "line 2: number 1 is not finite, word \"b\""),
        ("a 1 2\nb 3 4x\n", "line 2: field 3 is not a number, word \"b\""),
        ("a 1 2\nb  3\n", "line 2: has 1 numbers, should have 2"),
        ("3 2\na 1 2\nb 3 4\n", "line 1: the header promises 3 words, the file holds 2: is it cut short?"),
        // What stands last may be 4 or the beginning of 45.
        ("2 2\na 1 2\nb 3 4", "line 3: \(Self.noEnd)"),
        ("a 1 2\nb 3 4", "line 2: \(Self.noEnd)"),
        ("a 1 2", "line 1: \(Self.noEnd)"),
        ("1 2\na 1 2\nb 3 4\n", "line 1: the header promises 1 words, the file holds 2: is it cut short?"),
        ("2 2\na 1 2\nb 3\n", "line 3: has 1 numbers, should have 2"),
        ("2 -2\na 1 2\n", "line 1: the header promises 2 words of -2 numbers, which cannot be"),
        ("9000000000 900000000000\na 1 2\n",
         "line 1: the header promises 9000000000 words of 900000000000 numbers, which cannot be"),
    ])
    func refuses(text: String, message: String) {
        for threads in 1...2 {
            let found = dataError { _ = try lookUp(text, ["a", "b"], threads: threads) }
            #expect(found.hasSuffix(message), "\(found)")
        }
    }

    @Test(arguments: ["", "just some prose, no vectors\n", "word\n"]) func refusesOtherFiles(text: String) {
        #expect(!dataError { _ = try lookUp(text, ["a"]) }.isEmpty)
    }

    @Test func refusesOneEnormousLine() throws {
        let line = "2 3\na 1 2 3\nb " + String(repeating: "1", count: 20 << 20)
        #expect(dataError { _ = try lookUp(line, ["a"]) }.contains("line longer than 16 MB"))
    }

    /// Several pieces, compressed or not, any number of threads: the same bytes, and line numbers that count on.
    @Test(.enabled(if: isInstalled("gzip"), "gzip is not installed")) func threadsAndCompressionChangeNothing() throws {
        var random = TestRandom(1)
        var text = ""
        let count = 40_000, dimension = 7
        var expected: [[Float]] = []
        for index in 0..<count {
            let row = (0..<dimension).map { _ in random.unit() - 0.5 }
            if index % 3 == 0 { expected.append(row) }
            text += "word\(index) " + row.map { "\($0)" }.joined(separator: " ") + "\n"
        }
        let words = table((0..<count).filter { $0 % 3 == 0 }.map { "word\($0)" })
        let path = try scratch.file("big.txt", text)
        let one = try openVectors(path).lookUp(words, threads: 1)
        #expect(expected.indices.allSatisfy { one.vector($0) == expected[$0] })
        let two = try openVectors(path).lookUp(words, threads: 2)
        #expect(one.bits == two.bits && one.counts == two.counts)
        try #require(scratch.run("gzip -k big.txt"))
        let zipped = try openVectors(path + ".gz").lookUp(words, threads: 2)
        #expect(zipped.bits == one.bits)
        let whole = try readFile(path + ".gz")
        let cut = try scratch.file("cut.gz", Array(whole[..<(whole.count / 2)]))
        #expect(dataError { _ = try openVectors(cut).lookUp(words, threads: 2) }.contains("cut short"))
        let damaged = try scratch.file("damaged.txt", text + "tail 1 2\n")
        #expect(dataError { _ = try openVectors(damaged).lookUp(words, threads: 2) }.contains("line \(count + 1):"))
    }
}
