import Files
import Shards
import Subwords
import TestSupport
import Testing

/// Merges beside those of subword-nmt on the same words.
struct MergeLearnerTests {
    private func learn(_ words: [(String, UInt64)], _ count: Int) -> [String] {
        var learner = MergeLearner()
        for (word, times) in words { Array(word.utf8).withUnsafeBytes { learner.add($0, count: times) } }
        return learner.learn(count).pairs.map {
            String(decoding: $0.left, as: UTF8.self) + " " + String(decoding: $0.right, as: UTF8.self)
        }
    }

    /// Ties, repeated characters, characters of several bytes; the expected merges are subword-nmt's.
    @Test func merges() {
        let words: [(String, UInt64)] = [
            ("low", 5), ("lower", 2), ("newest", 6), ("widest", 3), ("aaaaa", 4), ("aaa", 3), ("banana", 4), ("\u{e9}t\u{e9}", 3),
            ("\u{e9}t\u{e9}s", 2), ("abababa", 2), ("x", 50),
        ]
        #expect(learn(words, 100) == Self.expected)
        #expect(learn(words, 3) == Array(Self.expected.prefix(3)))
    }

    static let expected = [
        "a a", "s t</w>", "e st</w>", "b a", "l o", "aa a</w>", "w est</w>", "n e", "ne west</w>", "\u{e9} t",
        "lo w</w>", "n a</w>", "n a", "na na</w>", "ba nana</w>", "aa aaa</w>", "\u{e9}t \u{e9}</w>", "w i", "wi d",
        "wid est</w>", "\u{e9}t \u{e9}", "\u{e9}t\u{e9} s</w>", "w e", "we r</w>", "lo wer</w>", "ba ba", "baba b",
        "babab a</w>", "a bababa</w>",
    ]

    @Test func nothingToMerge() {
        #expect(learn([], 10).isEmpty)
        #expect(learn([("x", 9), ("y", 3)], 10).isEmpty)
        #expect(learn([("ab", 1)], 10).isEmpty)
    }

    /// More than a hundred merges, so that pairs are put aside and looked at again: from a count of letters alone, again
    /// subword-nmt's.
    @Test func manyMerges() {
        var words: [(String, UInt64)] = []
        for index in 0..<4000 {
            let number = index * 7919 % 4001
            words.append((String(number, radix: 5) + "x" + String(number * 31 % 97, radix: 3), UInt64(1 + 4000 / (index + 1))))
        }
        let merges = learn(words, 400)
        var digest = XXH64()
        Array(merges.joined(separator: "\n").utf8).withUnsafeBytes { digest.update($0) }
        #expect(merges.count == 400)
        #expect(hexadecimal(digest.digest()) == "221e8829773e5bd5")
    }
}
