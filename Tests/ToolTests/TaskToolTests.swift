import TestSupport
import Testing

/// `bench task` and `bench task-table`: small texts with labels that their words decide.
@Suite struct TaskToolTests {
    /// The beginning of the fixture's sentences, and who is in them.
    private static let sentences: [(words: [String], labels: [String])] = (0..<60).map { index in
        let subjects = [["the", "cat"], ["a", "dog"], ["my", "neighbour"]], objects = [["the", "house"], ["a", "bird"], ["money"]]
        let subject = subjects[index % 3], object = objects[index / 3 % 3], verb = ["sees", "follows", "meets"][index / 9 % 3]
        func labels(_ words: [String], _ type: String) -> [String] { words.indices.map { "\($0 == 0 ? "B" : "I")-\(type)" } }
        return (subject + [verb] + object + ["."], labels(subject, "WHO") + ["O"] + labels(object, "WHAT") + ["O"])
    }

    private static let columns = sentences.map { zip($0.words, $0.labels).map { "\($0) \($1)\n" }.joined() + "\n" }.joined()
    private static let trees = sentences.map { sentence in
        let label = sentence.words.contains("dog") ? 4 : sentence.words.contains("cat") ? 0 : 2
        return sentence.words.dropFirst().reduce("(2 \(sentence.words[0]))") { "(\(label) \($0) (2 \($1)))" } + "\n"
    }.joined()
    private static let pairs = sentences.indices.map { index in
        let label = ["entailment", "contradiction", "neutral"][index * 7 % 3]
        return "\(label)\t\(sentences[index * 5 % 60].words.joined(separator: " "))\t\(sentences[index * 7 % 60].words.joined(separator: " "))\n"
    }.joined()
    /// The subject is who does something, and the object what it is done to.
    private static let roles = sentences.map { sentence in
        let verb = sentence.words.firstIndex { ["sees", "follows", "meets"].contains($0) } ?? 0, last = sentence.words.count - 2
        return sentence.words.enumerated().map { index, word in
            func column(_ role: String, _ first: Int, _ end: Int) -> String {
                "\(index == first ? "(\(role)" : "")*\(index == end ? ")" : "")"
            }
            let role = index == verb ? "(V*)" : index < verb ? column("ARG0", 0, verb - 1) : index <= last ? column("ARG1", verb + 1, last) : "*"
            return "\(word)\tX\t*\t\(index == verb ? word : "-")\t\(index == verb ? "\(word).01" : "-")\t\(role)\n"
        }.joined() + "\n"
    }.joined()
    /// Documents of eight sentences, in which all subjects of the same words are one.
    private static let documents = (0..<12).map { number in
        let lines = (0..<8).map { place in
            let index = number * 5 + place * 7, sentence = sentences[index % 60], end = 1
            return sentence.words.enumerated().map { word, text in
                "d\(number)\t0\t\(word)\t\(text)\t\(word == 0 ? "(\(index % 3)" : word == end ? "\(index % 3))" : "-")\n"
            }.joined() + "\n"
        }
        return "#begin document (d\(number)); part 000\n" + lines.joined() + "#end document\n"
    }.joined()

    private func text(_ task: String) -> String {
        switch task {
        case "ner": Self.columns
        case "snli": Self.pairs
        case "srl": Self.roles
        case "coref": Self.documents
        default: Self.trees
        }
    }

    private func options(_ task: String, _ file: String, _ fixture: Fixture, _ directory: TemporaryDirectory) -> [String] {
        ["task", task, "--train", file, "--dev", file, "--table", fixture.table, "--size", "small", "--cache", directory.file("cache"),
            "--threads", "2", "-q"]
    }

    /// A network learns what words decide, is written whole, and finds the same when it is read again; from word vectors, a model's and
    /// those in a file.
    @Test(arguments: ["ner", "sst", "sst2", "snli", "srl", "coref"])
    func aNetworkLearnsAndIsReadAgain(_ task: String) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let file = try directory.write("text", text(task)), options = options(task, file, fixture, directory)
        let learned = try await runTool(
            "bench", options + (task == "srl" ? [] : ["--rate", "0.005"]) + [
                "--model", fixture.model, "--batch", task == "coref" ? "1" : "4", "--epochs", "40", "--patience", "40", "--save", directory.file("network"),
                "--predictions", directory.file("found"), "--json", directory.file("results"),
            ])
        #expect(learned.status == 0, "\(learned.errors)")
        let score = try value(directory.file("results"))
        #expect(score > 0.9, "\(learned.text)")
        let again = try await runTool(
            "bench", ["task", task, "--dev", file, "--load", directory.file("network"), "--model", fixture.model, "--table", fixture.table,
                "--cache", directory.file("cache"), "-q", "--predictions", directory.file("found again"), "--json", directory.file("again")])
        #expect(again.status == 0, "\(again.errors)")
        #expect(try value(directory.file("again")) == score)
        #expect(try contents(of: directory.file("found")) == contents(of: directory.file("found again")))

        let words = try await runTool("bench", options + ["--epochs", "2"])
        #expect(words.status == 0, "\(words.errors)")
        let sentences = try await runTool("bench", ["task", task, "--train", file, "--print-sentences", "--size", "small"])
        #expect(sentences.status == 0 && sentences.text.contains("the cat sees the house ."), "\(sentences.errors)")
    }

    /// A coreference network is tested on passages of GAP, whether it is trained for that or read from a file.
    @Test func pronounsAreFoundByACoreferenceNetwork() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let documents = try directory.write("documents", Self.documents), network = directory.file("network")
        let passages = try directory.write(
            "passages", "ID\tText\tPronoun\tPronoun-offset\tA\tA-offset\tA-coref\tB\tB-offset\tB-coref\tURL\n"
                + (0..<4).map { "p-\($0)\tthe cat sees my neighbour. she follows a dog.\tshe\t27\tcat\t4\tFALSE\tneighbour\t16\tTRUE\tu\n" }.joined())
        let options = options("gap", documents, fixture, directory) + ["--test", passages, "--epochs", "2", "--seeds", "2"]
        let learned = try await runTool(
            "bench", options + ["--save", network, "--json", directory.file("results"), "--predictions", directory.file("found")])
        #expect(learned.status == 0 && learned.text.contains("accuracy %"), "\(learned.errors)")
        let loaded = try await runTool(
            "bench", ["task", "gap", "--load", network, "--test", passages, "--table", fixture.table, "--cache", directory.file("cache"), "-q",
                "--predictions", directory.file("found again")])
        #expect(loaded.status == 0, "\(loaded.errors)")
        let found = String(decoding: try contents(of: directory.file("found")), as: UTF8.self)
        #expect(try String(decoding: contents(of: directory.file("found again")), as: UTF8.self) == found && found.hasPrefix( "p-0\t"))
        let coreference = try await runTool(
            "bench", ["task", "coref", "--load", network, "--dev", documents, "--table", fixture.table, "--cache", directory.file("cache"), "-q"])
        #expect(coreference.status == 0 && coreference.text.contains("mean F1 %"), "\(coreference.errors)")
        let table = try await runTool("bench", ["task-table", directory.file("results"), "-q"])
        #expect(table.status == 0 && table.text.contains("gap"), "\(table.errors)")
        let passagesAlone = try await runTool("bench", self.options("gap", passages, fixture, directory))
        #expect(passagesAlone.status == 65 && isOneLine(passagesAlone.errors, naming: "passages: has passages"), "\(passagesAlone.errors)")
    }

    /// Vectors that are made anew for each batch train the same network, to the bit.
    @Test(arguments: ["ner", "snli", "coref"]) func vectorsOnDemandAreThoseOfTheCache(_ task: String) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let file = try directory.write("text", text(task))
        let options = ["task", task, "--train", file, "--dev", file, "--model", fixture.model, "--table", fixture.table, "--size", "small",
            "--epochs", "2", "-q"]
        let cached = try await runTool("bench", options + ["--cache", directory.file("cache"), "--save", directory.file("a")])
        let made = try await runTool("bench", options + ["--no-cache", "--save", directory.file("b")])
        #expect(cached.status == 0 && made.status == 0, "\(cached.errors)\(made.errors)")
        #expect(try contents(of: directory.file("a")) == contents(of: directory.file("b")))
    }

    /// The score in the last record.
    private func value(_ file: String) throws -> Double {
        let text = String(decoding: try contents(of: file), as: UTF8.self)
        let record = try #require(text.split(separator: "\n").last { $0.contains("\"event\":\"task\"") })
        let number = try #require(record.split(separator: ",").first { $0.contains("\"value\":") }?.split(separator: ":").last)
        return try #require(Double(number.prefix { $0 != "}" }))
    }

    /// Vectors that encode writes in any of its forms are those that a model makes.
    @Test(arguments: ["npy", "shard"])
    func vectorsOfFilesAreThoseOfTheModel(_ form: String) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let file = try directory.write("text", Self.columns)
        let lines = directory.file("lines"), vectors = directory.file(form == "npy" ? "v.npy" : "v.shard")
        #expect(try await runTool("bench", ["task", "ner", "--train", file, "--print-sentences", "-o", lines]).status == 0)
        let encoded = try await runTool(
            "encode", ["--whitespace", "--model", fixture.model, "--table", fixture.table, lines, "-o", vectors]
                + (form == "npy" ? ["--format", "npy"] : ["--storage", "float32"]))
        #expect(encoded.status == 0, "\(encoded.errors)")
        let options = options("ner", file, fixture, directory) + ["--epochs", "2", "--predictions"]
        let model = try await runTool("bench", options + [directory.file("a"), "--model", fixture.model])
        let imported = try await runTool("bench", options + [directory.file("b"), "--vectors", "\(vectors),\(vectors)"])
        #expect(model.status == 0 && imported.status == 0, "\(model.errors)\(imported.errors)")
        #expect(try contents(of: directory.file("a")) == contents(of: directory.file("b")))
    }

    /// The same options and seed give the same bytes, whatever the threads, from the cache or not.
    @Test func theResultDoesNotDependOnThreadsOrCache() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let file = try directory.write("text", Self.columns)
        for threads in ["1", "2", "3"] {
            let result = try await runTool(
                "bench", ["task", "ner", "--train", file, "--dev", file, "--model", fixture.model, "--no-words", "--table", fixture.table,
                    "--size", "small", "--epochs", "3", "--seeds", "2", "--cache", directory.file("cache" + (threads == "3" ? "2" : "")), "-q",
                    "--threads", threads, "--save", directory.file(threads)])
            #expect(result.status == 0, "\(result.errors)")
        }
        #expect(try contents(of: directory.file("1")) == contents(of: directory.file("2")))
        #expect(try contents(of: directory.file("1")) == contents(of: directory.file("3")))
    }

    /// Of two systems of which one is always right, the table says that the difference is more than chance.
    @Test func theTableTellsDifferencesFromChance() async throws {
        let directory = try TemporaryDirectory()
        func record(_ system: String, _ seed: Int, _ right: (Int) -> Bool) -> String {
            let units = (0..<100).map { "[\(right($0) ? 1 : 0),1]" }.joined(separator: ",")
            let warning = system == "three" ? ",\"warning\":\"the network gives all 100 examples one class\"" : ""
            return "{\"event\":\"task\",\"system\":\"\(system)\",\"task\":\"sst\",\"measure\":\"accuracy\",\"statistic\":\"accuracy\",\"value\":"
                + "\(Double((0..<100).count(where: right)) / 100),\"taskSeed\":\(seed),\"units\":[\(units)]\(warning)}\n"
        }
        let file = try directory.write(
            "results", record("one", 1) { $0 % 2 == 0 } + record("two", 1) { $0 % 2 == 0 || $0 % 3 == 0 } + record("three", 1) { $0 % 2 == 1 })
        let table = try await runTool("bench", ["task-table", file, "-q"])
        #expect(table.status == 0, "\(table.errors)")
        let rows = table.text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.first { $0.first == "two" }?.contains("+17.00") == true && rows.first { $0.first == "two" }?.last == "*", "\(table.text)")
        #expect(rows.first { $0.first == "three" }?.last != "*", "\(table.text)")
        #expect(table.text.contains("sst, three, seed 1: the network gives all 100 examples one class"), "\(table.text)")
        let missing = try await runTool("bench", ["task-table", file, "--against", "four"])
        #expect(missing.status == 64 && isOneLine(missing.errors, naming: "four"))
    }

    /// The pipeline makes a page of what it measured, and makes it again where another system is the reference.
    @Test(.enabled(if: isInstalled("gnuplot"), "gnuplot is not installed")) func thePipelineMakesAPage() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let text = try directory.write("text", Self.columns), page = directory.file("tasks/results.html")
        func make(_ variables: String) async throws -> ToolResult {
            try await runShell(
                "make -f pipelines/tasks.mk BIN=$BIN OUT='\(directory.path)/tasks' TABLE='\(fixture.table)' MODELS='mine=\(fixture.model)' "
                    + "TABLE_mine='\(fixture.table)' NER_TRAIN='\(text)' NER_DEV='\(text)' SEEDS='1 2' SIZE=small TASK_FLAGS='--epochs 2' "
                    + "COMMON_FLAGS='--threads 1 --quiet' \(variables)")
        }
        let first = try await make("")
        #expect(first.status == 0 && first.text.hasSuffix("\nthe page: \(page)\n"), "\(first.text)\(first.errors)")
        let bytes = try contents(of: page), html = String(decoding: bytes, as: UTF8.self)
        for part in ["<h2>Task ner</h2>", "<bdi>word-vectors</bdi>", "<bdi>mine</bdi>", "less word-vectors", "the development text \(text)"] {
            #expect(html.contains(part), "\(part)")
        }
        #expect(html.ranges(of: "<svg role=\"img\"").count == 2)
        #expect(try await make("").status == 0 && contents(of: page) == bytes)
        let other = try await make("AGAINST=mine")
        #expect(other.status == 0 && !other.text.contains("bench task "), "\(other.text)\(other.errors)")
        #expect(try String(decoding: contents(of: page), as: UTF8.self).contains("less mine"))
    }

    @Test(arguments: [
        ("a B-X\nb\n", 65, "line 2"), ("a O\nb I-X extra\n", 65, "line 2"), ("a O\n\nb O\n", 65, "has no entities"), ("", 65, "text"),
        ("a B-X\nb L-Y\n", 65, "line 2"), ("a Q-X\n", 65, "line 1"),
    ])
    func badTextsAreNamedWithTheLine(text: String, status: Int, complaint: String) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let file = try directory.write("text", text)
        let result = try await runTool("bench", options("ner", file, fixture, directory) + ["-o", directory.file("out")])
        #expect(result.status == status && isOneLine(result.errors, naming: complaint), "\(result.errors)")
        #expect(!directory.entries().contains("out"))
    }

    /// Labels that training has not seen, networks and vectors of another form, a cache that is too small.
    @Test func whatDoesNotFitIsRefused() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let file = try directory.write("text", Self.columns), other = try directory.write("other", "the B-WHO\ncat B-NEW\n")
        let options = options("ner", file, fixture, directory) + ["--epochs", "1"]
        let unknown = try await runTool("bench", options + ["--test", other])
        #expect(unknown.status == 65 && isOneLine(unknown.errors, naming: "other: line 2"), "\(unknown.errors)")
        #expect(try await runTool("bench", options + ["--save", directory.file("network")]).status == 0)
        let load = ["task", "ner", "--dev", file, "--load", directory.file("network"), "--cache", directory.file("cache")]
        let form = try await runTool("bench", load + ["--model", fixture.model, "--table", fixture.table])
        #expect(form.status == 78 && isOneLine(form.errors, naming: "network: is for vectors of"), "\(form.errors)")
        let task = try await runTool("bench", ["task", "snli"] + load.dropFirst(2) + ["--table", fixture.table])
        #expect(task.status != 0 && isOneLine(task.errors, naming: "bench task"), "\(task.errors)")
        let model = try await runTool("bench", ["task", "ner", "--dev", file, "--load", fixture.model, "--table", fixture.table])
        #expect(model.status == 65 && isOneLine(model.errors, naming: "is not the network of a task"), "\(model.errors)")
        let small = try await runTool("bench", options + ["--cache-size", "1K", "--cache", directory.file("other cache")])
        #expect(small.status == 64 && isOneLine(small.errors, naming: "--cache-size"), "\(small.errors)")
        let vectors = try await runTool("bench", options + ["--vectors", "\(file),\(file)"])
        #expect(vectors.status != 0 && isOneLine(vectors.errors, naming: "text"), "\(vectors.errors)")
    }

    /// A file of the cache that is cut short is named, and one that was written by halves is never there.
    @Test func aDamagedCacheIsNamed() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let file = try directory.write("text", Self.columns), options = options("ner", file, fixture, directory) + ["--epochs", "1"]
        #expect(try await runTool("bench", options).status == 0)
        let cut = try await runShell(
            "cd '\(directory.file("cache"))' && for f in *; do head -c 100000 \"$f\" | head -c 900 > cut && mv cut \"$f\"; done")
        #expect(cut.status == 0)
        let result = try await runTool("bench", options)
        #expect(result.status == 65 && isOneLine(result.errors, naming: "cache/"), "\(result.errors)")
    }
}
