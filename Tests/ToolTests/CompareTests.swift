import FoundationEssentials
import TestSupport
import Testing

/// Quality at equal cost: pipelines/compare.mk and its scripts.
struct CompareTests {
    private struct Line: Decodable {
        let event: String
        let words: Int?
        let seconds: Double?
        let system, budget, direction, task, measure: String?
        let seed, candidates: Int?
        let positions: Int?
        let version: String?
        let top1, candidatePerplexity, perplexity, value, unigramTop1, unigramPerplexity, loss, constantLoss: Double?
    }

    private static func lines(_ path: String) throws -> [Line] {
        try String(decoding: contents(of: path), as: UTF8.self).split(separator: "\n")
            .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    private static func last(_ path: String) throws -> Line { try #require(try lines(path).last { $0.event == "train" }) }

    /// `train` for equal-cost.sh, with which nothing depends on the clock: where it would train for as long as another run took,
    /// it makes as many steps as the file `steps` says.
    private static func trainBySteps(_ directory: TemporaryDirectory, _ steps: Int) throws -> String {
        try directory.write("steps", "\(steps)")
        return try directory.write(
            "train.sh",
            """
            # A run that is to be ended by its time has these many passes.
            case "$*" in *' --epochs 100000 '*) set -- "$@" --steps "$(cat '\(directory.file("steps"))')" ;; esac
            exec "$@"
            """)
    }

    /// Whichever budget is spent first, both models come of one run, and that of the words is what `train` alone makes. The first
    /// time is over after a step, the second never.
    @Test(arguments: [(0.0001, true), (1e6, false)]) func bothBudgetsOfOneRun(seconds: Double, timeIsFirst: Bool) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory(), others = try TemporaryDirectory()
        let options = "--preset tiny --schedule constant --batch 8 --held-out-every 10 --evaluations 2 --table \(fixture.table)"
        let log = try directory.write("reference.jsonl", "{\"event\":\"train\",\"seconds\":\(seconds),\"words\":1}\n")
        let result = try await runShell(
            """
            pipelines/equal-cost.sh \(directory.file("run")) \(log) 1 bash \(Self.trainBySteps(others, 100)) $BIN/train \(options) \
            \(fixture.tokens) &&
            cd \(directory.path) && $BIN/train --quiet \(options) --epochs 1 --log alone.jsonl -o alone \(fixture.tokens)
            """)
        try #require(result.status == 0, "\(result.errors)")
        #expect(
            Set(directory.entries()) == [
                "reference.jsonl", "run.time.model", "run.time.jsonl", "run.words.model", "run.words.jsonl", "alone",
                "alone.jsonl",
            ])
        #expect(try contents(of: directory.file("run.words.model")) == contents(of: directory.file("alone")))
        let time = try Self.last(directory.file("run.time.jsonl")), words = try Self.last(directory.file("run.words.jsonl"))
        let alone = try Self.last(directory.file("alone.jsonl"))
        #expect(words.words == alone.words)
        let (timeWords, wordsWords) = (try #require(time.words), try #require(words.words))
        #expect(timeIsFirst ? timeWords < wordsWords : timeWords > wordsWords)
        #expect(try #require(time.seconds) > (timeIsFirst ? seconds : #require(words.seconds)))
    }

    /// A system that needs no word vectors gets the time that these took, too, and goes on from one model to the next.
    @Test func theTimeOfTheVectorsIsAThirdBudget() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory(), others = try TemporaryDirectory()
        let log = try directory.write("reference.jsonl", "{\"event\":\"train\",\"seconds\":0.0001,\"words\":1}\n")
        let result = try await runShell(
            """
            echo 1000000 > \(directory.file("seconds"))
            VECTOR_SECONDS=\(directory.file("seconds")) pipelines/equal-cost.sh \(directory.file("run")) \(log) 1 \
            bash \(Self.trainBySteps(others, 100)) $BIN/train --preset tiny --batch 8 --table \(fixture.table) \(fixture.tokens)
            """)
        try #require(result.status == 0, "\(result.errors)")
        #expect(
            Set(directory.entries()) == Set(
                ["reference.jsonl", "seconds"] + ["words", "time", "vectors"].flatMap { ["run.\($0).model", "run.\($0).jsonl"] }))
        let words = try ["time", "words", "vectors"].map { try #require(Self.last(directory.file("run.\($0).jsonl")).words) }
        #expect(words[0] < words[1] && words[1] < words[2], "\(words)")
    }

    /// Every option of the contrastive loss beside the others, each run once, and read from its log when it is asked for again.
    @Test func optionsOfTheContrastiveLoss() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory(), out = directory.file("out")
        let files = "\(fixture.tokens) \(fixture.tokens) \(fixture.table) \(fixture.vocabulary)"
        func run(_ sets: String) async throws -> String {
            let result = try await runShell(
                "BIN=$BIN OUT=\(out) SETS='\(sets)' TRAIN_FLAGS='--preset tiny --steps 5 --batch 2 --direction forward' "
                    + "pipelines/contrastive-options.sh \(files)")
            try #require(result.status == 0, "\(result.errors)")
            return result.text
        }
        let first = try await run("baselines targets")
        for name in ["cosine", "contrastive", "full softmax", "frozen", "mapped", "trained", "whitened", "random share 0.3", "learned scale"] {
            #expect(first.split(separator: "\n").contains { $0.hasPrefix(name + " ") && !$0.contains("nan") }, "\(name): \(first)")
        }
        #expect(try await run("baselines targets") == first)
        #expect(try await runShell("SETS=none BIN=$BIN OUT=\(out) pipelines/contrastive-options.sh \(files)").status == 64)
    }

    /// Interrupted between its two budgets, a run keeps the model of the first.
    @Test func interruptedBetweenBudgets() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let log = try directory.write("reference.jsonl", "{\"event\":\"train\",\"seconds\":1000000,\"words\":1}\n")
        let train = try Self.trainBySteps(directory, 1_000_000_000)
            + " $BIN/train --preset tiny --batch 8 --checkpoint-every 0s --table \(fixture.table) \(fixture.tokens)"
        let run = "pipelines/equal-cost.sh \(directory.file("run")) \(log) 1 bash \(train)"
        let result = try await runShell(
            """
            set -m; \(run) & script=$!
            cd \(directory.path)
            await $script filled run.words.first.model
            cp run.words.first.model first
            # The run goes on, and is interrupted when it has made another checkpoint.
            files=(run.checkpoints/step-*) before=${files[-1]}
            has_another() { local files=(run.checkpoints/step-*); [ "${files[-1]}" != "$before" ]; }
            await $script has_another
            train=$(children $script)
            kill -TERM -- -$script; wait $script
            while running $train; do sleep 0.02; done
            [ ! -e run.time.model ] || exit 1
            cd "$OLDPWD"; echo 100 > \(directory.file("steps")); \(run)
            """)
        #expect(result.status == 0, "\(result.errors)")
        #expect(try contents(of: directory.file("run.words.model")) == contents(of: directory.file("first")))
        #expect(try contents(of: directory.file("run.time.model")) != contents(of: directory.file("first")))
    }

    @Test func referenceServesForBothBudgets() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let train = "$BIN/train --preset tiny --table \(fixture.table) \(fixture.tokens)"
        let run = "pipelines/equal-cost.sh \(directory.file("run")) - 0.5 \(train)"
        let result = try await runShell("\(run) && \(run)")
        #expect(result.status == 0, "\(result.errors)")
        #expect(try contents(of: directory.file("run.time.model")) == contents(of: directory.file("run.words.model")))
        #expect(try contents(of: directory.file("run.time.jsonl")) == contents(of: directory.file("run.words.jsonl")))
    }

    /// Every line is in one part or the other, once, and in the same order each time.
    @Test func linesAreSplit() async throws {
        let directory = try TemporaryDirectory()
        let all = (0..<100).map { "line \($0)\twith a tab" }
        let first = try directory.write("a", all.prefix(60).joined(separator: "\n") + "\n")
        let second = try directory.write("b", all.dropFirst(60).joined(separator: "\n") + "\n")
        let split = "pipelines/split-lines.sh"
        // A last line without its end is a line.
        try directory.write("a", all.prefix(60).joined(separator: "\n"))
        let packed = try await runShell("gzip \(second)")
        #expect(packed.status == 0)
        func part(_ arguments: String) async throws -> [String] {
            let result = try await runShell("\(split) \(arguments) \(first) \(second).gz")
            #expect(result.status == 0, "\(result.errors)")
            return result.text.split(separator: "\n").map(String.init)
        }
        let train = try await part("10 train"), heldOut = try await part("10 held-out")
        #expect(train.count == 90 && heldOut.count == 10 && (train + heldOut).sorted() == all.sorted())
        #expect(try await part("10 train") == train)
        let whole = try await part("0 train")
        #expect(whole.sorted() == all.sorted() && whole != all)
        #expect(try await part("0 held-out").isEmpty)
    }

    /// Encoders and objectives beside each other, in place of output layers.
    @Test(.enabled(if: isInstalled("gnuplot"), "gnuplot is not installed")) func encodersBesideEachOther() async throws {
        let directory = try TemporaryDirectory(), out = directory.file("out")
        let text = try directory.write("text", Fixture.corpus(lines: 800)), vectors = try directory.write("words.vec", Fixture.wordVectors())
        let make = """
            make -f pipelines/compare.mk BIN=$BIN TEXT=\(text) VECTORS=\(vectors) OUT=\(out) PRESET=tiny SEEDS=3 VOCABULARY=30 \
            CANDIDATES=20 HELD_OUT_EVERY=10 TRAIN_FLAGS='--batch 4 --evaluations 2' SIZE_qrnn='--cell 16' SIZE_sru='--cell 16' \
            SIZE_transformer='--width 16 --layers 2 --window 10' SIZE_masked-lstm='--window 10'
            """
        let encoders = ["lstm", "qrnn", "sru", "transformer", "masked-lstm", "masked-transformer"]
        let result = try await runShell("\(make) ENCODERS='\(encoders.joined(separator: " "))'")
        try #require(result.status == 0, "\(result.errors)")
        let quality = try Self.lines("\(out)/results.jsonl").filter { $0.event == "quality" }
        for encoder in encoders {
            let own = quality.filter { $0.system == encoder }
            #expect(own.compactMap(\.budget).sorted() == ["time", "words"] && own.allSatisfy { $0.perplexity ?? 0 > 1 }, "\(encoder)")
        }
        let table = String(decoding: try contents(of: "\(out)/results.txt"), as: UTF8.self)
        #expect(encoders.allSatisfy(table.contains))
        let wrong = try await runShell("\(make) ENCODERS='lstm cnn'")
        #expect(wrong.status != 0 && wrong.errors.contains("there is no cnn"), "\(wrong.errors)")
    }

    /// The whole comparison at a size that takes seconds.
    @Test(.enabled(if: isInstalled("gnuplot"), "gnuplot is not installed")) func theWholeComparison() async throws {
        let directory = try TemporaryDirectory()
        let text = try directory.write("text", Fixture.corpus(lines: 800))
        let vectors = try directory.write("words.vec", Fixture.wordVectors())
        let labelled = (0..<60).map { index in
            let animal = ["cat", "dog", "bird"][index % 3]
            return "the DT O\n\(animal) NN B-ANIMAL\nsees VB O\nthe DT O\nhouse NN O\n. . O\n\n"
        }
        let train = try directory.write("train.conll", labelled.joined())
        let test = try directory.write("test.conll", labelled.prefix(20).joined())
        let out = directory.file("out")
        let make = """
            make -f pipelines/compare.mk BIN=$BIN TEXT=\(text) VECTORS=\(vectors) OUT=\(out) PRESET=tiny SEEDS='3 4' VOCABULARY=30 \
            MERGES=20 CANDIDATES=20 NEGATIVES=8 CUTOFFS=5,15 FILTERS=1:4,2:4 HELD_OUT_EVERY=10 PROBE_TRAIN=\(train) \
            PROBE_TEST=\(test) PROBE_COLUMNS='3 2' TRAIN_FLAGS='--batch 4 --evaluations 2'
            """
        let result = try await runShell(make)
        try #require(result.status == 0, "\(result.errors)")
        let lines = try Self.lines("\(out)/results.jsonl")
        let systems = ["ELMo-C", "contrastive", "mapped", "trained", "ELMo-A", "ELMo", "ELMo-Sub", "softmax"]
        let quality = lines.filter { $0.event == "quality" }
        for system in systems {
            for budget in ["words", "time"] {
                let own = quality.filter { $0.system == system && $0.budget == budget }
                #expect(own.map(\.seed) == [3, 4], "\(system) \(budget)")
                for line in own {
                    #expect(line.candidates == quality[0].candidates && (line.top1 ?? -1) >= 0 && (line.perplexity ?? 0) > 1)
                    // All rank the same positions, beside the same unigram model; the continuous output has a loss of cosines.
                    #expect(line.positions == quality[0].positions && line.unigramTop1 == quality[0].unigramTop1)
                    #expect(line.unigramPerplexity ?? 0 > 1)
                    #expect((line.constantLoss != nil) == (system == "ELMo-C") && (line.loss != nil) == (system == "ELMo-C"))
                    // Units of words have a perplexity of their own only.
                    #expect((line.candidatePerplexity == nil) == (system == "ELMo-Sub"))
                }
                let probes = lines.filter { $0.event == "probe" && $0.system == system && $0.budget == budget }
                #expect(Set(probes.map(\.measure)) == ["F1", "accuracy"] && probes.count == 4)
            }
        }
        // The same words for all: a pass and what fills its last step.
        let words = quality.filter { $0.budget == "words" }.compactMap(\.words)
        #expect(Double(words.max() ?? 0) < 1.1 * Double(words.min() ?? 0), "\(words)")
        #expect(lines.filter { $0.event == "probe" && $0.system == "word vectors" }.count == 4)
        #expect(lines.contains { $0.event == "curve" && $0.system == "ELMo-Sub" })
        let table = String(decoding: try contents(of: "\(out)/results.txt"), as: UTF8.self)
        #expect(systems.allSatisfy(table.contains) && table.contains("same time") && table.contains("accuracy"))
        #expect(table.contains("\nunigram model ") && table.contains("\nconstant vector "))
        // The held-out text is small, and so are two seeds.
        let positions = try #require(quality[0].positions)
        #expect(table.contains("small: \(positions) positions, 2 seeds"), "\(table)")
        #expect(lines[0].event == "machine" && lines[0].version?.contains("(") == false)
        let page = String(decoding: try contents(of: "\(out)/results.html"), as: UTF8.self)
        #expect(page.contains("ELMo-Sub") && page.contains("unigram model") && page.contains("Contour \(lines[0].version ?? "")<"))
        // Nothing has changed, so nothing is made again.
        #expect(try await runShell("\(make) -q compare").status == 0)
        // What a changed option concerns is, and nothing else: the systems, that are trained again.
        for (change, trained) in [
            ("MERGES=19", ["ELMo-Sub-3", "ELMo-Sub-4"]), ("CUTOFFS=6,15", ["ELMo-A-3", "ELMo-A-4"]), ("PROBE_FLAGS='--epochs 2'", []),
            ("SEEDS='3 4 5'", systems.map { "\($0)-5" }),
        ] {
            let shown = try await runShell("\(make) -n \(change)")
            let runs = shown.text.split(separator: "\n").filter { $0.contains("equal-cost.sh ") }
            #expect(runs.count == trained.count && zip(runs, trained).allSatisfy { $0.contains("/runs/\($1) ") }, "\(runs)")
            #expect(shown.text.contains("bench probe"))
        }
    }
}
