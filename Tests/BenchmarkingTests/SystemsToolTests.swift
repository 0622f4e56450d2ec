import FoundationEssentials
import TestSupport
import Testing

/// `bench output-layers`, `costs` and `compare` as a user runs them, on sizes that take a second.
@Suite struct SystemsToolTests {
    struct Line: Decodable {
        struct Range: Decodable { let median, lowest, highest: Double }

        let event: String
        struct Difference: Decodable { let what: String, values: [String] }

        let run, name, options, of, to, encoder, reason, command, text: String?
        let differences: [Difference]?
        let rounds, parameters, optimizerBytes, peakMemory, gradientBytes, largestBatch, vocabulary, textWords: Int?
        let wordsPerSecond, millionWordsSeconds, ratio: Range?
        let costs: [String: Double]?
    }

    private static let sizes = ["--batch", "2", "--window", "3", "--dimension", "8"]
    /// The largest batch is looked for by reserving what it would take: without a limit, as much as the machine has.
    private static let memory = ["--memory", "256M"]
    private static let named = " --batch 2 --window 3 --dimension 8 --vocabulary 400"
    /// What `tiny` with these options is called.
    private static let huge = "softmax 32/60000 --batch 2 --window 3 --dimension 8"
    private static let tiny = "ELMo-C tiny 32/16 --batch 2 --window 3 --dimension 8"

    private static func lines(_ text: String) throws -> [Line] {
        try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    private static func text(_ directory: TemporaryDirectory) throws -> String {
        let lines = (0..<400).map { "The cat number \($0 % 90) saw dog \($0 % 7) and its \($0 * $0 % 83) friends.\n" }
        return try directory.write("text", lines.joined())
    }

    @Test func fourSystemsOnATextOfOnesOwn() async throws {
        let directory = try TemporaryDirectory()
        let table = directory.file("table.tsv"), json = directory.file("results.jsonl")
        let result = try await runTool(
            "bench",
            ["output-layers", "--text", Self.text(directory), "--encoders", "small", "--vocabularies", "400", "--units", "150",
             "--negatives", "50", "--budget", "100s", "--ratio-precision", "0.99", "--memory", "1G", "--json", json, "--tsv", table, "--threads", "2", "--quiet"]
                + Self.sizes)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let lines = try Self.lines(String(decoding: contents(of: json), as: UTF8.self))
        #expect(lines.map(\.event) == ["machine"] + Array(repeating: "system", count: 4) + Array(repeating: "ratio", count: 3) + ["differences"])
        #expect(lines[0].command?.hasPrefix("bench output-layers --text") == true && lines[0].textWords == 400 * 12)
        let systems = lines.filter { $0.event == "system" }
        #expect(systems.map(\.name) == ["ELMo-C", "ELMo-Sub", "ELMo-A", "ELMo"])
        for system in systems {
            #expect(system.run == "output-layers" && system.encoder == "small" && system.vocabulary == 400)
            let rounds = try #require(system.rounds), speed = try #require(system.wordsPerSecond)
            let costs = try #require(system.costs)
            #expect(rounds >= 12 && speed.lowest <= speed.median && speed.median <= speed.highest && speed.lowest > 0)
            #expect(abs(costs.values.reduce(0, +) - 1) < 0.02 && costs.count == 7, "\(costs)")
            #expect(costs.values.allSatisfy { $0 >= 0 } && costs["recurrence"] ?? 0 > 0 && costs["output"] ?? 0 > 0)
            let weights = try #require(system.parameters)
            // Adam's two moments; the memory of a process that has both, weights and gradients.
            #expect(try #require(system.optimizerBytes) >= 8 * weights)
            #expect(try #require(system.peakMemory) > 16 * weights)
            #expect(try #require(system.largestBatch) > 2)
        }
        // Gradients are dense but for the rows of the sampled softmax, of which a step touches some.
        #expect(systems[0].gradientBytes == systems[0].parameters.map { 4 * $0 })
        #expect(try #require(systems[3].gradientBytes) < 4 * #require(systems[3].parameters))
        // small, with vectors of 8: input 8 x 128 + 128 and norm; two layers; output 128 x 8 + 8.
        let layer = 2 * 128 * 2048 + 2048 + 512 * 128 + 2 * 128
        #expect(systems[0].parameters == 2 * (9 * 128 + 2 * 128 + 2 * layer + 129 * 8))
        for line in lines.filter({ $0.event == "ratio" }) {
            // The faster half.
            #expect(line.to == "ELMo-C" && line.rounds == systems[0].rounds.map { max(3, $0 / 2) })
            #expect(line.ratio?.lowest ?? 0 > 0)
        }
        let rows = String(decoding: try contents(of: table), as: UTF8.self).split(separator: "\n")
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        #expect(rows.count == 5 && Set(rows.map(\.count)).count == 1)
        #expect(rows.map { $0[1] } == ["name", "ELMo-C", "ELMo-Sub", "ELMo-A", "ELMo"])
        #expect(result.text.contains("ELMo-Sub") && result.text.contains("recurrence") && result.text.contains("rounds"))
    }

    @Test func anyNetworksBesideEachOther() async throws {
        let directory = try TemporaryDirectory()
        let text = try Self.text(directory)
        let networks = ["tiny", "tiny --output softmax", "tiny --cell 48 --loss l2", "tiny --optimizer adagrad", "tiny --objective masked"]
            .map { $0 + Self.named }
        let result = try await runTool(
            "bench",
            ["compare", "--text", text, "--budget", "100s", "--ratio-precision", "0.9", "--json", "-", "--quiet"] + Self.memory + networks)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let lines = try Self.lines(result.text), systems = lines.filter { $0.event == "system" }
        #expect(systems.map(\.options) == networks && lines.filter { $0.event == "ratio" }.count == 4)
        // A precision that is easily reached ends it long before its budget, after the six rounds that an interval needs.
        #expect(systems.allSatisfy { $0.rounds ?? 0 >= 12 && $0.rounds ?? 0 < 1000 })
        // A softmax over 400 classes for each direction in place of 16 x 8 + 8.
        let weights = try systems.map { try #require($0.parameters) }
        #expect(weights[1] - weights[0] == 2 * (16 * 400 + 400 - 16 * 8 - 8))
        // Layers of a network that reads both ways have 16 more inputs to each of four halves, and there is a mask vector.
        #expect(weights[2] > weights[0] && weights[3] == weights[0] && weights[4] == weights[0] + 4 * 16 * 128 + 32 - 8)
        #expect(systems[3].optimizerBytes == systems[0].optimizerBytes.map { $0 / 2 })
    }

    /// Names say system and size, the vocabulary is a column, and what differs stands below.
    @Test func namesAndDifferences() async throws {
        let directory = try TemporaryDirectory()
        let json = directory.file("results.jsonl")
        let networks = ["tiny", "tiny --output softmax --cell 40", "tiny --vocabulary 500"].map { network in
            network.contains("--vocabulary") ? network + Self.named.replacing(" --vocabulary 400", with: "") : network + Self.named
        }
        let result = try await runTool(
            "bench",
            ["compare", "--text", Self.text(directory), "--budget", "100s", "--ratio-precision", "0.99", "--json", json, "--quiet"] + networks)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let lines = try Self.lines(String(decoding: contents(of: json), as: UTF8.self))
        let names = lines.filter { $0.event == "system" }.compactMap(\.name)
        // The first and the third have the same name but for the vocabulary, and say all.
        #expect(
            names == ["\(Self.tiny) (\(networks[0]))", Self.tiny.replacing("ELMo-C tiny 32", with: "softmax 40"),
                      "\(Self.tiny) (\(networks[2]))"])
        let text = "These systems differ in more than the output layer: cell 32 against 40, vocabulary 400 against 500."
        #expect(result.text.contains("\n\(text)\n") && result.text.contains("vocabulary"), "\(result.text)")
        let differences = try #require(lines.first { $0.event == "differences" })
        #expect(differences.text == text && differences.differences?.map(\.what) == ["output layer", "cell", "vocabulary"])
        #expect(differences.differences?.last?.values == ["400", "500"])
    }

    /// A budget that is too short is refused with the time that is needed, before anything is measured.
    @Test func budgetsThatAreTooShort() async throws {
        let directory = try TemporaryDirectory()
        let text = try Self.text(directory), json = try directory.write("results.jsonl", "as it was\n")
        for arguments in [
            ["compare", "tiny" + Self.named], ["costs", "elmo-c --vocabulary 400"],
            ["output-layers", "--encoders", "small,base", "--vocabularies", "400,500"],
        ] {
            let result = try await runTool("bench", arguments + ["--text", text, "--budget", "0.001s", "--json", json, "--quiet"])
            #expect(result.status == 64 && result.output.isEmpty, "\(result.status) \(result.errors)")
            #expect(result.errors.contains("a budget of 0.001s is too short: starts included, three rounds"), "\(result.errors)")
            // Only where it is given so.
            let wayOut = "; give more, or a smaller --vocabulary inside the quotes of each network"
            #expect(result.errors.contains(wayOut) == (arguments[0] == "compare"), "\(result.errors)")
            #expect(result.errors.contains("of 4 groups") == (arguments[0] == "output-layers"))
            #expect(result.errors.split(separator: "\n").count == 1)
            #expect(try contents(of: json) == Array("as it was\n".utf8))
        }
    }

    /// A log, too, shows how far a run is; --quiet shows nothing.
    @Test func progressWithoutATerminal() async throws {
        let directory = try TemporaryDirectory()
        let arguments = ["compare", "--text", try Self.text(directory), "--budget", "100s", "--ratio-precision", "0.99", "tiny" + Self.named]
        let lines = try await runTool("bench", arguments).errors.split(separator: "\n").map(String.init)
        #expect(lines.contains { $0.hasPrefix("bench compare: 3 rounds measured, a round takes ") }, "\(lines)")
        #expect(lines.first == "bench compare: the text is read: 4,800 tokens", "\(lines)")
        #expect(lines.dropFirst().first?.hasPrefix("bench compare: \(Self.tiny): ready, a step takes ") == true)
        #expect(lines.last?.hasPrefix("bench compare: measured ") == true && lines.allSatisfy { !$0.contains("\r") })
        #expect(try await runTool("bench", arguments + ["--quiet"]).errors.isEmpty)
    }

    @Test func whereTheTimeGoes() async throws {
        let directory = try TemporaryDirectory()
        // A token shard is a text, too.
        let tokens = directory.file("tokens")
        #expect(try await runTool("tokenize", ["--quiet", Self.text(directory), "-o", tokens]).status == 0)
        let result = try await runTool(
            "bench", ["costs", "--text", tokens, "--budget", "100s", "--ratio-precision", "0.99", "--quiet", "tiny" + Self.named] + Self.memory)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        for part in ["input", "recurrence", "projection", "output", "optimiser", "data", "microseconds a word"] {
            #expect(result.text.contains("\n" + part), "\(part)")
        }
        // The only bar is as long as bars can be.
        let bar = try #require(result.text.split(separator: "\n").last { $0.hasPrefix(Self.tiny) })
        #expect(bar.dropFirst((Self.tiny + "  ").count).count == 60, "\(bar)")
    }

    @Test func optionsOfTheWholeRun() async throws {
        let directory = try TemporaryDirectory()
        let result = try await runTool(
            "bench",
            ["output-layers", "--text", Self.text(directory), "--encoders", "small", "--vocabularies", "400", "--system", "ELMo-C",
             "--optimizer", "adagrad", "--table-memory", "0", "--budget", "100s", "--ratio-precision", "0.99", "--json", "-", "--quiet"] + Self.sizes + Self.memory)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let system = try #require(try Self.lines(result.text).first { $0.event == "system" })
        // One moment, with the padding of buffers.
        let weights = try #require(system.parameters), state = try #require(system.optimizerBytes)
        #expect(state >= 4 * weights && state < 5 * weights && system.name == "ELMo-C")
    }

    /// What does not fit is found before anything is allocated, and the others go on.
    @Test func whatDoesNotFitIsLeftOut() async throws {
        let directory = try TemporaryDirectory()
        let text = try Self.text(directory)
        let huge = "tiny --output softmax --projection 60000 --vocabulary 200000000 --batch 2 --window 3 --dimension 8"
        let small = "tiny" + Self.named
        let result = try await runTool("bench", ["compare", "--text", text, "--budget", "100s", "--ratio-precision", "0.99", "--json", "-", huge, small] + Self.memory)
        #expect(result.status == 0, "\(result.errors)")
        let lines = try Self.lines(result.text)
        #expect(lines.first { $0.event == "left-out" }?.name == Self.huge)
        #expect(lines.first { $0.event == "left-out" }?.reason?.contains("GB to give") == true)
        #expect(lines.filter { $0.event == "system" }.map(\.name) == [Self.tiny])
        // With nothing left there is no result.
        let file = directory.file("none.jsonl")
        let none = try await runTool("bench", ["compare", "--text", text, "--json", file, huge])
        #expect(none.status == 78 && none.errors.contains("nothing was measured: \(Self.huge): takes about"), "\(none.errors)")
    }

    /// What a tool says of a text is said once, of the user's file, with its status.
    @Test func badTexts() async throws {
        let directory = try TemporaryDirectory()
        let tokens = directory.file("tokens")
        #expect(try await runTool("tokenize", ["--quiet", Self.text(directory), "-o", tokens]).status == 0)
        let cut = try directory.write("cut", contents(of: tokens).dropLast(20).map { $0 })
        let latin = try directory.write("latin", [0x63, 0x61, 0x66, 0xE9, 0x0A])
        let empty = try directory.write("empty", "")
        for (file, hint) in [(cut, "cut"), (latin, "line 1"), (empty, "")] {
            let result = try await runTool("bench", ["compare", "tiny" + Self.named, "--text", file])
            #expect(result.status == 65 && result.output.isEmpty, "\(result.status) \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            #expect(result.errors.contains(file) && result.errors.contains(hint), "\(result.errors)")
        }
    }

    /// A standard output that is closed is an error, and no other file becomes it.
    @Test func closedOutput() async throws {
        let directory = try TemporaryDirectory()
        let json = directory.file("results.jsonl")
        let result = try await runShell(
            "\"$BIN/bench\" compare 'tiny\(Self.named)' --text '\(Self.text(directory))' --budget 100s --ratio-precision 0.99 --quiet --json '\(json)' >&-")
        #expect(result.status == 74 && result.errors.split(separator: "\n").count == 1, "\(result.status) \(result.errors)")
        #expect(!directory.entries().contains("results.jsonl"))
    }

    /// An early interrupt leaves what an earlier run has written. It comes while the first tool reads the text.
    @Test func interruptedBeforeTheFirstRound() async throws {
        let directory = try TemporaryDirectory()
        let json = try directory.write("results.jsonl", "as it was\n")
        let result = try await runShell(
            """
            has_children() { [ -n "$(children $bench)" ]; }
            "$BIN/bench" compare 'tiny\(Self.named)' --json '\(json)' --megabytes 64 & bench=$!
            await $bench has_children
            kill -TERM $bench; wait $bench; echo $?
            """)
        #expect(result.text == "143\n", "\(result.text) \(result.errors)")
        #expect(result.errors.contains("interrupted before anything was measured"), "\(result.errors)")
        #expect(try contents(of: json) == Array("as it was\n".utf8) && directory.entries() == ["results.jsonl"])
    }

    @Test(.enabled(if: isInstalled("script"), "script, of bsdutils, is not installed")) func interruptedItPrintsWhatItHas() async throws {
        let directory = try TemporaryDirectory()
        let text = try Self.text(directory)
        let result = try await runShell(
            """
            cd '\(directory.path)'
            "$BIN/bench" compare --text '\(text)' --budget 1h --ratio-precision 0 --memory 256M --json lines -o table 'tiny\(Self.named)' \
            'tiny --cell 40\(Self.named)' 2> errors & process=$!
            await $process grep -qs 'rounds measured' errors
            systems=$(children $process)
            kill -TERM $process; wait $process; echo $?
            echo "$systems" | wc -l; running $systems || echo no children
            """)
        #expect(result.text == "143\n2\nno children\n", "\(result.text) \(result.errors)")
        let lines = try Self.lines(String(decoding: contents(of: directory.file("lines")), as: UTF8.self))
        #expect(lines.last?.event == "interrupted" && lines.filter { $0.event == "system" }.count == 2)
        let table = String(decoding: try contents(of: directory.file("table")), as: UTF8.self)
        #expect(table.contains("interrupted") && table.contains("ELMo-C 40/16"))
    }

    /// The benchmarks of parts print what they have, too. Each is interrupted when its progress says that there is a round, or names
    /// a part, which is then measured to its end.
    @Test(.enabled(if: isInstalled("script"), "script, of bsdutils, is not installed"), arguments: [
        ("train --seconds 20", "round 1: "), ("products --seconds 0.6", "state, forward"),
        ("layers --layer continuous --runs 100000 --classes \((100..<160).map(String.init).joined(separator: ","))",
         "continuous, 101"),
    ]) func partsAreInterrupted(command: String, progress: String) async throws {
        let directory = try TemporaryDirectory()
        let sizes = command.hasPrefix("layers") ? "--rows 8 --width 8" : "--preset tiny --batch 2 --window 3 --dimension 8"
        let result = try await runShell(
            """
            cd '\(directory.path)'
            on_terminal "$BIN/bench \(command) \(sizes) -o table"
            await $process grep -qs '\(progress)' screen
            kill -TERM $process; wait $terminal; echo $?
            """)
        #expect(result.text == "143\n", "\(result.text) \(result.errors)")
        let table = String(decoding: try contents(of: directory.file("table")), as: UTF8.self)
        #expect(table.split(separator: "\n").count > 2, "\(table)")
    }

    @Test(arguments: [
        (["compare", "enormous"], 64, "enormous"), (["compare", ""], 64, "not nothing"),
        (["compare", "tiny --margin 0.1"], 64, "--margin"), (["compare", "tiny --what 3"], 64, "--what"),
        (["compare", "elmo --vocabulary 5"], 64, "--vocabulary"), (["costs"], 64, "systems"),
        (["output-layers", "--encoders", "large"], 64, "--encoders"),
        (["output-layers", "--vocabularies", "10,x"], 64, "--vocabularies"),
        (["output-layers", "--text", "/nowhere/text"], 66, "/nowhere/text"),
        (["output-layers", "--batch", "0"], 64, "--batch"), (["compare", "tiny --batch 0"], 64, "--batch"),
        (["compare", "tiny", "--budget", "0s"], 64, "--budget"), (["compare", "tiny", "--ratio-precision", "2"], 64, "--ratio-precision"),
        (["compare", "tiny", "tiny"], 64, "twice"), (["output-layers", "--encoders", "small,small"], 64, "--encoders"),
        (["output-layers", "--system", "ELMo", "--system", "ELMo"], 64, "--system"),
        (["compare", "tiny", "--json", "x", "--tsv", "x"], 64, "one file"),
        (["costs", "tiny", "--json", "x", "-o", "x"], 64, "one file"),
        // Found before the first step, and before the text is read.
        (["compare", "tiny", "--text", "/nowhere/text", "--json", "/nowhere/results"], 73, "/nowhere/results"),
        (["costs", "tiny", "--text", "/nowhere/text", "--tsv", "/nowhere/table"], 73, "/nowhere/table"),
        (["output-layers", "--text", "/nowhere/text", "-o", "/nowhere/table"], 73, "/nowhere/table"),
    ])
    func badInput(arguments: [String], status: Int, message: String) async throws {
        let result = try await runTool("bench", arguments)
        #expect(result.status == status && result.output.isEmpty)
        #expect(result.errors.contains(message) && result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }
}
