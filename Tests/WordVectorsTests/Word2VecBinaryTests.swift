import Files
import Shards
import Testing
import WordVectors

@Suite struct Word2VecBinaryTests {
    private let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func binary(_ header: String, _ rows: [(String, [Float])], lineEnds: Bool = true) -> [UInt8] {
        Array("\(header)\n".utf8)
            + rows.flatMap { Array("\($0.0) ".utf8) + littleEndian($0.1) + (lineEnds ? [0x0A] : []) }
    }

    private func rows(_ count: Int, _ dimension: Int) -> [(String, [Float])] {
        var random = TestRandom(UInt64(count))
        return (0..<count).map { ("word\($0)", (0..<dimension).map { _ in random.unit() - 0.5 }) }
    }

    @Test(arguments: [(1, 4), (2, 7), (7, 33), (33, 300), (3000, 100)], [true, false])
    func reads(size: (Int, Int), lineEnds: Bool) throws {
        let rows = rows(size.0, size.1)
        let path = try scratch.file("w.bin", binary("\(size.0) \(size.1)", rows, lineEnds: lineEnds))
        let file = try openVectors(path)
        #expect(file.format == .word2vecBinary && file.dimension == size.1)
        let lookup = try file.lookUp(table(rows.map(\.0).reversed() + ["unknown"]), threads: 2)
        #expect(rows.indices.allSatisfy { lookup.vector(size.0 - 1 - $0) == rows[$0].1 })
        #expect(lookup.vector(size.0) == nil)
        #expect(lookup.counts == .init(found: size.0, inFile: size.0))
    }

    @Test func countsWhatItSkips() throws {
        var bytes = binary("5 4", [("a", [1, 2, 3, 4]), ("a", [5, 6, 7, 8]), ("b", [0, 0, 0, 0]), ("é", [1, 1, 1, 1])])
        bytes += [0xFF, 0x20] + littleEndian([Float](repeating: 0.3, count: 4))
        let lookup = try openVectors(scratch.file("w.bin", bytes)).lookUp(table(["a", "b", "é"]), threads: 1)
        #expect(lookup.vector(0) == [1, 2, 3, 4])
        #expect(lookup.vector(2) == [1, 1, 1, 1])
        #expect(lookup.counts == .init(found: 2, inFile: 5, duplicates: 1, invalidWords: 1, zeroVectors: 1))
    }

    @Test func refusesDamage() throws {
        let good = rows(3, 5)
        func message(_ bytes: [UInt8]) -> String {
            dataError { _ = try openVectors(scratch.file("w.bin", bytes)).lookUp(table(["word1"]), threads: 1) }
        }
        let whole = binary("3 5", good)
        #expect(message(binary("4 5", good)).contains("promises 4 words, the file ends in record 4"))
        #expect(message(binary("2 5", good)).contains("promises 2 words, and more data follows"))
        for length in stride(from: 6, to: whole.count - 1, by: 1) {
            #expect(!message(Array(whole[..<length])).isEmpty, "cut at \(length)")
        }
        #expect(message(binary("99999999999999 5", good)).contains("cut short"))
        #expect(message(binary("3 99999999999999", good)).contains("cannot be"))
        var notFinite = good
        notFinite[1].1[3] = .nan
        #expect(message(binary("3 5", notFinite)).contains("record 2: number 4 is not finite, word \"word1\""))
        let noSpace = Array("1 5\n".utf8) + [UInt8](repeating: 0x01, count: 5000)
        #expect(!message(noSpace).isEmpty)
    }
}
