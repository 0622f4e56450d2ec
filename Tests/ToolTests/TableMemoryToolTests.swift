import TestSupport
import Testing

/// `train --table-memory`.
struct TableMemoryToolTests {
    private let quick = ["--preset", "tiny", "--steps", "20", "--evaluations", "2", "--batch", "4"]

    /// Lines of the log without what depends on the clock and the machine.
    private func timeless(_ log: String) throws -> [String] {
        let names = ["seconds", "evaluationSeconds", "wordsPerSecond", "secondsWaited", "memory", "ceilingShare"]
        return String(decoding: try contents(of: log), as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: ",").filter { field in !names.contains { field.contains("\"\($0)\":") } }.joined(separator: ",")
        }
    }

    /// Words of the table, words that its generator makes, and a table in which all words come twice.
    @Test(arguments: ["float16", "float32", "joined"]) func theModelDoesNotDependOnIt(kind: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let tokens = directory.file("tokens"), table = directory.file("table"), part = directory.file("part")
        let text = try directory.write("text", Fixture.corpus(lines: 300) + "a catlike neighbour sees the roadhouse .\n")
        let storage = kind == "float32" ? "float32" : "float16"
        for (tool, arguments) in [
            ("tokenize", [text, "-o", tokens]),
            ("embed-oov", ["--storage", storage, "--vectors", fixture.vectors, fixture.vocabulary, "-o", table]),
            ("embed-oov", ["--random", "--dimension", "12", fixture.vocabulary, "-o", part]),
        ] {
            let made = try await runTool(tool, ["-q"] + arguments)
            try #require(made.status == 0, "\(made.errors)")
        }
        if kind == "joined" { try directory.write("table", contents(of: table) + contents(of: part)) }
        var models: [[UInt8]] = [], logs: [[String]] = [], reports: [String] = []
        for option in [[], ["--table-memory", "0"], ["--table-memory", "0.25K"], ["--table-memory", "1G"]] {
            let model = directory.file("model"), log = directory.file("log")
            let result = try await runTool("train", quick + option + ["--table", table, "--log", log, tokens, "-o", model])
            try #require(result.status == 0, "\(result.errors)")
            models.append(try contents(of: model))
            logs.append(try timeless(log))
            reports.append(result.errors)
        }
        for index in 1..<models.count { #expect(models[index] == models[0] && logs[index] == logs[0]) }
        #expect(logs[0].count == 20 + 4 && logs[0].contains { $0.contains("\"top10\":") })
        // The words of the text, and marks, of which 5 of 48 bytes find room.
        let stay = reports.map { $0.split(separator: "; ").first { $0.contains("stay in the table's file") } }
        let figures = stay.map { $0?.split(separator: " ").first.flatMap { Int($0) } }
        #expect(figures[0] == nil && figures[3] == nil && reports[0].contains(" 2 others"), "\(reports)")
        let none = try #require(figures[1]), some = try #require(figures[2])
        #expect(none > 20 && some == none - 5, "\(reports)")
    }

    @Test func aDryRunCountsWhatIsKept() async throws {
        let directory = try TemporaryDirectory()
        let tokens = directory.file("tokens"), vocabulary = directory.file("vocabulary"), table = directory.file("table")
        let words = (0..<1000).map { "w\($0)" + ($0 % 10 == 9 ? "\n" : " ") }.joined()
        let text = try directory.write("text", words + words)
        for (tool, arguments) in [
            ("tokenize", ["--whitespace", text, "-o", tokens]), ("build-vocab", [tokens, "-o", vocabulary]),
            ("embed-oov", ["--random", "--dimension", "300", vocabulary, "-o", table]),
        ] {
            let made = try await runTool(tool, ["-q"] + arguments)
            try #require(made.status == 0, "\(made.errors)")
        }
        for (option, kept) in [([], "1.2 MB"), (["--table-memory", "600K"], "0.6 MB"), (["--table-memory", "1"], "0.0 MB")] {
            let result = try await runTool("train", quick + option + ["--dry-run", "--table", table, tokens])
            #expect(result.status == 0, "\(result.errors)")
            let line = result.text.split(separator: "\n").first { $0.hasPrefix("memory, embedding table\t") }
            #expect(line == "memory, embedding table\t\(kept)", "\(result.text)")
        }
    }

    @Test func sizesThatAreNone() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let characters = ["--input", "characters", "--output", "softmax", "--vocab", fixture.vocabulary]
        for (arguments, hint) in [
            (["--table", fixture.table, "--table-memory", "much"], "--table-memory"),
            (["--table", fixture.table, "--table-memory=-1M"], "--table-memory"),
            (characters + ["--table-memory", "1M"], "--table-memory is not used"),
        ] {
            let result = try await runTool("train", quick + arguments + [fixture.tokens, "-o", directory.file("model")])
            #expect(result.status == 64 && isOneLine(result.errors, naming: hint), "\(result.errors)")
            #expect(directory.entries().isEmpty)
        }
    }
}
