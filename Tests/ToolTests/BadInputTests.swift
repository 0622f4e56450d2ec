import Files
import Parallel
import Shards
import TestSupport
import Testing

/// Every kind of bad input to every tool: one clear line on stderr with the file, a status of sysexits.h, no output.
struct BadInputTests {
    static let dataError = 65, noInput = 66, cannotCreate = 73, ioError = 74, configuration = 78

    /// A tool, its arguments before the damaged input, and which file of the fixture is damaged.
    struct Stage: Sendable, CustomTestStringConvertible {
        let tool: String
        let input: @Sendable (Fixture) -> String
        let arguments: @Sendable (Fixture, _ damaged: String) -> [String]
        let testDescription: String

        init(
            _ tool: String, _ what: String, _ input: @escaping @Sendable (Fixture) -> String,
            _ arguments: @escaping @Sendable (Fixture, String) -> [String]
        ) {
            self.tool = tool
            self.input = input
            self.arguments = arguments
            testDescription = "\(tool), \(what)"
        }
    }

    static let stages = [
        Stage("build-vocab", "tokens", \.tokens) { [$1] },
        Stage("build-vocab", "vocabulary", \.vocabulary) { [$1] },
        Stage("embed-oov", "vocabulary", \.vocabulary) { ["--vectors", $0.vectors, $1] },
        Stage("train", "table", \.table) { ["--preset", "tiny", "--table", $1, $0.tokens] },
        Stage("train", "tokens", \.tokens) { ["--preset", "tiny", "--table", $0.table, $1] },
        Stage("encode", "tokens", \.tokens) { ["--model", $0.model, "--table", $0.table, $1] },
        Stage("encode", "table", \.table) { ["--model", $0.model, "--table", $1, $0.tokens] },
        Stage("encode", "model", \.model) { ["--model", $1, "--table", $0.table, $0.tokens] },
    ]

    private func expect(
        _ tool: String, _ arguments: [String], status: Int, naming file: String, in directory: TemporaryDirectory,
        input: [UInt8] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let result = try await runTool(tool, ["-q"] + arguments + ["-o", directory.file("output")], input: input)
        #expect(result.status == status, "\(result.errors)", sourceLocation: sourceLocation)
        #expect(isOneLine(result.errors, naming: file), "\(result.errors)", sourceLocation: sourceLocation)
        #expect(result.errors.hasPrefix("\(tool): "), sourceLocation: sourceLocation)
        #expect(result.output == [], sourceLocation: sourceLocation)
        #expect(!directory.entries().contains { $0.contains("output") }, sourceLocation: sourceLocation)
    }

    @Test(arguments: stages)
    func truncatedInput(stage: Stage) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let whole = try contents(of: stage.input(fixture))
        for count in [whole.count - 1, whole.count - 40, whole.count / 2, 20] {
            let path = try directory.write("cut", Array(whole[..<count]))
            try await expect(
                stage.tool, stage.arguments(fixture, path), status: Self.dataError, naming: path, in: directory)
        }
    }

    @Test(arguments: stages)
    func aFlippedByte(stage: Stage) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let whole = try contents(of: stage.input(fixture))
        for place in [0, 5, 30, whole.count / 3, whole.count / 2, whole.count - 30, whole.count - 1] {
            var bytes = whole
            bytes[place] ^= 0x20
            let path = try directory.write("flipped", bytes)
            try await expect(
                stage.tool, stage.arguments(fixture, path), status: Self.dataError, naming: path, in: directory)
        }
    }

    @Test(arguments: stages)
    func theWrongKind(stage: Stage) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let others = [fixture.encoded, fixture.vectors].filter { $0 != stage.input(fixture) }
        for other in others where !(stage.tool == "encode" && stage.testDescription == "encode, tokens" && other == fixture.vectors) {
            try await expect(
                stage.tool, stage.arguments(fixture, other), status: Self.dataError, naming: other, in: directory)
        }
    }

    @Test(arguments: stages)
    func emptyInput(stage: Stage) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let path = try directory.write("empty", "")
        try await expect(stage.tool, stage.arguments(fixture, path), status: Self.dataError, naming: path, in: directory)
    }

    @Test(arguments: stages)
    func missingInput(stage: Stage) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let path = directory.file("missing")
        try await expect(stage.tool, stage.arguments(fixture, path), status: Self.noInput, naming: path, in: directory)
    }

    @Test(arguments: stages.filter { ["tokens", "vocabulary"].contains { [what = $0.testDescription] in what.hasSuffix($0) } })
    func aFullDisk(stage: Stage) async throws {
        let fixture = try await Fixture.shared.value
        let arguments = stage.arguments(fixture, stage.input(fixture)) + ["-q"]
        let result = try await runTool(stage.tool, arguments + ["-o", "/dev/full"])
        #expect(result.status == Self.ioError)
        #expect(isOneLine(result.errors, naming: "/dev/full"), "\(result.errors)")
        let nowhere = try await runTool(stage.tool, arguments + ["-o", "/no/such/place/output"])
        #expect(nowhere.status == Self.cannotCreate)
        #expect(isOneLine(nowhere.errors, naming: "/no/such/place/output"), "\(nowhere.errors)")
    }

    /// Counts at the end of integers, from vocabularies that no text has: taken where nothing adds them, else refused by name.
    @Test func countsThatAreTooLarge() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("vocabulary")
        func write(_ words: [(String, UInt64)]) throws {
            let output = try OutputFile(path: path, binary: true)
            let writer = try VocabularyShardWriter(output, tool: "test 1", options: [:], pool: WorkerPool(threads: 1))
            for (word, count) in words { try Array(word.utf8).withUnsafeBytes { try writer.append($0, count: count) } }
            try writer.finish()
            try output.commit()
        }
        try write([("xa", 1 << 63), ("ya", 1 << 62)])
        try await expect("build-vocab", ["--bpe", "5", path], status: Self.dataError, naming: path, in: directory)
        let table = try await runTool("embed-oov", ["--random", "--dimension", "4", path, "-o", directory.file("table")])
        #expect(table.status == 0 && table.errors.contains(" 9,223,372,036,854,775,807 "), "\(table.errors)")
        // The same words joined: their sum is more than 2^64.
        _ = try await runShell("cat \(path) \(path) > \(path)2")
        try await expect("build-vocab", [path + "2"], status: Self.dataError, naming: path + "2", in: directory)
        try await expect("embed-oov", ["--random", path + "2"], status: Self.dataError, naming: path + "2", in: directory)
    }

    @Test(arguments: [
        ("empty", [], "no text"),
        ("blank", Array("\n\n  \n".utf8), "no text"),
        ("latin1", Array("fine line\ncaf".utf8) + [0xE9, 0x0A], "line 2: byte 4"),
        ("cut", Array("caf".utf8) + [0xC3], "line 1: byte 4"),
        ("gz", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3], "gzip"),
    ] as [(String, [UInt8], String)])
    func badText(name: String, bytes: [UInt8], hint: String) async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(name, bytes)
        try await expect("tokenize", [path], status: Self.dataError, naming: path, in: directory)
        let result = try await runTool("tokenize", [path, "-o", directory.file("output")])
        #expect(result.errors.contains(hint), "\(result.errors)")
    }

    @Test func oneEnormousLine() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("enormous")
        _ = try await runShell("head -c 80000000 /dev/zero | tr '\\0' a > \(path)")
        try await expect("tokenize", [path], status: Self.dataError, naming: path, in: directory)
    }

    @Test(arguments: [
        ("count too high", "9 2\na 1 2\nb 3 4\n", "9"),
        ("count too low", "1 2\na 1 2\nb 3 4\n", "1"),
        ("not a number", "2 2\nthe nan 2\nb 3 4\n", "line 2"),
        ("short line", "2 2\nthe 1 2\ncat 3\n", "line 3"),
        ("long line", "2 2\nthe 1 2 5\ncat 3 4\n", "line 2"),
        ("not vectors", "this is\nsome text\n", ""),
    ])
    func badVectors(what: String, text: String, place: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let path = try directory.write("bad.vec", text)
        let arguments = ["-q", "--vectors", path, fixture.vocabulary, "-o", directory.file("output")]
        let result = try await runTool("embed-oov", arguments)
        #expect(result.status == Self.dataError, "\(what): \(result.errors)")
        #expect(isOneLine(result.errors, naming: path) && result.errors.contains(place), "\(what): \(result.errors)")
        #expect(directory.entries() == ["bad.vec"])
    }

    @Test func duplicateVectorsAreCountedAndTheFirstWins() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let text = String(decoding: try contents(of: fixture.vectors), as: UTF8.self)
        let lines = text.split(separator: "\n")
        let twice = "\(lines.count) 12\n" + lines.dropFirst().joined(separator: "\n") + "\n"
            + lines[1].split(separator: " ")[0] + String(repeating: " 9", count: 12) + "\n"
        let path = try directory.write("twice.vec", twice)
        let result = try await runTool(
            "embed-oov", ["--vectors", path, fixture.vocabulary, "-o", directory.file("table")])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("duplicate"), "\(result.errors)")
        let printed = try await runTool("embed-oov", ["--print", directory.file("table")])
        #expect(!printed.text.contains(" 9.0 9.0 9.0 9.0"))
    }

    @Test func aTableThatDoesNotBelongToTheModel() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let vectors = try directory.write("other.vec", Fixture.wordVectors(dimension: 8))
        let table = directory.file("table")
        #expect(try await runTool("embed-oov", ["--vectors", vectors, fixture.vocabulary, "-o", table]).status == 0)
        try await expect(
            "encode", ["--model", fixture.model, "--table", table, fixture.tokens], status: Self.configuration,
            naming: table, in: directory)
    }

    /// A log is written in place, so it must never be one of the files that are read or made.
    @Test func aLogThatIsAnotherFileOfTheRun() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let tokens = try directory.write("tokens", contents(of: fixture.tokens))
        let arguments = ["--preset", "tiny", "--steps", "1", "--table", fixture.table, tokens]
        for (log, output) in [
            (tokens, directory.file("output")), (directory.file("output"), directory.file("output")), ("-", "-"),
            (directory.path + "/./output", directory.file("output")),
        ] {
            let result = try await runTool("train", arguments + ["--log", log, "-o", output])
            #expect(result.status == 64 && isOneLine(result.errors, naming: "log"), "\(result.errors)")
        }
        #expect(try contents(of: tokens) == contents(of: fixture.tokens))
        #expect(directory.entries() == ["tokens"])
    }

    @Test(arguments: [
        ["--cell", "1048576", "--projection", "1048576"], ["--layers", "1048576"], ["--window", "65536", "--batch", "256", "--cell", "65536"],
        ["--cell", "0"], ["--batch", "0"], ["--rate", "nan"], ["--steps", "0"], ["--threads", "0"], ["--batch", "1000000000"],
    ])
    func absurdSizes(options: [String]) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        try await expect(
            "train", ["--preset", "tiny", "--table", fixture.table, fixture.tokens] + options, status: 64, naming: "train",
            in: directory)
    }

    @Test func neighboursAmongVectorsOfAnotherModel() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let model = directory.file("model")
        let made = try await runTool(
            "train", ["-q", "--preset", "tiny", "--seed", "9", "--steps", "2", "--table", fixture.table, fixture.tokens, "-o", model])
        #expect(made.status == 0, "\(made.errors)")
        try await expect(
            "encode",
            ["--model", model, "--table", fixture.table, "--neighbours", "2", "--query", "the [cat] sees", fixture.encoded],
            status: Self.configuration, naming: fixture.encoded, in: directory)
    }
}
