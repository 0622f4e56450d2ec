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
