import Encoding
import Files
import Parallel
import Shards
import TestSupport
import Testing

struct VectorWriterTests {
    static let sentences = [
        SentenceVectors(words: ["a\"b", "ü"], values: [1, 2, 3, 4, 5, 6, 7, 8]), SentenceVectors(words: [], values: []),
        SentenceVectors(words: ["c"], values: [0.5, -1, 0, 9]),
    ]

    func written(_ name: String, _ write: (OutputFile) throws -> Void) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file(name), binary: true)
        try write(output)
        try output.commit()
        return try contents(of: directory.file(name))
    }

    @Test func jsonLines() throws {
        let bytes = try written("json") { output in
            let writer = JSONVectorWriter(output, layers: 2, width: 2)
            for sentence in Self.sentences { try writer.append(sentence) }
            try writer.finish()
        }
        #expect(
            String(decoding: bytes, as: UTF8.self) == #"""
                {"tokens": ["a\"b", "ü"], "vectors": [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]}
                {"tokens": [], "vectors": []}
                {"tokens": ["c"], "vectors": [[[0.5, -1.0], [0.0, 9.0]]]}

                """#)
    }

    /// The header of numpy's format 1.0, byte by byte, and the numbers behind it.
    @Test func numpyArrays() throws {
        let directory = try TemporaryDirectory()
        let offsets = try OutputFile(path: directory.file("offsets"), binary: true)
        let bytes = try written("npy") { output in
            let writer = try NpyVectorWriter(output, offsets: offsets, layers: 2, width: 2)
            for sentence in Self.sentences { try writer.append(sentence) }
            try writer.finish()
            try offsets.commit()
        }
        #expect(bytes.prefix(10) == [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0])
        let header = String(decoding: bytes[10..<128], as: UTF8.self)
        #expect(header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, 2, ), }") && header.hasSuffix(" \n"))
        let values = bytes[128...].withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        #expect(values == Self.sentences.flatMap(\.values))
        let ends = try contents(of: directory.file("offsets"))[128...].withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
        #expect(ends == [0, 2, 2, 3])
    }
}

struct NeighbourSearchTests {
    @Test func theNearestAreFoundOnceASentence() {
        var search = NeighbourSearch(query: [1, 0], count: 2)
        let sentences = [
            SentenceVectors(words: ["a", "b"], values: [0, 1, 1, 1]), SentenceVectors(words: ["c", "d"], values: [2, 0, 3, 0.1]),
            SentenceVectors(words: ["e"], values: [-1, 0]), SentenceVectors(words: ["c", "d"], values: [2, 0, 3, 0.1]),
        ]
        for sentence in sentences { search.look(at: sentence, layer: 0, layers: 1) }
        #expect(search.neighbours.map(\.marked) == ["[c] d", "a [b]"])
        #expect(abs(search.neighbours[1].cosine - 0.5.squareRoot()) < 1e-6)
    }

    @Test(arguments: ["no mark", "two [marked] [words]", "[]", ""])
    func aQueryMarksExactlyOneWord(text: String) {
        #expect(throws: ToolError.self) { try MarkedSentence.parse(text) }
    }

    @Test func aMarkedWordIsFound() throws {
        #expect(try MarkedSentence.parse("the [bank] of") == MarkedSentence.parse(" the  [bank] of "))
        let parsed = try MarkedSentence.parse("the [bank] of")
        #expect(parsed.words == ["the", "bank", "of"] && parsed.position == 1)
    }
}
