import TestSupport
import Testing

/// The lines of docs/python.md, run as they stand there.
struct PythonDocumentTests {
    /// The document's programs, by the module or form that they are about.
    private static func programs() throws -> [String] {
        let text = String(decoding: try contents(of: "docs/python.md"), as: UTF8.self)
        return text.split(separator: "```python\n").dropFirst().compactMap { $0.split(separator: "```").first.map(String.init) }
    }

    private func program(_ part: String) throws -> String {
        try #require(try Self.programs().first { $0.contains(part) }, "no program with \(part)")
    }

    /// A folder with the files that the programs name, of some sentences.
    private func folder(_ formats: [(name: String, arguments: [String])]) async throws -> TemporaryDirectory {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        try directory.write("text", "the cat sees the house today .\n\nunheard words , too\nmoney\n")
        for (name, arguments) in formats {
            let result = try await runTool(
                "encode",
                ["-q", "--model", fixture.model, "--table", fixture.table] + arguments
                    + [directory.file("text"), "-o", directory.file(name)])
            try #require(result.status == 0, "\(result.errors)")
        }
        return directory
    }

    /// The first words of the lines that a program prints.
    private func lines(_ result: ToolResult, _ words: Int) -> [String] {
        #expect(result.status == 0 && result.errors == "", "\(result.errors)")
        return result.text.split(separator: "\n").map { $0.split(separator: " ").prefix(words).joined(separator: " ") }
    }

    /// The sums that programs print at the ends of their lines.
    private func sums(_ result: ToolResult) -> [Double] {
        result.text.split(separator: "\n").compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
    }

    /// JSON's numbers, beside those of the folder of arrays `vectors`: line by line, with their sums.
    private func numbersInJSON(_ folder: TemporaryDirectory) async throws -> ToolResult {
        try await Python.run(
            """
            import json, numpy as n
            for number, line in enumerate(open("vectors.json")):
                vectors = n.array(json.loads(line)["vectors"]).reshape(-1, 3, 32)
                print(number, float(abs(vectors).sum()), n.load(f"vectors/{number}.npy").shape == vectors.shape,
                      abs(n.load(f"vectors/{number}.npy") - vectors).max(initial=0) < 1e-3, abs(vectors).sum())
            """, in: folder)
    }

    /// A new program needs a test here.
    @Test func everyProgramIsRun() throws {
        #expect(try Self.programs().count == 8)
    }

    @Test(.enabled("numpy is not installed") { try await Python.has("numpy") }) func whatGoesIntoTraining() async throws {
        let fixture = try await Fixture.shared.value, folder = try TemporaryDirectory()
        for (name, file) in [("corpus.tok", fixture.tokens), ("vocab.shard", fixture.vocabulary), ("table.shard", fixture.table)] {
            try folder.write(name, contents(of: file))
        }
        let result = try await Python.run(program("contour.Tokens("), in: folder)
        #expect(result.errors == "")
        let lines = result.text.split(separator: "\n")
        #expect(lines.first == "600 sentences; tokenised by penn" && lines.count == 6)
        #expect(lines.dropFirst(3).first == "(12,) (12,)" && lines.dropFirst(4).first == "(2, 12)")
        #expect(lines.dropFirst(2).first?.hasSuffix(" 12 True") == true)
    }

    /// Every word with its vector, as the form that has both in one place has them.
    @Test(.enabled("numpy is not installed") { try await Python.has("numpy") }, arguments: ["float32", "float16"])
    func wordsWithTheirVectors(storage: String) async throws {
        let folder = try await folder([("vectors.json", ["--format", "json"]), ("vectors", ["--format", "npy-folder"])])
        let fixture = try await Fixture.shared.value
        let result = try await runShell(
            """
            cd '\(folder.path)' && $BIN/encode -q --model \(fixture.model) --table \(fixture.table) --format npy --storage \(storage) \
            --tokens tokens.txt text -o vectors.npy
            """)
        #expect(result.status == 0 && result.errors == "", "\(result.errors)")
        let joined = try await Python.run(program("tokens.txt"), in: folder)
        let expected = try await Python.run(
            """
            import json, numpy as n
            for line in open("vectors.json"):
                sentence = json.loads(line)
                for token, vector in zip(sentence["tokens"], n.array(sentence["vectors"], "f4")):
                    print(token, vector.shape, float(abs(vector).sum()))
            """, in: folder)
        #expect(lines(joined, 3) == lines(expected, 3) && lines(joined, 3).count == 12)
        #expect(zip(sums(joined), sums(expected)).allSatisfy { abs($0 - $1) <= 1e-3 * $1 } && sums(joined).count == 12)
        #expect(storage == "float16" || joined.text == expected.text)
        let json = try await numbersInJSON(folder)
        #expect(lines(json, 4).allSatisfy { $0.hasSuffix("True True") } && lines(json, 4).count == 4)
    }

    #if HDF5
    @Test(.enabled("numpy or h5py is not installed") { try await Python.has("numpy", "h5py") }, arguments: ["float32", "float16"])
    func hdf5(storage: String) async throws {
        let folder = try await folder([
            ("vectors.hdf5", ["--format", "hdf5", "--storage", storage]), ("vectors.json", ["--format", "json"]),
            ("vectors", ["--format", "npy-folder"]),
        ])
        let file = try await Python.run(program("h5py"), in: folder), json = try await numbersInJSON(folder)
        #expect(lines(file, 4) == ["0 (3, 7, 32)", "1 (3, 0, 32)", "2 (3, 4, 32)", "3 (3, 1, 32)"])
        #expect(zip(sums(file), sums(json)).allSatisfy { abs($0 - $1) <= 1e-3 * $1 })
        #expect(sums(file).count == 4 && sums(json).count == 4)
    }
    #endif

    @Test(.enabled("numpy is not installed") { try await Python.has("numpy") }, arguments: ["float32", "float16"])
    func shards(storage: String) async throws {
        let folder = try await folder([("one", ["--storage", storage])])
        let one = try contents(of: folder.file("one"))
        try folder.write("vectors.shard", one + one)
        let result = try await Python.run(program("contour.Vectors("), in: folder)
        let expected = ["(7, 3, 32) the cat sees the house today .", "(0, 3, 32) ", "(4, 3, 32) unheard words , too", "(1, 3, 32) money"]
        #expect(result.errors == "")
        #expect(result.text == "8 3 32\n" + (expected + expected).map { "\($0)\n" }.joined())
    }

    @Test(.enabled("numpy is not installed") { try await Python.has("numpy") }) func models() async throws {
        let result = try await Python.run(program("contour.Model("), in: modelFolder())
        #expect(result.errors == "")
        #expect(result.text.hasPrefix("lstm ['forward', 'backward'] 32 2\nmode=penn"))
        #expect(result.text.contains("\nforward.layer1.recurrent.weight (16, 128)\n"))
    }

    @Test(.enabled("\(Python.path) is not installed") { try await Python.has("json") }) func conversation() async throws {
        let result = try await Python.run(program("subprocess"), in: modelFolder())
        #expect(result.errors == "")
        #expect(result.text == "['the', 'cat', 'sees', 'the', 'house'] 5 3\n['the', 'bank', 'of', 'the', 'river'] 5 3\n")
    }

    @Test(.enabled("PyTorch is not installed for \(Python.torchPath); PYTHON names another Python") { try await Python.hasTorch() })
    func encoders() async throws {
        let folder = try await modelFolder()
        let encoded = try await Python.runTorch(program("encoder(sentences)\nprint"), in: folder)
        #expect(encoded.errors == "" && encoded.text == "(3, 2, 5, 32)\n[5, 1]\n(5, 3, 32)\n")
        let tuned = try await Python.runTorch(program("ScalarMix"), in: folder)
        #expect(tuned.errors == "" && tuned.text == "True\n")
        // What was trained in PyTorch serves the tools.
        let mixed = try await runShell(
            """
            cd '\(folder.path)' && echo 'a dog sees the house' |
            "$BIN/encode" -q --model tuned.safetensors --table table.shard --mix mix.json --format json -
            """)
        #expect(mixed.errors == "" && mixed.text.hasPrefix("{\"tokens\":"))
    }

    /// A folder with the fixture's model and table.
    private func modelFolder() async throws -> TemporaryDirectory {
        let fixture = try await Fixture.shared.value, folder = try TemporaryDirectory()
        try folder.write("model.safetensors", contents(of: fixture.model))
        try folder.write("table.shard", contents(of: fixture.table))
        return folder
    }
}
