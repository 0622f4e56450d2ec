import Glibc
import TestSupport
import Testing

/// The tools together, as people chain them.
struct PipelineTests {
    /// The quickstart's whole chain, from WordNet's text to neighbours and the picture, on a few thousand lines.
    @Test(
        .enabled(if: isInstalled("fasttext") && isInstalled("gnuplot"), "fasttext or gnuplot is not installed"),
        .enabled(if: access("/usr/share/wordnet/data.noun", R_OK) == 0, "wordnet-base is not installed"))
    func theQuickstartOnAFewThousandLines() async throws {
        let directory = try TemporaryDirectory()
        let out = directory.file("quickstart")
        let make =
            "make -f pipelines/quickstart.mk BIN=$BIN OUT=\(out) LINES=4000 DIMENSION=20 EPOCHS=1 "
            + "TRAIN_FLAGS='--preset tiny --batch 16' WORD=small SENSES='\"a [small] amount\" \"a [small] house\"' PROBE_FLAGS='--sentences 800 --epochs 2'"
        let result = try await runShell(make)
        try #require(result.status == 0, "\(result.errors)")
        let stages = ["text", "tokenize", "held-out", "build-vocab", "fasttext", "embed-oov", "train", "encode"]
        for (index, stage) in stages.enumerated() {
            #expect(result.text.contains("\n\(index + 1). \(stage) "), "\(result.text)")
            #expect(result.errors.contains("\n== \(index + 1). \(stage)\n"), "\(result.errors)")
        }
        #expect(result.text.contains("\nconstant vector") && result.text.contains("\nunigram model"))
        #expect(result.text.contains("[small]"))
        #expect(result.text.contains("\nword vectors ") && result.text.contains("\nthis model "))
        let page = String(decoding: try contents(of: "\(out)/report.html"), as: UTF8.self)
        #expect(page.contains("<svg") && page.contains("this model") && page.contains("</html>"))
        let picture = String(decoding: try contents(of: "\(out)/training.svg"), as: UTF8.self)
        #expect(picture.contains("<svg") && picture.contains("train.jsonl"))
        // Nothing has changed, so nothing is made again.
        let again = try await runShell("\(make) -q pipeline")
        #expect(again.status == 0)
        // One stage alone can be run again.
        let model = try contents(of: "\(out)/model.safetensors")
        let rerun = try await runShell("rm \(out)/model.safetensors && \(make) \(out)/model.safetensors")
        #expect(rerun.status == 0, "\(rerun.errors)")
        #expect(try contents(of: "\(out)/model.safetensors") == model)
    }

    /// What scripts are given is looked at before anything is made.
    @Test(arguments: [
        ("VOCABULARY=none pipelines/baselines.sh $0 $0 out", 64, "VOCABULARY=none: must be a number"),
        ("pipelines/baselines.sh $0 absent out", 66, "absent: is no file"),
        ("pipelines/baselines.sh $0", 64, "TEXT HELD_OUT OUT"),
        ("BIN=/nowhere pipelines/baselines.sh $0 $0 out", 69, "/nowhere/tokenize is missing"),
        ("pipelines/begin.sh record options", 64, "RECORD OPTIONS CHECK"), ("pipelines/kill-test.sh", 64, "usage: "), ("pipelines/kill-test.sh --preset tiny", 64, "usage: "),
    ])
    func scriptsRefuse(command: String, status: Int, hint: String) async throws {
        let fixture = try await Fixture.shared.value
        let file = command.replacing("$0", with: fixture.text).replacing(" out", with: " \(fixture.text).out")
        let result = try await runShell("export BIN; \(file); status=$?; [ ! -e \(fixture.text).out ] && exit $status")
        #expect(result.status == status && result.errors.contains(hint), "\(result.status) \(result.errors)")
    }

    /// The pipe in docs/tools.md, with a smaller network.
    private static func pipeOfTheManual() throws -> String {
        let manual = String(decoding: try contents(of: "docs/tools.md"), as: UTF8.self)
        let section = try #require(manual.split(separator: "## In one pipe\n").dropFirst().first)
        let lines = section.split(separator: "\n").prefix { $0.hasPrefix("    ") }
        #expect(lines.count == 3 && lines[0] == "    set -o pipefail")
        return lines.joined(separator: "\n").replacing("--preset small", with: "--preset tiny")
    }

    /// The same tokens and table without a pipe.
    private static let filesOfThePipe =
        "tokenize -q --lowercase text.txt -o tok && build-vocab -q tok -o vocab && embed-oov -q --vectors words.vec vocab -o table"

    @Test func onePipe() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd \(directory.path); PATH=$BIN:$PATH; cp \(fixture.text) text.txt; cp \(fixture.vectors) words.vec
            \(Self.pipeOfTheManual())
            \(Self.filesOfThePipe) && train -q --preset tiny --table table text.tok -o model && cmp model model.safetensors
            cmp tok text.tok; cmp table table.shard; rm tok vocab table model
            """)
        #expect(result.status == 0 && result.text == "", "\(result.text) \(result.errors)")
        #expect(directory.entries() == ["model.safetensors", "table.shard", "text.tok", "text.txt", "words.vec"])
    }

    /// A stage of the manual's pipe that dies in the middle of its output, or before, or of what it reads: the pipe fails,
    /// there is no model, and no tool takes what else is there for whole.
    @Test(arguments: ["tokenize", "build-vocab", "embed-oov", "train"], ["output", "start", "end"])
    func aStageOfThePipeFails(stage: String, place: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        // All but the last bytes, which are the end mark; nothing; a part. train writes its model under a hidden name first.
        let whole = "\(toolDirectory)/\(stage) \"$@\""
        let script =
            switch place {
            case "end": "\(whole) | head -c -20"
            case "start": ""
            default: "\(whole) | head -c 200"
            }
        let trains =
            """
            \(whole) --epochs 100000 & train=$!
            for i in $(seq 200); do ls -a | grep -q 'model.*tmp' && break; sleep 0.05; done
            kill -9 $train; wait $train
            """
        let failing = stage == "train" && place != "start" ? trains : script
        try directory.write("stage", "#!/bin/bash\n\(failing)\nkill -9 $$\n")
        let result = try await runShell(
            """
            cd \(directory.path); mkdir bin; mv stage bin/\(stage); chmod +x bin/\(stage); PATH=$PWD/bin:$BIN:$PATH
            cp \(fixture.text) text.txt; cp \(fixture.vectors) words.vec
            \(Self.pipeOfTheManual())
            status=$?; PATH=$BIN:$PATH; \(Self.filesOfThePipe); exit $status
            """)
        #expect(result.status != 0, "\(result.errors)")
        #expect(!directory.entries().contains("model.safetensors"), "\(directory.entries())")
        for (tool, file, sound) in [("tokenize", "text.tok", "tok"), ("embed-oov", "table.shard", "table")] {
            let printed = try await runTool(tool, ["--print", directory.file(file)])
            let isWhole = try contents(of: directory.file(file)) == contents(of: directory.file(sound))
            #expect(isWhole ? printed.status == 0 : printed.status == 65, "\(file): \(printed.errors)")
            if tool == stage { #expect(!isWhole) }
        }
    }

    @Test(arguments: ["2", "3"])
    func theSameBytesForAnyNumberOfThreads(threads: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let (output, t) = (directory.file("output"), ["-q", "--threads", threads])
        for (tool, arguments, expected) in [
            ("tokenize", [fixture.text], fixture.tokens),
            ("build-vocab", [fixture.tokens], fixture.vocabulary),
            ("embed-oov", ["--vectors", fixture.vectors, fixture.vocabulary], fixture.table),
            ("train", ["--preset", "tiny", "--table", fixture.table, "--epochs", "1", fixture.tokens], fixture.model),
            ("encode", ["--model", fixture.model, "--table", fixture.table, fixture.tokens], fixture.encoded),
        ] {
            let many = try await runTool(tool, t + arguments + ["-o", output])
            #expect(many.status == 0, "\(tool): \(many.errors)")
            let one = try await runTool(tool, ["-q", "--threads", "1"] + arguments)
            #expect(one.output == (try contents(of: output)), "\(tool) on 1 and \(threads) threads")
            #expect(one.output == (try contents(of: expected)), "\(tool) on 1 thread and as many as there are")
        }
    }

    /// What comes through a pipe comes once, whatever its name.
    @Test func aNamedPipeIsTrainedOn() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let train = "$BIN/train -q --preset tiny --steps 20 --evaluations 0 --table \(fixture.table)"
        let result = try await runShell(
            """
            cd \(directory.path) && \(train) \(fixture.tokens) -o file && mkfifo pipe && (cat \(fixture.tokens) > pipe &)
            \(train) pipe -o piped && cmp file piped && cat \(fixture.tokens) | \(train) /dev/stdin -o piped && cmp file piped
            """)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test func joinedShardsCountAsBoth() async throws {
        let fixture = try await Fixture.shared.value
        let twice = try await runShell(
            "cat \(fixture.tokens) \(fixture.tokens) | $BIN/build-vocab -q | $BIN/build-vocab --print -")
        let once = try await runTool("build-vocab", ["--print", fixture.vocabulary])
        let doubled = once.text.split(separator: "\n").map { line in
            let parts = line.split(separator: "\t")
            return "\(parts[0])\t\(2 * (Int(parts[1]) ?? 0))\n"
        }
        #expect(twice.text == doubled.joined())
    }

    @Test func aTableIsMadeFromALargerOne() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let (vocabulary, table) = (directory.file("vocabulary"), directory.file("table"))
        let counted = try await runShell(
            "echo 'the cat sees some stones and cats' | $BIN/tokenize -q | $BIN/build-vocab -q -o \(vocabulary)")
        #expect(counted.status == 0)
        let made = try await runTool("embed-oov", ["--subset", fixture.table, vocabulary, "-o", table])
        #expect(made.status == 0 && made.errors.contains("5 words of \(fixture.table), 2 others"), "\(made.errors)")
        let large = try await runTool("embed-oov", ["--print", fixture.table])
        let small = try await runTool("embed-oov", ["--print", table])
        let lines = Set(large.text.split(separator: "\n"))
        let kept = small.text.split(separator: "\n").dropFirst().filter { lines.contains($0) }
        #expect(small.text.hasPrefix("11 12\n") && kept.count == 9)
        // Where the vectors come from, and that they stay as they are, cannot both be said twice.
        for arguments in [["--vectors", fixture.vectors], ["--storage", "float32"], ["--normalise"], ["--remove-directions", "0"],
                          ["--save-model", directory.file("model")]] {
            let refused = try await runTool("embed-oov", ["--subset", fixture.table] + arguments + [vocabulary, "-o", table])
            #expect(refused.status == 64, "\(arguments)")
        }
        let none = try await runTool("embed-oov", ["--subset", fixture.tokens, vocabulary, "-o", directory.file("none")])
        #expect(none.status == 65 && isOneLine(none.errors, naming: fixture.tokens))
        #expect(directory.entries().sorted() == ["table", "vocabulary"])
    }

    @Test(arguments: ["float16", "float32"]) func tablesServeTheSameFromFileAndPipe(storage: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let result = try await runShell("""
            set -e
            cd \(directory.path)
            $BIN/embed-oov -q --vectors \(fixture.vectors) --storage \(storage) --remove-directions 1 \(fixture.vocabulary) -o table
            $BIN/train -q --preset tiny --steps 2 --batch 4 --table table \(fixture.tokens) -o file.model
            cat table | $BIN/train -q --preset tiny --steps 2 --batch 4 --table - \(fixture.tokens) -o pipe.model
            cmp file.model pipe.model
            head -n 3 \(fixture.text) > text
            $BIN/encode -q --model file.model --table table text -o file.vectors
            cat table | $BIN/encode -q --model file.model --table - text -o pipe.vectors
            cmp file.vectors pipe.vectors
            """)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test func everyToolPrintsItsKind() async throws {
        let fixture = try await Fixture.shared.value
        let tokens = try await runTool("tokenize", ["--print", fixture.tokens])
        #expect(tokens.text.hasPrefix("the cat sees the house today .\n"))
        let vocabulary = try await runTool("build-vocab", ["--print", fixture.vocabulary])
        #expect(vocabulary.text.contains("today\t600\n"))
        let table = try await runTool("embed-oov", ["--print", fixture.table])
        #expect(table.text.split(separator: "\n")[0].hasSuffix(" 12"))
        let model = try await runTool("train", ["--print", fixture.model])
        #expect(model.text.contains("cell 32, projection 16") && model.text.contains("forward.input.weight\t12 x 16\t192"))
        let vectors = try await runTool("encode", ["--print", fixture.encoded])
        #expect(vectors.text.hasPrefix(#"{"tokens": ["the", "cat", "sees", "the", "house", "today", "."], "vectors": [[["#))
    }

    @Test func encodeTakesTextAndKeepsEmptyLines() async throws {
        let fixture = try await Fixture.shared.value
        let text = "The cat sees the house today .\n\nunheard words, too\n"
        let result = try await runTool(
            "encode", ["-q", "--model", fixture.model, "--table", fixture.table, "--format", "json"], input: Array(text.utf8))
        #expect(result.status == 0, "\(result.errors)")
        let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4 && lines[1] == #"{"tokens": [], "vectors": []}"#)
        #expect(lines[2].contains(#"["unheard", "words", ",", "too"]"#))
    }

    @Test func theNearestOccurrenceOfAWordInItsOwnSentenceIsItself() async throws {
        let fixture = try await Fixture.shared.value
        let result = try await runTool(
            "encode",
            ["-q", "--model", fixture.model, "--table", fixture.table, "--neighbours", "3", "--query",
             "the [cat] sees the house today .", fixture.encoded])
        #expect(result.status == 0, "\(result.errors)")
        let lines = result.text.split(separator: "\n")
        #expect(lines.count == 3 && lines[0] == "1.0000\tthe [cat] sees the house today .")
    }
}
