import Glibc
import TestSupport
import Testing

/// What `train` says to the one who runs it.
struct TrainToolTests {
    private let quick = ["--preset", "tiny", "--batch", "4", "--steps", "30"]

    @Test func aRowForEachEvaluationAndALegendOnce() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let result = try await runTool(
            "train", quick + ["--evaluations", "3", "--table", fixture.table, fixture.tokens, "-o", directory.file("model")])
        #expect(result.status == 0, "\(result.errors)")
        let lines = result.errors.split(separator: "\n").map(String.init)
        #expect(lines.count { $0.contains("held-out text:") } == 1)
        #expect(lines.contains { $0.contains("positions (small") })
        let header = try #require(lines.firstIndex { $0.contains("step") && $0.contains("words/s") && $0.contains("fwd") })
        let rows = lines[(header + 1)...].prefix(5)
        #expect(rows.map { $0.split(separator: " ").first.map(String.init) } == ["constant", "unigram", "10", "20", "30"])
        // The mark of a row that is no better than the unigram model is one character more.
        let ends = Set(rows.map { $0.count - ($0.hasSuffix("*") ? 1 : 0) } + [lines[header].count])
        #expect(ends.count == 1, "the rows are not aligned: \(rows)")
        #expect(lines.last?.contains("of training") == true && lines.last?.contains("of evaluations") == true)
        #expect(lines[(header - 1)...(header + 5)].allSatisfy { $0.count <= 80 }, "\(rows)")
        #expect(lines.contains { $0.hasSuffix("*           no better than the unigram model") })
    }

    /// A column of its own is as wide as its name.
    @Test(arguments: [["--direction", "forward"], ["--objective", "masked"]]) func columnsOfOneNetwork(options: [String]) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let result = try await runTool(
            "train", quick + options + ["--evaluations", "2", "--table", fixture.table, fixture.tokens, "-o", directory.file("model")])
        let lines = result.errors.split(separator: "\n").map(String.init)
        let header = try #require(lines.firstIndex { $0.hasSuffix(" loss top-1 % top-10 % perplexity") }, "\(result.errors)")
        let rows = lines[(header + 1)...(header + 5)].map { $0.count - ($0.hasSuffix("*") ? 1 : 0) }
        #expect(Set(rows).count == 1 && lines[(header + 1)...(header + 5)].allSatisfy { $0.count <= 80 }, "\(result.errors)")
    }

    /// However short the time is, a step is made.
    @Test func aTimeTooShortForAStep() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory(), model = directory.file("model")
        let result = try await runTool(
            "train", ["--preset", "tiny", "--batch", "4", "--time", "0.000001s", "--table", fixture.table, fixture.tokens, "-o", model])
        #expect(result.status == 0 && result.errors.contains("the time is up after 1 step: "), "\(result.errors)")
        #expect(try await runTool("train", ["--print", model]).text.contains("trained 1 step"))
    }

    @Test(arguments: [["--evaluations", "2"], ["--evaluate-every", "3"]])
    func evaluationsNeedHeldOutText(options: [String]) async throws {
        let result = try await runTool("train", options + ["--held-out-every", "0", "--table", "t", "x", "-o", "m"])
        #expect(result.status == 64 && isOneLine(result.errors, naming: "\(options[0]) needs held-out text"), "\(result.errors)")
    }

    @Test func aModelPrintsItsTraining() async throws {
        let fixture = try await Fixture.shared.value
        let result = try await runTool("train", ["--print", fixture.model])
        #expect(result.status == 0)
        for part in ["trained ", " words, ", "rate 0.001", "text ", "held-out forward after step"] {
            #expect(result.text.contains(part), "\(part)")
        }
    }

    @Test func aDryRunCountsEvaluations() async throws {
        let fixture = try await Fixture.shared.value
        func figures(_ options: [String]) async throws -> [String: String] {
            let result = try await runTool("train", quick + options + ["--dry-run", "--table", fixture.table, fixture.tokens])
            try #require(result.status == 0, "\(result.errors)")
            return Dictionary(
                uniqueKeysWithValues: result.text.split(separator: "\n").map { line in
                    let fields = line.split(separator: "\t").map(String.init)
                    return (fields[0], fields[1])
                })
        }
        #expect(try await figures(["--evaluations", "3"])["evaluations"] == "3")
        let none = try await figures(["--evaluations", "0"])
        #expect(none["evaluations"] == "0" && none["time of evaluations, at most about"] == "0 s")
        #expect(none["time in all, about"] == none["time of training, about"])
    }

    /// A run without checkpoints says what a signal costs, once it has begun; the status is the signal's, and nothing is left.
    @Test func interruptedWithoutCheckpointsItSaysWhatIsLost() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        // The log has its first line after a 500th of the steps.
        let result = try await runShell(
            """
            cd '\(directory.path)'
            "$BIN/train" --preset tiny --batch 4 --steps 1000000 --evaluations 0 --table '\(fixture.table)' --log log \
                '\(fixture.tokens)' -o model & process=$!
            await $process filled log
            kill -TERM $process; wait $process; echo $?
            """)
        #expect(result.text == "143\n", "\(result.text) \(result.errors)")
        #expect(result.errors.contains("of training are lost; with --checkpoints DIRECTORY"), "\(result.errors)")
        #expect(directory.entries() == ["log"])
    }

    /// A run of days says so before its first step.
    @Test func aLongRunWithoutCheckpointsSaysSo() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let result = try await runShell(
            """
            cd '\(directory.path)'
            "$BIN/train" --preset small --steps 100000000 --evaluations 0 --table '\(fixture.table)' '\(fixture.tokens)' \
                -o model 2> errors & process=$!
            await $process grep -qs 'and keeps no checkpoints: if it is interrupted' errors
            kill -TERM $process; wait $process; echo $?
            """)
        #expect(result.text == "143\n", "\(result.text) \(result.errors)")
        #expect(directory.entries() == ["errors"])
    }

    /// `bench evaluation` measures the evaluation that `train` makes, of vectors and of classes.
    @Test(arguments: ["--output continuous", "--output softmax --vocab"]) func evaluationsAreMeasured(output: String) async throws {
        let fixture = try await Fixture.shared.value
        let network = output.split(separator: " ").map(String.init) + (output.hasSuffix("vocab") ? [fixture.vocabulary] : [])
        let result = try await runTool(
            "bench",
            ["evaluation", "--preset", "tiny", "--batch", "2", "--runs", "2", "--candidates", "20", "--held-out-tokens", "50",
             "--table", fixture.table, fixture.tokens, "--json", "-", "--quiet"] + network)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        for field in ["\"event\":\"evaluation\"", "\"candidates\":20", "\"ratio\":{", "\"operations\":"] {
            #expect(result.text.contains(field), "\(result.text)")
        }
        let none = try await runTool("bench", ["evaluation", "--preset", "tiny", fixture.tokens])
        #expect(none.status == 64 && none.errors.contains("--table is missing"))
    }

    /// Times below zero are not taken for other options.
    @Test(arguments: [
        ("train", ["--table", "t", "--time", "-5s", "x"], "--time must be above 0"),
        ("train", ["--table", "t", "--training-time", "-1", "x"], "--training-time must be above 0"),
        ("train", ["--table", "t", "--checkpoint-every", "-2m", "x"], "--checkpoint-every must not be below 0"),
        ("train", ["--table", "t", "--time", "--quiet", "x"], "'--quiet' is invalid for '--time <time>'"),
        ("bench", ["costs", "tiny", "--budget", "-5s"], "--budget must be above 0"),
    ] as [(String, [String], String)])
    func negativeTimes(tool: String, arguments: [String], complaint: String) async throws {
        let result = try await runTool(tool, arguments)
        #expect(result.status == 64 && isOneLine(result.errors, naming: complaint), "\(result.errors)")
    }

    /// Held-out text that is training text as well is named, whether it is the same file or a copy.
    @Test func heldOutTextIsNotTrainingText() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let tokens = try contents(of: fixture.tokens)
        let copy = try directory.write("copy", tokens), twice = try directory.write("twice", tokens + tokens)
        func warnings(_ heldOut: String, _ text: [String]) async throws -> [Substring] {
            let result = try await runTool(
                "train", ["--preset", "tiny", "--batch", "4", "--steps", "2", "--table", fixture.table, "--held-out", heldOut] + text)
            #expect(result.status == 0, "\(result.errors)")
            return result.errors.split(separator: "\n").filter { $0.contains("warning") }
        }
        let nothing = "its scores say nothing of text that the model has not seen"
        #expect(
            try await warnings(copy, [copy]) == ["train: warning: \(copy): is both training text and held-out text: \(nothing)"])
        #expect(
            try await warnings(copy, [twice, fixture.tokens])
                == ["train: warning: \(copy): is held-out text, and is also training text, as \(fixture.tokens): \(nothing)"])
        #expect(try await warnings(copy, [twice]) == [])
    }

    @Test func patienceNeedsEvaluations() async throws {
        let result = try await runTool("train", ["--table", "t", "--patience", "2", "--evaluations", "0", "--checkpoints", "c", "x"])
        #expect(result.status == 64 && result.errors.contains("--patience needs evaluations"), "\(result.errors)")
    }

    @Test func theTimeIsThatOfTheClock() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let arguments = ["--preset", "tiny", "--batch", "4", "--steps", "100000000", "--table", fixture.table, fixture.tokens]
        let result = try await runTool("train", arguments + ["--time", "1s", "-o", directory.file("model")])
        #expect(result.status == 0)
        #expect(result.errors.contains("the time is up after"), "\(result.errors)")
        for (option, value) in [("--time", "0"), ("--training-time", "0")] {
            let refused = try await runTool("train", arguments + [option, value])
            #expect(refused.status == 64 && refused.errors.contains("\(option) must be above 0"))
        }
    }
}
