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

    /// Every word with its vector, as the form that has both in one place has them.
    @Test(.enabled("numpy is not installed") { try await Python.has("numpy") }) func wordsWithTheirVectors() async throws {
        let folder = try await folder([("vectors.json", ["--format", "json"])])
        let fixture = try await Fixture.shared.value
        let result = try await runShell(
            """
            cd '\(folder.path)' && $BIN/encode -q --model \(fixture.model) --table \(fixture.table) --format npy --tokens tokens.txt \
            text -o vectors.npy
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
        #expect(joined.errors == "" && joined.text == expected.text && joined.text.split(separator: "\n").count == 12)
        #expect(joined.text.hasPrefix("the (3, 32) "))
    }

    /// All forms hold the same numbers, rounded or not.
    @Test(.enabled("numpy is not installed") { try await Python.has("numpy") }, arguments: ["float32", "float16"])
    func arrays(storage: String) async throws {
        let options = ["--storage", storage]
        let folder = try await folder([
            ("vectors.npy", ["--format", "npy"] + options), ("vectors.json", ["--format", "json"]),
            ("vectors", ["--format", "npy-folder"] + options),
        ])
        let arrays = try await Python.run(program("offsets.npy"), in: folder)
        #expect(lines(arrays, 4) == ["0 (7, 3, 32)", "1 (0, 3, 32)", "2 (4, 3, 32)", "3 (1, 3, 32)"])
        let json = try await numbersInJSON(folder)
        #expect(lines(json, 4).allSatisfy { $0.hasSuffix("True True") })
        #expect(zip(sums(arrays), sums(json)).allSatisfy { abs($0 - $1) <= 1e-3 * $1 } && sums(json).count == 4)
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

    @Test(
        .enabled("numpy or lz4.frame is not installed") { try await Python.has("numpy", "lz4.frame") },
        arguments: ["float32", "float16"])
    func shards(storage: String) async throws {
        let folder = try await folder([("one", ["--storage", storage])])
        let one = try contents(of: folder.file("one"))
        try folder.write("vectors.shard", one + one)
        let result = try await Python.run(program("lz4.frame"), in: folder)
        let expected = ["the cat sees the house today . (7, 3, 32)", " (0, 3, 32)", "unheard words , too (4, 3, 32)", "money (1, 3, 32)"]
        #expect(result.errors == "")
        #expect(result.text == (expected + expected).enumerated().map { "\($0.offset) \($0.element)\n" }.joined())
    }

    @Test(.enabled("numpy is not installed") { try await Python.has("numpy") }) func models() async throws {
        let fixture = try await Fixture.shared.value
        let folder = try TemporaryDirectory()
        try folder.write("model.safetensors", contents(of: fixture.model))
        let result = try await Python.run(program("np.memmap"), in: folder)
        let printed = lines(result, 3)
        #expect(printed.contains("forward.layer1.recurrent.weight (16, 128)") && printed.last == "32 16")
    }

    @Test(.enabled("\(Python.path) is not installed") { try await Python.has("json") }) func conversation() async throws {
        let fixture = try await Fixture.shared.value
        let folder = try TemporaryDirectory()
        try folder.write("model.safetensors", contents(of: fixture.model))
        try folder.write("table.shard", contents(of: fixture.table))
        let result = try await Python.run(program("subprocess"), in: folder)
        #expect(result.errors == "")
        #expect(result.text == "['the', 'cat', 'sees', 'the', 'house'] 5 3\n['the', 'bank', 'of', 'the', 'river'] 5 3\n")
    }
}
