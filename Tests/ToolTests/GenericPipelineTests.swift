import TestSupport
import Testing

/// pipelines/generic.mk on a text of one's own: what runs, and what runs again.
struct GenericPipelineTests {
    /// A folder with text and vectors, in which make runs; the checkout is somewhere else.
    private struct Run {
        let directory: TemporaryDirectory
        var variables = [
            "TEXT": "text.txt", "VECTORS": "words.vec", "HELD_OUT": "held-out.txt", "OUT": "run",
            "TRAIN_FLAGS": "--preset tiny --steps 3 --evaluations 0", "COMMON_FLAGS": "--threads 1",
        ]
        let makefile: String

        init() async throws {
            let fixture = try await Fixture.shared.value
            directory = try TemporaryDirectory()
            let prepared = try await runShell(
                """
                pwd; cd \(directory.path); head -n 300 \(fixture.text) > text.txt; tail -n 20 \(fixture.text) > held-out.txt
                cp \(fixture.vectors) words.vec
                """)
            makefile = prepared.text.dropLast() + "/pipelines/generic.mk"
        }

        /// A command line of make, to be run in the folder.
        func command(_ changes: [String: String] = [:], _ arguments: String = "") -> String {
            let words = variables.merging(changes) { $1 }.map { name, value in
                "'\(name)=\(value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
            }
            return "make -f \(makefile) BIN=$BIN \(arguments) \(words.sorted().joined(separator: " "))"
        }

        func make(_ changes: [String: String] = [:], _ arguments: String = "") async throws -> ToolResult {
            try await runShell("cd \(directory.path); \(command(changes, arguments))")
        }

        /// What is printed until `condition` is true and make, with all that it runs, is interrupted.
        func interrupted(when condition: String) async throws -> String {
            try await runShell(
                """
                set -m; cd \(directory.path); \(command()) > log 2>&1 & make=$!; cd \(directory.path)
                for i in $(seq 600); do \(condition) && break; sleep 0.05; done
                kill -INT -- -$make; wait $make; while kill -0 -- -$make 2> /dev/null; do sleep 0.05; done; cat log
                """).text
        }

        /// The stages that run, which must succeed.
        func stages(_ changes: [String: String] = [:], _ arguments: String = "") async throws -> [String] {
            let result = try await make(changes, arguments)
            #expect(result.status == 0, "\(result.errors)")
            return Self.stages(result)
        }

        static func stages(_ result: ToolResult) -> [String] {
            result.errors.split(separator: "\n").filter { $0.hasPrefix("== ") }
                .map { String($0.split(separator: " ")[2]) }
        }
    }

    private static let all = ["tokenize", "held-out", "build-vocab", "embed-oov", "train", "encode"]

    @Test func everythingOnceAndThenNothing() async throws {
        let run = try await Run()
        let first = try await run.make()
        try #require(first.status == 0, "\(first.errors)")
        #expect(Run.stages(first) == Self.all)
        #expect(first.text == "" && Self.all.indices.allSatisfy { first.errors.contains("== \($0 + 1). \(Self.all[$0])\n") })
        // Each command is printed once, as it can be run.
        let commands = (first.text + first.errors).split(separator: "\n").filter { $0.contains("/train ") }
        #expect(commands.count == 1 && commands[0].contains("/train --threads 1 --preset tiny --steps 3"), "\(commands)")
        let second = try await run.make()
        #expect(second.status == 0 && second.text == "make: Nothing to be done for 'pipeline'.\n" && second.errors == "")
        #expect(try await run.make([:], "-q").status == 0)
        // What changes no result changes nothing.
        #expect(try await run.stages(["COMMON_FLAGS": "--quiet --threads 2"]) == [])
        // Without text that is held out there are fewer stages, numbered in a row.
        let without = try await run.make(["HELD_OUT": "", "OUT": "other"], "-j 4")
        #expect(without.errors.contains("\n== 4. train\n") && Run.stages(without) == ["tokenize", "build-vocab", "embed-oov", "train"])
    }

    @Test(arguments: [
        (["TOKENIZE_FLAGS": "--lowercase"], all), (["VOCAB_FLAGS": "--min-count 2"], Array(all[2...])),
        (["TABLE_FLAGS": "--storage float32"], Array(all[3...])), (["VECTORS": "other.vec"], Array(all[3...])),
        (["TRAIN_FLAGS": "--preset tiny --steps 4 --evaluations 0"], Array(all[4...])), (["ENCODE_FLAGS": "--layers top"], [all[5]]),
        (["TEXT": "text.txt held-out.txt"], [all[0]] + all[2...]), (["HELD_OUT": "other.txt"], [all[1]] + all[4...]),
        (["HELD_OUT": ""], [all[4]]),
    ] as [([String: String], [String])])
    func aChangedOptionRunsWhatFollows(changes: [String: String], stages: [String]) async throws {
        let run = try await Run()
        #expect(try await run.stages() == Self.all)
        _ = try await runShell("cd \(run.directory.path); cp words.vec other.vec; cp held-out.txt other.txt")
        let shown = try await run.make(changes, "-n")
        #expect(shown.text.split(separator: "\n").count { $0.contains("stage.sh ") } == stages.count, "\(shown.text)")
        // Looking has changed nothing, and neither has a change that was taken back.
        #expect(try await run.stages() == [])
        #expect(try await run.stages(changes) == stages)
        #expect(try await run.stages(changes) == [])
        let back = try await run.stages()
        #expect(back == (changes["HELD_OUT"] == "" ? Array(Self.all[4...]) : stages))
    }

    /// The vectors are named by their form; what encode writes beside them is made again if it has gone.
    @Test func formsOfVectors() async throws {
        let run = try await Run()
        #expect(try await run.stages() == Self.all)
        for (flags, names) in [
            ("--format npy --tokens run/tokens.txt", ["vectors.npy", "vectors.offsets.npy", "tokens.txt"]),
            ("--format=json --layers top", ["vectors.json"]), ("--layers 0 --format 'text'", ["vectors.txt"]),
        ] {
            let files = names.map { run.directory.file("run/\($0)") }
            #expect(try await run.stages(["ENCODE_FLAGS": flags]) == ["encode"])
            for file in files {
                #expect(try await run.stages(["ENCODE_FLAGS": flags]) == [])
                let bytes = try contents(of: file)
                _ = try await runShell("rm '\(file)'")
                #expect(try await run.stages(["ENCODE_FLAGS": flags]) == ["encode"], "\(file)")
                #expect(try contents(of: file) == bytes)
            }
        }
        #expect(try await run.stages(["ENCODE_FLAGS": "--format npy"], "run/vectors.offsets.npy") == ["encode"])
    }

    @Test(arguments: [
        ("TOKENIZE_FLAGS", "-o x", "holds -o:"), ("VOCAB_FLAGS", "--min-count 2 --output=x", "holds --output=x:"),
        ("TABLE_FLAGS", "--output x", "holds --output:"), ("TRAIN_FLAGS", "--preset tiny -o x", "holds -o:"),
        ("ENCODE_FLAGS", "-o=x", "holds -o=x:"), ("COMMON_FLAGS", "-o x", "holds -o:"),
        ("ENCODE_FLAGS", "--format npy-folder", "holds --format npy-folder, and"),
    ])
    func outputsHaveTheirNames(variable: String, flags: String, complaint: String) async throws {
        let run = try await Run()
        let result = try await run.make([variable: flags])
        #expect(result.status == 2 && result.errors.contains("*** \(variable) \(complaint)"), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1 && run.directory.entries().contains("run") == false)
    }

    /// An option that a tool refuses costs nothing, once it is taken back.
    @Test(arguments: ["TOKENIZE_FLAGS", "VOCAB_FLAGS", "TABLE_FLAGS", "TRAIN_FLAGS", "ENCODE_FLAGS"])
    func aWrongOptionTakenBack(variable: String) async throws {
        let run = try await Run()
        #expect(try await run.stages() == Self.all)
        let wrong = try await run.make([variable: "--no-such-option"])
        #expect(wrong.status == 2 && wrong.errors.contains("Error 64"), "\(wrong.errors)")
        #expect(try await run.stages() == [])
    }

    /// What a shell and make would make something of.
    @Test func optionsSurviveTheirQuotes() async throws {
        let run = try await Run()
        let fixture = try await Fixture.shared.value
        let name = "co des, it's $5 (a) #1"
        let codes = try await runTool("build-vocab", ["--bpe", "20", fixture.vocabulary, "-o", run.directory.file(name)])
        #expect(codes.status == 0)
        let changes = ["TOKENIZE_FLAGS": "--bpe \"co des, it's \\$$5 (a) #1\""]
        #expect(try await run.stages(changes, "run/vocab.shard") == ["tokenize", "build-vocab"])
        #expect(try await run.stages(changes, "run/vocab.shard") == [])
        let same = ["TOKENIZE_FLAGS": "--bpe \"co des, it's \\$$5 (a) \"'#1'"]
        #expect(try await run.stages(same, "run/vocab.shard") == ["tokenize", "build-vocab"])
        let expected = try await runTool("tokenize", ["-q", "--bpe", run.directory.file(name), run.directory.file("text.txt")])
        #expect(try contents(of: run.directory.file("run/corpus.tok")) == expected.output)
    }

    /// Options of any length: make 4.3 reads some lines with their ends.
    @Test func longOptionsAreKept() async throws {
        let run = try await Run()
        for length in [150, 199, 200, 201, 300, 399, 400, 1000, 5000] {
            let changes = ["TOKENIZE_FLAGS": "--max-length 00" + String(repeating: "0", count: length) + "7"]
            #expect(try await run.stages(changes, "run/corpus.tok") == ["tokenize"])
            #expect(try await run.stages(changes, "run/corpus.tok") == [])
        }
    }

    /// Interrupted training goes on with the same options, and begins anew with others; but not for options that are wrong.
    @Test func interruptedTraining() async throws {
        var run = try await Run()
        run.variables["HELD_OUT"] = ""
        run.variables["TRAIN_FLAGS"] = "--preset tiny --epochs 100000 --evaluations 0 --checkpoint-every 0.01s"
        let isBegun = "grep -q 'no checkpoint yet' log && ls run/checkpoints | grep -q safetensors"
        let begun = try await run.interrupted(when: isBegun)
        #expect(begun.contains("no checkpoint yet") && begun.contains("stopped after step"), "\(begun)")
        let goesOn = "grep -q 'going on after step' log"
        let second = try await run.interrupted(when: goesOn)
        #expect(second.contains("going on after step"), "\(second)")
        let wrong = try await run.make(["TRAIN_FLAGS": "--no-such-option"])
        #expect(wrong.status == 2 && wrong.errors.contains("no-such-option"), "\(wrong.errors)")
        let third = try await run.interrupted(when: goesOn)
        #expect(third.contains("going on after step"), "\(third)")
        run.variables["TRAIN_FLAGS"]? += " --seed 7"
        let other = try await run.interrupted(when: isBegun)
        #expect(other.contains("no checkpoint yet"), "\(other)")
        // Nor do checkpoints of another text serve, nor are those of a finished run kept.
        run.variables["TEXT"] = "held-out.txt text.txt"
        run.variables["TRAIN_FLAGS"] = "--preset tiny --steps 3 --evaluations 0"
        let finished = try await run.make()
        #expect(finished.status == 0 && finished.errors.contains("no checkpoint yet"), "\(finished.errors)")
        #expect(try await runShell("ls \(run.directory.path)/run").text.contains("checkpoints") == false)
    }

    @Test func whereTheToolsAre() async throws {
        let run = try await Run()
        let arguments = "TEXT=text.txt VECTORS=words.vec OUT=run run/corpus.tok"
        let result = try await runShell(
            """
            pipelines=$PWD/pipelines; cd \(run.directory.path); mkdir alone; cp $pipelines/*.mk $pipelines/*.sh alone
            make -n -f alone/generic.mk \(arguments); echo "status $?"
            PATH=$BIN:$PATH make -n -f alone/generic.mk \(arguments) | grep -o -- '-- .*tokenize '
            ln -s $BIN alone/bin; make -n -f alone/generic.mk \(arguments) | grep -o -- '-- .*tokenize '
            make -n -f alone/generic.mk BIN=/nowhere \(arguments); echo "status $?"
            """)
        #expect(result.text == "status 2\n-- tokenize \n-- alone/bin/tokenize \nstatus 2\n", "\(result.text)")
        #expect(result.errors.contains("nor in .build/release, alone/bin, bin: build them with make"), "\(result.errors)")
        #expect(result.errors.contains("not in BIN=/nowhere: there is no /nowhere/train"), "\(result.errors)")
    }
}
