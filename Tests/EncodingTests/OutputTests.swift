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

    /// What a form makes of the sentences, whole and token by token: the same bytes.
    func written(_ make: (OutputFile) throws -> any VectorWriter) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        let texts = try ["whole", "pieces"].map { name in
            let output = try OutputFile(path: directory.file(name), binary: true)
            let writer = try make(output)
            for sentence in Self.sentences {
                guard name == "pieces" else {
                    try writer.append(sentence)
                    continue
                }
                try writer.begin(sentence.words)
                for start in stride(from: 0, to: sentence.values.count, by: 4) {
                    try writer.append(Array(sentence.values[start..<start + 4]), tokens: 1)
                }
                try writer.end()
            }
            try writer.finish()
            try output.commit()
            return try contents(of: directory.file(name))
        }
        #expect(texts[0] == texts[1])
        return texts[0]
    }

    @Test func jsonLines() throws {
        let bytes = try written { JSONVectorWriter($0, VectorLayout(layers: 2, width: 2)) }
        #expect(
            String(decoding: bytes, as: UTF8.self) == #"""
                {"tokens": ["a\"b", "ü"], "vectors": [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]}
                {"tokens": [], "vectors": []}
                {"tokens": ["c"], "vectors": [[[0.5, -1.0], [0.0, 9.0]]]}

                """#)
    }

    @Test func textLines() throws {
        let bytes = try written { TextVectorWriter($0, VectorLayout(layers: 2, width: 2)) }
        #expect(String(decoding: bytes, as: UTF8.self) == "a\"b 1.0 2.0 3.0 4.0\nü 5.0 6.0 7.0 8.0\n\n\nc 0.5 -1.0 0.0 9.0\n\n")
    }

    /// The header of numpy's format 1.0, byte by byte, and the numbers behind it.
    @Test func numpyArrays() throws {
        let directory = try TemporaryDirectory()
        var number = 0
        let bytes = try written { output in
            number += 1
            let offsets = try OutputFile(path: directory.file("offsets\(number)"), binary: true, grows: true)
            return try NpyVectorWriter(output, offsets: offsets, VectorLayout(layers: 2, width: 2))
        }
        #expect(bytes.prefix(10) == [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0])
        let header = String(decoding: bytes[10..<128], as: UTF8.self)
        #expect(header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, 2, ), }") && header.hasSuffix(" \n"))
        let values = bytes[128...].withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        #expect(values == Self.sentences.flatMap(\.values))
    }

    @Test func numpyHalvesAndOffsets() throws {
        let directory = try TemporaryDirectory()
        let offsets = try OutputFile(path: directory.file("offsets"), binary: true)
        let output = try OutputFile(path: directory.file("v"), binary: true)
        let writer = try NpyVectorWriter(output, offsets: offsets, VectorLayout(layers: 2, width: 2, storage: .float16))
        for sentence in Self.sentences { try writer.append(sentence) }
        #expect(throws: ToolError.self) {
            try writer.append(SentenceVectors(words: ["large"], values: [1, 70_000, 1, 1]))
        }
        try writer.end()
        try writer.finish()
        try output.commit()
        try offsets.commit()
        let bytes = try contents(of: directory.file("v"))
        #expect(String(decoding: bytes[10..<128], as: UTF8.self).hasPrefix("{'descr': '<f2', 'fortran_order': False, 'shape': (3, "))
        let halves = bytes[128...].withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) }
        #expect(halves.map(HalfFloat.value) == Self.sentences.flatMap(\.values))
        let ends = try contents(of: directory.file("offsets"))[128...].withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
        #expect(ends == [0, 2, 2, 3, 4])
    }

    @Test func aFolderOfArrays() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("arrays")
        let folder = try OutputFolder(path: path + "/", suffix: ".npy")
        let writer = NpyFolderWriter(folder, VectorLayout(layers: 2, width: 2))
        for sentence in Self.sentences { try writer.append(sentence) }
        writer.finish()
        #expect(throws: (any Error).self) { try contents(of: path + "/0.npy") }
        try folder.commit()
        for (index, sentence) in Self.sentences.enumerated() {
            let bytes = try contents(of: "\(path)/\(index).npy")
            #expect(String(decoding: bytes[10..<128], as: UTF8.self).contains("'shape': (\(sentence.words.count), 2, 2, )"))
            #expect(bytes[128...].withUnsafeBytes { Array($0.bindMemory(to: Float.self)) } == sentence.values)
        }
        // A folder with something in it is left alone, an empty one replaced; what is not committed goes.
        #expect(throws: ToolError.self) { try OutputFolder(path: path, suffix: ".npy") }
        do {
            let another = try OutputFolder(path: directory.file("other"), suffix: ".npy")
            for _ in 0..<12 { _ = try another.next() }
        }
        #expect(directory.entries() == ["arrays"])
    }

    @Test func sentencesArePooled() throws {
        for (pooling, expected) in [(PoolingWriter.Pooling.mean, [3, 4, 5, 6] as [Float]), (.max, [5, 6, 7, 8])] {
            var results: [SentenceVectors] = []
            let writer = PoolingWriter(SentenceCollector { results.append($0) }, pooling, VectorLayout(layers: 2, width: 2))
            for sentence in Self.sentences { try writer.append(sentence) }
            #expect(results.map(\.words) == [["a\"b ü"], [""], ["c"]])
            #expect(results.map(\.values) == [expected, [0, 0, 0, 0], [0.5, -1, 0, 9]])
        }
    }

    /// Weights are numbers, and what they make may be none.
    @Test func whatIsNoNumberIsRefused() throws {
        let writer = FiniteVectors(SentenceCollector { _ in }, of: "my.model")
        try writer.append(SentenceVectors(words: ["a"], values: [1, -2]))
        for value in [Float.nan, .infinity] {
            let error = #expect(throws: ToolError.self) { try writer.append(SentenceVectors(words: ["b"], values: [1, value])) }
            #expect(error?.status == .dataError && error?.description.hasPrefix("my.model: sentence ") == true)
        }
    }

    /// Of negative numbers the largest is negative.
    @Test func theLargestOfNegativeNumbers() throws {
        var result: [Float] = []
        let writer = PoolingWriter(SentenceCollector { result = $0.values }, .max, VectorLayout(layers: 1, width: 2))
        try writer.append(SentenceVectors(words: ["a", "b"], values: [-3, -1, -2, -4]))
        #expect(result == [-2, -1])
    }
}

struct LayerMixTests {
    private func mix(_ text: String) throws -> LayerMix {
        let directory = try TemporaryDirectory()
        return try LayerMix(path: directory.write("mix", text))
    }

    @Test func aFileOfWeights() throws {
        let mix = try mix("{\"gamma\": 1.5, \"weights\": [0.25, -1]}\n")
        #expect(mix.weights == [0.25, -1] && mix.gamma == 1.5)
        #expect(try self.mix("{\"weights\":[1]}").gamma == 1)
    }

    @Test(arguments: [
        "", "[1]", "{}", "{\"weights\": []}", "{\"weights\": [\"a\"]}", "{\"weights\": [1], \"gama\": 1}",
        "{\"weights\": [1], \"gamma\": null, \"x\": 0}", "{\"weights\": [1e300]}", "{\"weights\": [1], \"gamma\": \"1\"}", "{\"weights\": [1]", "\u{0}",
        "{\"weights\": [1], \"weights\": [2]}",
    ])
    func noMix(text: String) {
        let error = #expect(throws: ToolError.self) { try mix(text) }
        #expect(error?.status == .dataError && error?.description.contains("mix: ") == true)
    }
}
