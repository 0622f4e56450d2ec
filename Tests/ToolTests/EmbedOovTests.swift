import TestSupport
import Testing

/// What embed-oov does beside making tables: models as files, and words as a filter.
struct EmbedOovTests {
    /// A table and the model saved beside it give unknown words the same vectors, and the model fits nothing again.
    @Test func aModelIsFittedOnce() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let model = directory.file("model"), table = directory.file("table")
        // Vectors as they are, so that a table's words compare with the model's own.
        let plain = ["--storage", "float32", "--no-normalise", "--remove-directions", "0"]
        let first = try await runTool(
            "embed-oov",
            ["--vectors", fixture.vectors, "--unknown", "mimick", "--mimick-epochs", "2", "--save-model", model,
             fixture.vocabulary, "-o", table] + plain)
        #expect(first.status == 0 && first.errors.contains("MIMICK: fitted to"), "\(first.errors)")
        let second = try await runTool(
            "embed-oov", ["--vectors", fixture.vectors, "--model", model, fixture.vocabulary, "-o", table + "2"] + plain)
        #expect(second.status == 0 && !second.errors.contains("fitted to 2"), "\(second.errors)")
        #expect(second.errors.contains("may have been fitted to"), "\(second.errors)")

        let words = Array("the shadow\nstones\n\n unheard-of \u{7FFF}".utf8)
        var printed: [[UInt8]] = []
        for file in [table, table + "2"] {
            let result = try await runTool("embed-oov", ["--model", file, "--words"], input: words)
            #expect(result.status == 0 && result.errors.contains("5 words"), "\(result.errors)")
            printed.append(result.output)
        }
        #expect(printed[0] == printed[1])
        let lines = String(decoding: printed[0], as: UTF8.self).split(separator: "\n")
        #expect(lines.map { $0.split(separator: " ").count } == [13, 13, 13, 13, 13])
        #expect(lines.map { $0.prefix { $0 != " " } } == ["the", "shadow", "stones", "unheard-of", "\u{7FFF}"])
        // The model alone spells every word, the unknown ones alike.
        let alone = try await runTool("embed-oov", ["-q", "--model", model, "--words", "-"], input: words)
        let spelt = String(decoding: alone.output, as: UTF8.self).split(separator: "\n")
        #expect(spelt[0] != lines[0] && Array(spelt[1...]) == Array(lines[1...]))
    }

    /// A pipe can be read once only, whatever it is called.
    @Test(arguments: ["-", "/dev/stdin"]) func aModelThroughAPipe(name: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        try directory.write("words", "the shadow unheard-of\n")
        let words = ["--words", directory.file("words")]
        let expected = try await runTool("embed-oov", ["-q", "--model", fixture.table] + words)
        let piped = try await runShell("cat \(fixture.table) | $BIN/embed-oov -q --model \(name) --words \(words[1])")
        #expect(piped.status == 0 && piped.output == expected.output, "\(piped.errors)")
        #expect(expected.output.split(separator: 0x0A).count == 3)
    }

    @Test func whatDoesNotGoTogether() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let model = directory.file("model"), narrow = directory.file("narrow.vec")
        try directory.write("narrow.vec", "1 2\nthe 1 2\n")
        let saved = try await runTool(
            "embed-oov", ["-q", "--vectors", fixture.vectors, "--save-model", model, fixture.vocabulary])
        try #require(saved.status == 0, "\(saved.errors)")
        let table = directory.file("table")
        for (arguments, status, hint) in [
            (["--words"], 64, "--words needs --model"),
            (["--random", "--vectors", narrow, fixture.vocabulary], 64, "exclude one another"),
            (["--dimension", "5", "--vectors", narrow, fixture.vocabulary], 64, "goes with --random"),
            (["--random", "--dimension", "0", fixture.vocabulary], 64, "from 1 to 65536"),
            (["--model", model, "--words", "--save-model", table], 64, "--words writes no model"),
            (["--model", "-", "--words"], 64, "both come from standard input"),
            (["--vectors", narrow, "--model", model, fixture.vocabulary], 78, "12 numbers"),
            (["--vectors", fixture.vectors, "--unknown", "none", "--save-model", table, fixture.vocabulary], 78,
             "no model to save"),
            (["--model", fixture.vectors, "--words"], 65, "make a table first"),
            (["--model", fixture.tokens, "--words"], 65, fixture.tokens),
            (["--model", directory.file("absent"), "--words"], 66, "absent"),
            (["--vectors", fixture.table, fixture.vocabulary], 65, "--subset"),
            (["--vectors", narrow, fixture.vocabulary], 65, "only 1 words of the vocabulary"),
        ] as [([String], Int, String)] {
            let result = try await runTool("embed-oov", ["-q"] + arguments + ["-o", directory.file("output")])
            #expect(result.status == status && result.errors.contains(hint), "\(arguments): \(result.errors)")
            #expect(!directory.entries().contains("output") && !directory.entries().contains("table"))
        }
    }

    /// A model that belongs to other vectors is used as asked, with a warning.
    @Test func aModelOfOtherVectorsIsNoticed() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        // The same words, each with the vector of another.
        let lines = String(decoding: try contents(of: fixture.vectors), as: UTF8.self).split(separator: "\n").dropFirst()
        let words = lines.map { $0.prefix { $0 != " " } }
        let shifted = zip(words, lines.dropFirst(5) + lines.prefix(5)).map { $0 + $1.drop { $0 != " " } + "\n" }.joined()
        try directory.write("other.vec", shifted)
        let model = directory.file("model")
        _ = try await runTool(
            "embed-oov", ["-q", "--vectors", fixture.vectors, "--save-model", model, fixture.vocabulary])
        for (vectors, isWarned) in [(directory.file("other.vec"), true), (fixture.vectors, false)] {
            let result = try await runTool("embed-oov", ["--vectors", vectors, "--model", model, fixture.vocabulary])
            #expect(result.status == 0 && result.errors.contains("warning: ") == isWarned, "\(result.errors)")
        }
    }

    /// What is asked for changes the vectors, and nothing else does.
    @Test(arguments: [
        (["--unknown", "subwords"],
         [["--subword-words", "22"], ["--subword-minimum", "3"], ["--subword-maximum", "3"], ["--subword-fewest", "1"],
          ["--storage", "float32"], ["--centre"], ["--remove-directions", "1"], ["--no-normalise"]]),
        (["--unknown", "mimick", "--mimick-epochs", "1"],
         [["--mimick-words", "22"], ["--mimick-epochs", "2"], ["--mimick-hidden", "7"], ["--mimick-loss", "cosine"],
          ["--mimick-rate", "0.002"], ["--mimick-frequency-power", "0.5"], ["--seed", "2"], ["--unknown", "cnn"]]),
        (["--random", "--dimension", "5"], [["--dimension", "6"], ["--seed", "2"]]),
    ])
    func everyOptionTakesEffect(options: [String], changes: [[String]]) async throws {
        let fixture = try await Fixture.shared.value
        let source = options.contains("--random") ? [] : ["--vectors", fixture.vectors]
        func printed(_ more: [String]) async throws -> [UInt8] {
            let made = try await runTool("embed-oov", ["-q"] + source + options + more + [fixture.vocabulary])
            #expect(made.status == 0, "\(more): \(made.errors)")
            return try await runTool("embed-oov", ["--print"], input: made.output).output
        }
        let plain = try await printed([])
        #expect(try await printed(["--threads", "1"]) == plain)
        for change in changes { #expect(try await printed(change) != plain, "\(change)") }
    }

    /// Words whose lower case has a vector are counted, where they are a share of the text that matters.
    @Test func lowerCaseIsSuggested() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        func vocabulary(_ text: String, _ options: [String] = []) async throws -> String {
            let path = directory.file("vocabulary")
            let tokens = try await runTool("tokenize", ["-q"] + options, input: Array(text.utf8))
            #expect(try await runTool("build-vocab", ["-q", "-o", path], input: tokens.output).status == 0)
            return path
        }
        func errors(_ vocabulary: String, _ more: [String] = []) async throws -> String {
            try await runTool("embed-oov", ["--vectors", fixture.vectors, "--unknown", "none"] + more + [vocabulary]).errors
        }
        // THE and Dog have vectors in lower case, Shadow has none, and cat has one as it is.
        let mixed = String(repeating: "THE cat sees Dog .\n", count: 10) + "Shadow\n"
        let hint = "2 words (39.2% of the text) have no vector as they are, and have one in lower case: tokenize --lowercase\n"
        let suggested = try await errors(vocabulary(mixed))
        #expect(suggested.contains(hint), "\(suggested)")
        #expect(suggested.contains("\nmost frequent without a pre-trained vector: Dog, THE, Shadow\n"), "\(suggested)")
        #expect(try await !errors(vocabulary("the cat sees a dog .\n")).contains("most frequent"))
        #expect(try await !errors(vocabulary(mixed), ["-q"]).contains("lower case"))
        #expect(try await !errors(vocabulary(mixed, ["--lowercase"])).contains("lower case"))
        // One in a hundred and twenty is not worth a word.
        #expect(try await !errors(vocabulary(String(repeating: "the cat sees a dog .\n", count: 20) + "THE\n")).contains("lower case"))
        let none = try await errors(vocabulary("THE DOG\n"))
        #expect(none.hasSuffix("has a vector for none of the vocabulary's 2 words, and for 2 of them in lower case: tokenize --lowercase\n"), "\(none)")
        let subset = try await runTool("embed-oov", ["--subset", fixture.table, vocabulary(mixed)])
        #expect(subset.errors.hasSuffix(hint), "\(subset.errors)")
    }

    @Test func nothingInCommonIsRefused() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let other = directory.file("other.vec")
        try directory.write("other.vec", "Q 1 2\nR 3 4\n")
        for unknown in ["auto", "none"] {
            let result = try await runTool("embed-oov", ["-q", "--unknown", unknown, "--vectors", other, fixture.vocabulary])
            #expect(result.status == 65 && isOneLine(result.errors, naming: other), "\(result.errors)")
            #expect(result.errors.contains("a vector for none of") && result.output.isEmpty)
        }
    }

    /// Numbers whose squares are infinite make a table of unit vectors as others do.
    @Test(arguments: ["1e20", "3e38", "1e-30"]) func vectorsOfExtremeLength(number: String) async throws {
        let folder = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(folder.path)' && echo 'a b' | $BIN/tokenize -q | $BIN/build-vocab -q -o words
            printf 'a \(number) 0\\nb 0 -\(number)\\n' > vectors
            $BIN/embed-oov -q --unknown none --vectors vectors words -o table && $BIN/embed-oov --print table
            """)
        #expect(result.status == 0 && result.errors == "", "\(result.errors)")
        let row = result.text.split(separator: "\n").dropFirst().first?.split(separator: " ")
        #expect(row?.first == "a" && row?.dropFirst().map { Float($0) } == [1, 0], "\(result.text)")
        #expect(!result.text.contains("nan") && !result.text.contains("inf"))
    }
}
