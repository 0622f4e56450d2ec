import Parallel
import Testing
import Vocabulary

/// Words as a test compares them, by bytes.
struct Counted: Equatable, Comparable {
    var word: [UInt8]
    var count: UInt64

    static func < (left: Counted, right: Counted) -> Bool {
        left.count != right.count ? left.count > right.count : left.word.lexicographicallyPrecedes(right.word)
    }
}

/// A corpus of words whose frequencies fall like those of real text; the same for the same seed.
func makeWords(_ number: Int, seed: UInt64) -> [[UInt8]] {
    var state = seed
    func random() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
    return (0..<number).map { _ in
        let rank = Int(random() % 3_000) * Int(random() % 1_000) / 1_000
        // Words with long common beginnings, prefixes of one another, bytes over 127, and some long ones.
        switch rank % 5 {
        case 0: return Array("prefix-of-many-words-\(rank)".utf8)
        case 1: return Array("é\(rank)".utf8)
        case 2: return Array(repeating: UInt8(97 + rank % 26), count: 1 + rank % 40)
        default: return Array(String(rank).utf8)
        }
    }
}

@Suite("Counting words")
struct WordCounterTests {
    static func naive(_ words: [[UInt8]]) -> [Counted] {
        var counts: [[UInt8]: UInt64] = [:]
        for word in words { counts[word, default: 0] += 1 }
        return counts.map { Counted(word: $0.key, count: $0.value) }.sorted()
    }

    static func count(
        _ words: [[UInt8]], _ settings: SpillSettings = SpillSettings(), threads: Int = 1, minimumCount: UInt64 = 1,
        maximumSize: Int? = nil
    ) throws -> (words: [Counted], text: CountedText) {
        let counter = WordCounter(settings, pool: WorkerPool(threads: threads))
        for word in words { try word.withUnsafeBytes { try counter.add($0, count: 1) } }
        var result: [Counted] = []
        let text = try counter.finish(minimumCount: minimumCount, maximumSize: maximumSize) {
            result.append(Counted(word: Array($0), count: $1))
        }
        return (result, text)
    }

    @Test(arguments: [0, 1, 2, 33, 20_000], [10_000, 40_000, 100_000_000])
    func likeANaiveCount(_ number: Int, _ tableMemory: Int) throws {
        let words = makeWords(number, seed: UInt64(number))
        for fanIn in [2, 3, 64] {
            let result = try Self.count(words, SpillSettings(tableMemory: tableMemory, fanIn: fanIn), threads: 2)
            #expect(result.words == Self.naive(words))
            #expect(result.text.tokens == UInt64(number))
            #expect(result.text.types == result.words.count)
            if number < 20_000 { break }
            #expect((result.text.spilled > 0) == (tableMemory <= 40_000))
        }
    }

    @Test(arguments: [1, 2, 5, 100], [nil, 1, 7, 1_000_000] as [Int?])
    func limits(_ minimum: UInt64, _ maximum: Int?) throws {
        let words = makeWords(10_000, seed: 3)
        let expected = Array(Self.naive(words).filter { $0.count >= minimum }.prefix(maximum ?? .max))
        for tableMemory in [20_000, 100_000_000] {
            let result = try Self.count(
                words, SpillSettings(tableMemory: tableMemory, fanIn: 4), minimumCount: minimum, maximumSize: maximum)
            #expect(result.words == expected)
            #expect(result.text.types == Self.naive(words).count)
            #expect(result.text.keptTypes == expected.count)
            #expect(result.text.keptTokens == expected.reduce(0) { $0 + $1.count })
        }
    }

    @Test func theDigestAddsUp() throws {
        let words = makeWords(5_000, seed: 9)
        let whole = try Self.count(words).text.digest
        let parts = try Self.count(Array(words[..<1_000])).text.digest &+ Self.count(Array(words[1_000...])).text.digest
        #expect(whole == parts)
        #expect(try whole != Self.count(words.dropLast()).text.digest)
        #expect(try whole == Self.count(words, SpillSettings(tableMemory: 20_000, fanIn: 2), minimumCount: 3).text.digest)
    }

    @Test func countsDoNotWrap() throws {
        let counter = WordCounter(pool: WorkerPool(threads: 1))
        let word: [UInt8] = [97]
        try word.withUnsafeBytes { try counter.add($0, count: .max) }
        #expect(throws: (any Error).self) { try word.withUnsafeBytes { try counter.add($0, count: 1) } }
    }
}
