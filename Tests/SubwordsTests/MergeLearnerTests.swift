import Files
import Shards
import Subwords
import TestSupport
import Testing

/// Merges beside those of subword-nmt on the same words.
struct MergeLearnerTests {
    private func learn(_ words: [(String, UInt64)], _ count: Int) throws -> [String] {
        var learner = MergeLearner(of: "v")
        for (word, times) in words { try Array(word.utf8).withUnsafeBytes { try learner.add($0, count: times) } }
        return learner.learn(count).pairs.map {
            String(decoding: $0.left, as: UTF8.self) + " " + String(decoding: $0.right, as: UTF8.self)
        }
    }

    /// Ties, repeated characters, characters of several bytes; the expected merges are subword-nmt's.
    @Test func merges() throws {
        let words: [(String, UInt64)] = [
            ("low", 5), ("lower", 2), ("newest", 6), ("widest", 3), ("aaaaa", 4), ("aaa", 3), ("banana", 4), ("\u{e9}t\u{e9}", 3),
            ("\u{e9}t\u{e9}s", 2), ("abababa", 2), ("x", 50),
        ]
        #expect(try learn(words, 100) == Self.expected)
        #expect(try learn(words, 3) == Array(Self.expected.prefix(3)))
    }

    static let expected = [
        "a a", "s t</w>", "e st</w>", "b a", "l o", "aa a</w>", "w est</w>", "n e", "ne west</w>", "\u{e9} t",
        "lo w</w>", "n a</w>", "n a", "na na</w>", "ba nana</w>", "aa aaa</w>", "\u{e9}t \u{e9}</w>", "w i", "wi d",
        "wid est</w>", "\u{e9}t \u{e9}", "\u{e9}t\u{e9} s</w>", "w e", "we r</w>", "lo wer</w>", "ba ba", "baba b",
        "babab a</w>", "a bababa</w>",
    ]

    @Test func nothingToMerge() throws {
        #expect(try learn([], 10).isEmpty)
        #expect(try learn([("x", 9), ("y", 3)], 10).isEmpty)
        #expect(try learn([("ab", 1)], 10).isEmpty)
    }

    /// Counts near the end of integers: as large as can be added, and no larger.
    @Test(arguments: [
        [("xya", UInt64.max)], [("xya", 1 << 59), ("xyb", 1 << 58)], [("xa", 1 << 60), ("ya", 1)], [("aaaaaaaaa", 1 << 61)],
    ] as [[(String, UInt64)]])
    func countsThatAreTooLarge(words: [(String, UInt64)]) {
        let error = #expect(throws: ToolError.self) { try learn(words, 10) }
        #expect(error?.status == .dataError && error?.description.hasPrefix("v: the pairs of characters") == true)
    }

    @Test func largeCounts() throws {
        #expect(try learn([("xa", 1 << 60), ("x", .max)], 10) == ["x a</w>"])
        #expect(try learn([("xya", 1 << 58), ("zya", 1 << 57)], 1) == ["y a</w>"])
    }

    /// More than a hundred merges, so that pairs are put aside and looked at again: from a count of letters alone, again
    /// subword-nmt's.
    @Test func manyMerges() throws {
        var words: [(String, UInt64)] = []
        for index in 0..<4000 {
            let number = index * 7919 % 4001
            words.append((String(number, radix: 5) + "x" + String(number * 31 % 97, radix: 3), UInt64(1 + 4000 / (index + 1))))
        }
        let merges = try learn(words, 400)
        var digest = XXH64()
        Array(merges.joined(separator: "\n").utf8).withUnsafeBytes { digest.update($0) }
        #expect(merges.count == 400)
        #expect(hexadecimal(digest.digest()) == "221e8829773e5bd5")
    }

    /// Letters at random, or all the same, in words of any length: what a merge costs does not depend on the words' length, nor on
    /// how many pairs there are. Looking through words or through all pairs for each merge would be a hundred times the work.
    @Test(arguments: [(1, 26), (1, 2), (1, 1), (100, 26), (25_000, 26), (1, 3_000), (25_000, 3_000)])
    func workGrowsWithTheLetters(words: Int, alphabet: Int) throws {
        func work(_ letters: Int) throws -> Int {
            var learner = MergeLearner(of: "v"), state: UInt64 = 88_172_645_463_325_252
            for _ in 0..<words {
                var word: [UInt8] = []
                for _ in 0..<max(2, letters / words) {
                    state ^= state << 13
                    state ^= state >> 7
                    state ^= state << 17
                    word += UTF8.encode(try #require(Unicode.Scalar(UInt32(0x4E00 + state % UInt64(alphabet))))) ?? .init()
                }
                try word.withUnsafeBytes { try learner.add($0, count: 2) }
            }
            _ = learner.learn(2_000)
            return learner.work
        }
        let letters = 200_000
        #expect(try work(letters) < 40 * letters)
    }

    /// Symbols that several pairs make, also of letters that spell the mark of a word's end: again subword-nmt's merges.
    @Test(arguments: [("ab", "d3e7966d4c8f9658"), ("x</w>a", "0ea7fbcf87d85cf3"), ("abcd", "b439b8bb10ba7569")])
    func symbolsMadeInSeveralWays(alphabet: String, expected: String) throws {
        let letters = Array(alphabet)
        var words: [(String, UInt64)] = [], state = 1
        for length in 1...120 {
            let word = (0..<length).map { _ in
                state = state * 1_103_515_245 % 2_147_483_647 + 12_345
                return String(letters[state / 64 % letters.count])
            }.joined()
            words.append((word, UInt64(1 + length % 3)))
        }
        var digest = XXH64()
        Array(try learn(words, 300).joined(separator: "\n").utf8).withUnsafeBytes { digest.update($0) }
        #expect(hexadecimal(digest.digest()) == expected)
    }
}
