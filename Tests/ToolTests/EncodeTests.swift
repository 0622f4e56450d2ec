import Files
import Parallel
import Shards
import TestSupport
import Testing

/// What encode takes and gives beyond the plain pipeline.
struct EncodeTests {
    private func encode(_ arguments: [String], input: String = "", fixture: Fixture) async throws -> ToolResult {
        try await runTool("encode", ["-q", "--model", fixture.model, "--table", fixture.table] + arguments, input: Array(input.utf8))
    }

    @Test func everyFormKeepsEmptyLines() async throws {
        let fixture = try await Fixture.shared.value
        let text = "the cat sees the house\n\nmoney\n"
        let lines = try await encode(["--format", "text", "--layers", "0"], input: text, fixture: fixture)
        #expect(lines.status == 0, "\(lines.errors)")
        let words = lines.text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.split(separator: " ") }
        #expect(words.map { $0.first.map(String.init) ?? "" } == ["the", "cat", "sees", "the", "house", "", "", "money", "", ""])
        #expect(words.allSatisfy { $0.isEmpty || $0.count == 33 })
        let pooled = try await encode(["--format", "json", "--pool", "mean", "--layers", "top"], input: text, fixture: fixture)
        let objects = pooled.text.split(separator: "\n")
        #expect(objects.count == 3 && objects[0].hasPrefix("{\"tokens\": [\"the cat sees the house\"], \"vectors\": [[["))
        #expect(objects[1].hasPrefix("{\"tokens\": [\"\"], \"vectors\": [[[0.0, 0.0, "))
    }

    /// The tokens beside the vectors are the same in every form and manner of running, and as many as the vectors, line by line.
    @Test func tokensStandBesideEveryForm() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let long = String(repeating: "the cat ", count: 700)
        let text = try directory.write("text", "the cat\u{A0}sees  the house, too\n\n \t \nunheard words\u{3000}x\n\(long)\n")
        let expected = "the cat sees the house , too\n\n\nunheard words x\n\(long.dropLast())\n"
        var runs = ["shard", "npy", "npy-folder", "json", "text"].map { ["--format", $0] }
        runs += [["--stateful"], ["--pool", "mean"], ["--pool", "max", "--format", "npy"], ["--threads", "1"]]
        #if HDF5
        runs.append(["--format", "hdf5"])
        #endif
        for arguments in runs {
            let tokens = directory.file("tokens"), vectors = directory.file("vectors")
            let result = try await encode(arguments + ["--tokens", tokens, text, "-o", vectors], fixture: fixture)
            #expect(result.status == 0 && result.errors == "", "\(arguments): \(result.errors)")
            #expect(String(decoding: try contents(of: tokens), as: UTF8.self) == expected, "\(arguments)")
            if arguments.last == "npy" {
                let rows = arguments.count > 2 ? 5 : 1410
                #expect(String(decoding: try contents(of: vectors)[..<128], as: UTF8.self).contains("'shape': (\(rows), "))
            }
            _ = try await runShell("rm -r '\(tokens)' '\(vectors)'")
        }
        let spaced = try await encode(["--whitespace", "--tokens", "-", text, "-o", directory.file("v")], fixture: fixture)
        #expect(spaced.text == expected.replacing("house , too", with: "house, too"))
        // Inputs of both kinds, one after the other, with vectors to a pipe.
        let joined = try await encode(["--format", "json", "--tokens", directory.file("t"), text, fixture.tokens], fixture: fixture)
        let lines = String(decoding: try contents(of: directory.file("t")), as: UTF8.self)
        #expect(lines == expected + Fixture.corpus(lines: 600))
        #expect(joined.text.split(separator: "\n").count == 605)
    }

    /// A shard of every line gives a sentence a line, as the text does; training on it is training on the text.
    @Test func shardsOfEveryLineCorrespondToTheirText() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let long = String(repeating: "the cat ", count: 700)
        let text = try directory.write("text", "the cat sees\n\n\(long)\nmoney\n\n")
        let shard = directory.file("shard"), plain = directory.file("plain")
        let made = try await runTool("tokenize", ["--every-line", text, "-o", shard])
        #expect(made.status == 0 && made.errors.contains("5 sentences, 1,404 tokens, 2 empty lines kept"), "\(made.errors)")
        #expect(try await runTool("tokenize", ["--max-length", "5000", "-q", text, "-o", plain]).status == 0)
        let printed = try await runTool("tokenize", ["--print", shard])
        #expect(printed.text == "the cat sees\n\n\(long.dropLast())\nmoney\n\n")
        let ofText = try await encode(["--format", "json", text], fixture: fixture)
        let ofShard = try await encode(["--format", "json", shard], fixture: fixture)
        #expect(ofText.status == 0 && ofText.text == ofShard.text && ofShard.text.split(separator: "\n").count == 5, "\(ofShard.errors)")
        var models: [[UInt8]] = []
        for tokens in [shard, plain] {
            let result = try await runTool(
                "train", ["--preset", "tiny", "--batch", "2", "--steps", "3", "--held-out-every", "0", "-q", "--table", fixture.table, tokens, "-o",
                    directory.file("model")])
            #expect(result.status == 0, "\(result.errors)")
            // The header names the shards and their options.
            models.append(Array(try contents(of: directory.file("model")).suffix(40_000)))
        }
        #expect(models[0] == models[1])
        let both = try await runTool("tokenize", ["--every-line", "--max-length", "7", text, "-o", shard])
        #expect(both.status == 64 && isOneLine(both.errors, naming: "--every-line"), "\(both.errors)")
    }

    /// Of vectors and tokens both appear, or neither.
    @Test func tokensAppearWithTheirVectors() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let output = ["-o", directory.file("v.npy")]
        for (arguments, status, message) in [
            (["--tokens", "/dev/full"] + output, 74, "/dev/full: cannot write"),
            (["--tokens", directory.file("missing/t")] + output, 73, "missing/t"),
            (["--tokens", directory.file("v.npy")] + output, 64, "same file"),
            (["--tokens", directory.file("./v.offsets.npy"), "--format", "npy"] + output, 64, "same file"),
            (["--tokens", "-"], 64, "same file, standard output"),
            (["--tokens", directory.file("t"), "--layers", "3"] + output, 64, "layers"),
        ] {
            let result = try await encode(arguments + [fixture.text], fixture: fixture)
            #expect(result.status == status && isOneLine(result.errors, naming: message), "\(result.status) \(result.errors)")
            #expect(result.output == [] && directory.entries() == [])
        }
    }

    /// What will be taken is said, and what there is no room for is not begun.
    @Test func theDiskIsLookedAt() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let output = directory.file("v.npy"), arguments = ["--model", fixture.model, "--table", fixture.table, "--format", "npy"]
        let result = try await runTool("encode", arguments + [fixture.text, "-o", output])
        let size = try contents(of: output).count + contents(of: directory.file("v.offsets.npy")).count
        let line = try #require(result.errors.split(separator: "\n").first.map(String.init))
        let numbers = line.filter { $0 != "," }.split(separator: " ").compactMap { Int($0) }
        #expect(numbers.first == size && line.hasPrefix("output: ") && line.hasSuffix(" are free"), "\(line)")
        for (more, input) in [(["-o", "/dev/null", "--format", "json"], fixture.text), (["-o", output], "-"), (["-q", "-o", output], fixture.text)] {
            let result = try await runTool("encode", arguments + more + [input], input: Array("the cat\n".utf8))
            #expect(result.status == 0 && !result.errors.contains("output: "), "\(result.errors)")
        }
        // Nothing is said before a refusal, and of which output the size is if the vectors go elsewhere.
        for (arguments, complaint) in [
            (["--model", fixture.model, "--table", fixture.table, "--layers", "7"], "7"),
            (["--model", fixture.model, "--table", fixture.model], fixture.model),
            (["--model", fixture.model, "--table", fixture.table, directory.file("missing")], "missing"),
        ] {
            let refused = try await runTool("encode", arguments + [fixture.text, "-o", directory.file("refused")])
            #expect(refused.status != 0 && isOneLine(refused.errors, naming: complaint), "\(refused.errors)")
        }
        let tokens = directory.file("tokens")
        let piped = try await runTool("encode", ["--model", fixture.model, "--table", fixture.table, "--tokens", tokens, fixture.text])
        #expect(piped.errors.hasPrefix("output to \(tokens) alone: "), "\(piped.errors)")
        _ = try await runShell("rm \(tokens)")
        // A text with holes, whose vectors no disk has room for: nothing is begun.
        let full = try await runShell(
            """
            cd '\(directory.path)' && yes 'the cat' | head -c 1M > text; truncate -s 4T text && exec $BIN/encode \
            \(arguments.joined(separator: " ")) text -o none.npy
            """)
        #expect(full.status == 73 && isOneLine(full.errors, naming: "none.npy: will take about "), "\(full.errors)")
        #expect(directory.entries() == ["text", "v.npy", "v.offsets.npy"])
    }

    /// The state of the sentence before shows with --stateful, and only then.
    @Test func stateIsCarriedOnRequest() async throws {
        let fixture = try await Fixture.shared.value
        let sentence = "the cat sees the house\n", format = ["--format", "json", "--layers", "top"]
        let fresh = try await encode(format, input: sentence + sentence, fixture: fixture).text.split(separator: "\n")
        let carried = try await encode(format + ["--stateful"], input: sentence + sentence, fixture: fixture).text.split(separator: "\n")
        #expect(fresh[0] == fresh[1] && carried[0] == fresh[0] && carried[1] != carried[0])
        let one = try await encode(format + ["--stateful", "--threads", "1"], input: sentence + sentence, fixture: fixture)
        #expect(one.text.split(separator: "\n") == carried)
    }

    /// Sentences of any length, in one line or in pieces; words of any length.
    @Test func longSentencesAndWords() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let count = 30_000, long = String(repeating: "x", count: 10_000)
        let text = try directory.write("long", String(repeating: "the ", count: count) + long + "\nthe cat\n")
        let result = try await encode(["--layers", "all", text, "-o", directory.file("v")], fixture: fixture)
        #expect(result.status == 0, "\(result.errors)")
        let reader = try VectorShardReader(FileSource(path: directory.file("v")), pool: WorkerPool(threads: 1))
        let first = try #require(try reader.next()), second = try #require(try reader.next())
        #expect(first.words.count == count + 1 && first.words.last == long && first.values.count == (count + 1) * 96)
        #expect(second.words == ["the", "cat"])
    }

    /// Neighbours are looked for among vectors of one model, one table and whole layers, in every part of a joined shard.
    @Test func shardsThatCannotBeSearched() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let other = directory.file("other.table")
        let made = try await runTool("embed-oov", ["-q", "--random", "--dimension", "12", fixture.vocabulary, "-o", other])
        try #require(made.status == 0, "\(made.errors)")
        let model = ["-q", "--model", fixture.model, "--layers", "top", fixture.tokens]
        for (name, arguments) in [
            ("top", ["--table", fixture.table]), ("pooled", ["--table", fixture.table, "--pool", "mean"]),
            ("others", ["--table", other, "--other-table"]),
        ] {
            let result = try await runTool("encode", model + arguments + ["-o", directory.file(name)])
            try #require(result.status == 0, "\(result.errors)")
        }
        let search = ["--neighbours", "2", "--query", "the [cat] sees"]
        for (second, message) in [("pooled", "top layer"), ("others", "another table")] {
            let joined = try directory.write("joined", contents(of: directory.file("top")) + contents(of: directory.file(second)))
            for path in [joined, directory.file(second)] {
                let result = try await encode(search + [path], fixture: fixture)
                #expect(result.status == 78 && isOneLine(result.errors, naming: path) && result.errors.contains(message), "\(result.errors)")
            }
        }
        #expect(try await encode(search + [directory.file("top")], fixture: fixture).status == 0)
        let measured = try await runTool("bench", ["int8", "--model", fixture.model, "--table", other, fixture.tokens])
        #expect(measured.status == 78 && isOneLine(measured.errors, naming: other), "\(measured.errors)")
    }

    /// A shard that was tokenised otherwise than the training text is encoded, with a warning.
    @Test func aShardOfOtherTokens() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let tokens = directory.file("tokens")
        #expect(try await runTool("tokenize", ["-q", "--lowercase", fixture.text, "-o", tokens]).status == 0)
        for (path, isWarned) in [(tokens, true), (fixture.tokens, false)] {
            let result = try await runTool(
                "encode", ["--model", fixture.model, "--table", fixture.table, path, "-o", directory.file("v")])
            #expect(result.status == 0 && result.errors.contains("warning: \(path): was tokenised with mode=penn") == isWarned, "\(result.errors)")
        }
    }

    /// A name out of a file takes no second line and moves no cursor.
    @Test func namesInMessages() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let mix = try directory.write("mix", "{\"weights\": [1, 1, 1], \"a\\nb\\u001b[31m\": 1}")
        let result = try await encode(["--mix", mix, fixture.text, "-o", directory.file("v")], fixture: fixture)
        #expect(result.status == 65 && isOneLine(result.errors, naming: mix), "\(result.errors)")
        #expect(result.errors.contains("a\\u{a}b\\u{1b}[31m"), "\(result.errors)")
    }

    /// NumPy's arrays begin with their size: to what cannot be written again nothing is written at all.
    @Test(arguments: ["/dev/null", "/dev/stdout"])
    func numpyNeedsAFile(path: String) async throws {
        let fixture = try await Fixture.shared.value
        let result = try await encode(["--format", "npy", fixture.text, "-o", path], fixture: fixture)
        #expect(result.status == 64 && isOneLine(result.errors, naming: path) && result.output == [], "\(result.errors)")
    }

    @Test func int8IsNear() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        for (name, flags) in [("exact", []), ("bytes", ["--int8"])] {
            let result = try await encode(flags + ["--layers", "top", fixture.tokens, "-o", directory.file(name)], fixture: fixture)
            #expect(result.status == 0, "\(result.errors)")
        }
        func reader(_ name: String) throws -> VectorShardReader {
            try VectorShardReader(FileSource(path: directory.file(name)), pool: WorkerPool(threads: 1))
        }
        let exact = try reader("exact"), bytes = try reader("bytes")
        #expect(bytes.header.fields["precision"] == "int8" && exact.header.fields["precision"] == nil)
        let one = try #require(try exact.next()), other = try #require(try bytes.next())
        func dot(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
        let cosine = dot(one.values, other.values) / (dot(one.values, one.values) * dot(other.values, other.values)).squareRoot()
        #expect(cosine > 0.99 && one.values != other.values)
    }

    @Test func whatBytesGainAndCostIsMeasured() async throws {
        let fixture = try await Fixture.shared.value
        let arguments = ["int8", "--model", fixture.model, "--table", fixture.table, "--sentences", "20", "--rounds", "2"]
        let result = try await runTool("bench", arguments + ["-q", "--json", "-", fixture.tokens])
        #expect(result.status == 0 && result.errors == "", "\(result.errors)")
        for name in ["\"event\":\"quantized-encoding\"", "\"cosines\":[{", "\"ratio\":{", "\"words\":"] { #expect(result.text.contains(name)) }
        let none = try await runTool("bench", ["int8", "--model", fixture.model, fixture.tokens])
        #expect(none.status == 64 && isOneLine(none.errors, naming: "--table"), "\(none.errors)")
    }

    @Test func howManyWordsHadNoVectorOfTheirOwn() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let text = try directory.write("text", "the unheard cat unheard\n")
        let result = try await runTool(
            "encode", ["--model", fixture.model, "--table", fixture.table, text, "-o", directory.file("v")])
        #expect(result.errors.contains("1 sentences, 4 tokens, 2 of them with vectors from the table's generator, 0 with none"), "\(result.errors)")
    }

    /// A full disk: one line, and nothing left behind, in every form that has files.
    @Test(arguments: ["shard", "npy", "npy-folder", "hdf5", "json", "text"])
    func aFullDisk(format: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let output = directory.file("output")
        // One sentence of an npy folder must be over the limit, too.
        let text = try directory.write("text", String(repeating: "the cat ", count: 300) + "\n")
        let arguments = "-q --model \(fixture.model) --table \(fixture.table) --format \(format) -o \(output)"
        let result = try await runShell("ulimit -f 8; exec $BIN/encode \(arguments) \(text) \(text)")
        #if !HDF5
        guard format != "hdf5" else { return #expect(result.status == 69 && isOneLine(result.errors, naming: "libhdf5-dev")) }
        #endif
        #expect(result.status == 74 && isOneLine(result.errors, naming: "output"), "\(result.status) \(result.errors)")
        #expect(directory.entries() == ["text"])
    }

    #if HDF5
    private static let formsOfFiles = ["npy", "npy-folder", "hdf5"]
    #else
    private static let formsOfFiles = ["npy", "npy-folder"]
    #endif

    /// SIGTERM in the middle of the vectors leaves nothing behind.
    @Test(arguments: formsOfFiles)
    func interrupted(format: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(directory.path)' && mkfifo pipe
            $BIN/encode -q --model \(fixture.model) --table \(fixture.table) --format \(format) --stateful -o output pipe & tool=$!
            yes 'the cat sees the house' > pipe & text=$!
            await $tool filled '.output.*.tmp .output.*.tmp/0.npy'
            kill -TERM $tool; wait $tool; status=$?
            kill $text 2>/dev/null; exit $status
            """)
        #expect(result.status == 143, "\(result.status) \(result.errors)")
        #expect(directory.entries() == ["pipe"])
    }

    @Test(arguments: [
        (["--layers", "3"], 64, "the model has the layers 0"), (["--layers", "mean"], 64, "layers"), (["--mix", "MIX", "--layers", "top"], 64, "--mix"),
        (["--format", "json", "--storage", "float16"], 64, "--storage"), (["--format", "npy", "--line-buffered", "-o", "x"], 64, "--line-buffered"),
        (["--format", "hdf5"], 64, "-o FILE"), (["--format", "npy-folder"], 64, "-o FOLDER"), (["--mix", "MIX"], 64, "weights for 2 layers"),
        (["--mix", "TEXT"], 65, "TEXT: is not a JSON object"), (["--mix", "NOTHING"], 66, "NOTHING"), (["--convert"], 64, "--convert needs"),
        (["--elmo-options", "x"], 64, "need each other"), (["--elmo-options", "x", "--elmo-weights", "y"], 64, "exclude each other"),
        (["--format", "npy-folder", "-o", "FULL"], 73, "FULL"), (["--format", "npy-folder", "-o", "NOTHING/x"], 73, "NOTHING/x"),
        (["--format", "npy-folder", "-o", ""], 73, "the name of the output is empty"),
        (["--neighbours", "2", "--query", "the [cat]", "--format", "json"], 64, "--neighbours"),
        (["--neighbours", "2", "--query", "the [cat]", "--stateful"], 64, "--neighbours"), (["--print", "--pool", "mean"], 64, "--print"),
    ])
    func choicesThatCannotBe(arguments: [String], status: Int, message: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        try directory.write("MIX", "{\"weights\": [1, 2]}")
        try directory.write("TEXT", "the cat\n")
        _ = try await runShell("mkdir '\(directory.file("FULL"))' && touch '\(directory.file("FULL/x"))'")
        let names = ["MIX", "TEXT", "NOTHING", "FULL"]
        let paths = arguments.map { word in names.contains { word.hasPrefix($0) } ? directory.file(word) : word }
        let before = directory.entries()
        let result = try await encode(paths + [fixture.text], fixture: fixture)
        #expect(result.status == status && isOneLine(result.errors, naming: message), "\(result.status) \(result.errors)")
        #expect(result.output == [] && directory.entries() == before)
    }
}
