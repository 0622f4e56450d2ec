import Files
import Shards
import Subwords
import TestSupport
import Testing

struct SegmenterTests {
    private let merges = Merges(
        [("l", "o"), ("lo", "w"), ("lo", "w</w>"), ("e", "r</w>"), ("a", "a"), ("aa", "a</w>")].map {
            Merges.Pair($0.0.utf8, $0.1.utf8)
        })

    private func units(_ word: String) -> [String] {
        var units: [String] = []
        Array(word.utf8).withUnsafeBytes {
            Segmenter(merges).forEachUnit(of: $0) { units.append(String(decoding: $0, as: UTF8.self)) }
        }
        return units
    }

    /// What subword-nmt's apply_bpe gives.
    @Test func unitsAreSubwordNMTs() {
        #expect(units("low") == ["low"])
        #expect(units("lower") == ["low@@", "er"])
        #expect(units("slow") == ["s@@", "low"])
        #expect(units("aaa") == ["aaa"])
        #expect(units("aaaa") == ["aa@@", "a@@", "a"])
        #expect(units("x") == ["x"])
        #expect(units("\u{e9}lo\u{6c34}") == ["\u{e9}@@", "lo@@", "\u{6c34}"])
    }

    /// Whatever the word, its units put together are the word, and only the last has no mark.
    @Test func wordsCanBePutTogether() {
        for word in ["@@", "@", "@@@", "x@@", "lower@@", "a@@b", "lo@w@@@", "\u{e9}@@"] {
            let units = units(word)
            #expect(units.dropLast().allSatisfy { $0.hasSuffix("@@") }, "\(units)")
            #expect(units.last.map { !$0.hasSuffix("@@") } == true, "\(units)")
            #expect(units.dropLast().map { String($0.dropLast(2)) }.joined() + (units.last ?? "") == word)
        }
    }

    /// Units become words again, whatever the words; what is left of a word that was cut off is a word.
    @Test func unitsAreJoined() {
        let words = ["lower", "@@", "x@@", "\u{e9}", "e\u{301}@@@", "aaaa", "\u{6c34}lo"]
        #expect(UnitMark.joined(words.flatMap(units)) == words)
        #expect(UnitMark.joined(["low@@", "er", "s@@", "lo@@"]) == ["lower", "slo"])
        #expect(UnitMark.joined([]) == [])
        #expect(UnitMark.isContinued("\u{301}@@".utf8) && UnitMark.isContinued("@@".utf8))
        #expect(!UnitMark.isContinued("@".utf8) && !UnitMark.isContinued("@@a".utf8) && !UnitMark.isContinued("".utf8))
    }

    /// Long words are cut by another way of looking for pairs: the same as when merges are made one after the other, all of one
    /// before the next, as the format says. Merges stand in any order, also before those that make their parts.
    @Test(arguments: 0..<20)
    func longWordsAreCutAsShortOnes(seed: Int) {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func random(_ count: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(count))
        }
        var parts = ["a", "b", "c"], pairs: [(String, String)] = []
        for _ in 0..<30 {
            let pair = (parts[random(parts.count)], parts[random(parts.count)])
            guard (pair.0 + pair.1).utf8.count <= 12 else { continue }
            pairs.insert(pair, at: seed < 10 ? pairs.count : random(pairs.count + 1))
            parts.append(pair.0 + pair.1)
        }
        pairs.append(("a", "b</w>"))
        let segmenter = Segmenter(Merges(pairs.map { Merges.Pair($0.0.utf8, $0.1.utf8) }))
        for length in [63, 64, 65, 66, 300] {
            let word = (0..<length).map { _ in ["a", "b", "c", "d"][random(seed % 2 == 0 ? 4 : 2)] }.joined()
            var units: [String] = []
            Array(word.utf8).withUnsafeBytes { segmenter.forEachUnit(of: $0) { units.append(String(decoding: $0, as: UTF8.self)) } }
            #expect(units == Self.definition(word, pairs))
        }
    }

    /// subword-nmt's way: the pair of the lowest rank anywhere is merged everywhere, from left to right, until there is none.
    private static func definition(_ word: String, _ pairs: [(String, String)]) -> [String] {
        var symbols = word.map { String($0) }
        symbols[symbols.count - 1] += "</w>"
        while true {
            let neighbours = zip(symbols, symbols.dropFirst())
            guard let best = pairs.first(where: { pair in neighbours.contains { $0 == pair.0 && $1 == pair.1 } }) else { break }
            var merged: [String] = [], place = 0
            while place < symbols.count {
                if place + 1 < symbols.count && symbols[place] == best.0 && symbols[place + 1] == best.1 {
                    merged.append(best.0 + best.1)
                    place += 2
                } else {
                    merged.append(symbols[place])
                    place += 1
                }
            }
            symbols = merged
        }
        let last = String(symbols[symbols.count - 1].dropLast(4))
        return symbols.dropLast().map { $0 + "@@" } + [last]
    }

    @Test func batches() {
        var segmenter = BatchSegmenter(merges)
        for round in 0..<3 {
            var batch = TokenBatch()
            for sentence in [["low", "lower"], ["x"], ["slow", "low", "x\(round)"]] {
                batch.sentenceLengths.append(UInt32(sentence.count))
                for word in sentence { batch.ids.append(UInt32(batch.words.insert(word))) }
            }
            let result = segmenter.segment(batch)
            #expect(result.sentenceLengths == [3, 1, 5])
            #expect(
                result.ids.map { result.words.word(Int($0)) }
                    == ["low", "low@@", "er", "x", "s@@", "low", "low", "x@@", "\(round)"])
            #expect(result.words.count == 7)
        }
    }
}

/// subword-nmt's file.
struct MergesTests {
    private func read(_ text: String) throws -> Merges {
        let directory = try TemporaryDirectory()
        let path = directory.file("codes"), file = try OutputFile(path: path, binary: false)
        try file.write(text)
        try file.commit()
        return try Merges(path: path)
    }

    @Test func aFileIsReadAsItWasWritten() throws {
        let text = "#version: 0.2\nt h\nth e</w>\n\u{e9} t\n"
        let merges = try read(text)
        #expect(String(decoding: merges.text, as: UTF8.self) == text && merges.pairs.count == 3)
        #expect(try read("#version: 0.2\nt h\n").digest != merges.digest)
    }

    @Test(arguments: [
        ("", "is empty"), ("t h\n", "line 1: does not say #version: 0.2"), ("#version: 0.1\nt h\n", "line 1: does not say"),
        ("#version: 0.2\nt h\nth\n", "line 3: is not two symbols"), ("#version: 0.2\nt  h\n", "line 2: is not two symbols"),
        ("#version: 0.2\na b c\n", "line 2: is not two symbols"), ("#version: 0.2\n\nt h\n", "line 2: is not two symbols"),
        ("#version: 0.2\nt h\nth e", "line 3: is cut off"), ("#version: 0.2", "line 1: is cut off"),
    ])
    func badFiles(text: String, message: String) throws {
        let error = #expect(throws: ToolError.self) { try read(text) }
        let line = "\(try #require(error))"
        #expect(error?.status == .dataError && line.contains(message), "\(line)")
    }
}
