import Glibc
import TestSupport
import Testing

/// pipelines/one-billion.mk on a small folder of the benchmark's form: what is made, what is made again, and what is refused.
struct OneBillionTests {
    /// A folder with the benchmark's 149 files, a few sentences each, and vectors. The pipeline runs there; the checkout is somewhere else.
    private struct Run {
        let directory: TemporaryDirectory
        let program: String
        var variables = [
            "CORPUS": "corpus", "VECTORS": "words.vec", "OUT": "run", "PRESET": "tiny", "BATCH": "4", "EPOCHS": "1", "FEWEST": "1",
            "MERGES": "20", "TRAIN_FLAGS": "--evaluations 2", "TRAIN_FLAGS_elmo": "--filters 1:4,2:4 --negatives 8",
            "COMMON_FLAGS": "--threads 1",
        ]
        static let training = "corpus/training-monolingual.tokenized.shuffled/news.en-"
        static let heldOut = "corpus/heldout-monolingual.tokenized.shuffled/news.en.heldout-"

        init() async throws {
            directory = try TemporaryDirectory()
            try directory.write("training.txt", Fixture.corpus(lines: 99 * 6))
            try directory.write("held-out.txt", Fixture.corpus(lines: 50 * 3))
            try directory.write("words.vec", Fixture.wordVectors())
            // Some copies have the file of number 0 beside the training files: it is held-out text.
            let prepared = try await runShell(
                """
                pwd; cd \(directory.path); mkdir -p $(dirname \(Self.training)) $(dirname \(Self.heldOut))
                awk '{ print > sprintf("\(Self.training)%05d-of-00100", NR % 99 + 1) }' training.txt
                awk '{ print > sprintf("\(Self.heldOut)%05d-of-00050", NR % 50) }' held-out.txt
                echo this is not for training > \(Self.training)00000-of-00100
                printf '# two hosts\\nfirst\\n2/second\\n' > hosts.txt
                """)
            program = prepared.text.dropLast() + "/pipelines/one-billion.mk"
        }

        /// A command line, to be run in the folder.
        func command(_ changes: [String: String] = [:], _ arguments: String = "", by program: String? = nil) -> String {
            let words = variables.merging(changes) { $1 }.map { "'\($0)=\($1)'" }
            return "\(program ?? self.program) BIN=$BIN \(arguments) \(words.sorted().joined(separator: " "))"
        }

        func callAsFunction(_ changes: [String: String] = [:], _ arguments: String = "") async throws -> ToolResult {
            try await runShell("cd \(directory.path); \(command(changes, arguments))")
        }

        /// The stages that would be run, and with "tokenize N" how many files would be cut.
        func planned(_ changes: [String: String]) async throws -> [String] {
            let result = try await self(changes, "-n")
            #expect(result.status == 0, "\(result.errors)")
            let lines = result.text.split(separator: "\n")
            let cut = lines.count { $0.contains("tokenize --threads 1 --whitespace ") && $0.contains("-of-00100.tok ") }
            return (cut == 0 ? [] : ["tokenize \(cut)"])
                + lines.filter { $0.contains("stage.sh ") }.map { String($0.split(separator: "'")[2].split(separator: " ")[0]) }
        }
    }

    private static let systems = ["elmo-c", "elmo-a", "elmo-sub", "elmo"]

    @Test func fromTheFolderToTheTable() async throws {
        let run = try await Run()
        let result = try await run()
        try #require(result.status == 0, "\(result.errors)")
        let made = try await runShell("cd \(run.directory.path)/run; ls; ls words/tokens units/tokens | grep -c '\\.tok$'; ls runs")
        for system in Self.systems {
            for file in ["\(system).safetensors", "\(system).vectors.shard", "\(system).score.jsonl"] {
                #expect(made.text.contains("\n\(file)\n"), "\(made.text)")
            }
            let encoded = try await runTool("encode", ["--print", run.directory.file("run/\(system).vectors.shard")])
            #expect(encoded.status == 0 && encoded.text.split(separator: "\n").count == 3, "\(encoded.errors)")
        }
        #expect(made.text.contains("\n198\n") && !made.text.contains("checkpoints"), "\(made.text)")
        // Every system has its row: weights, words, words a second, hours, time, perplexity and device, beside the paper's.
        let table = String(decoding: try contents(of: run.directory.file("run/results.txt")), as: UTF8.self)
        #expect(result.text.hasSuffix(table) && table.contains("Quality: ") && table.contains("text 99 files of the One Billion Word"))
        let rows = table.split(separator: "\n").drop { !$0.hasPrefix("beside the paper") }
        for (system, published) in zip(Self.systems, [["(76 M)", "(2.5 days, 4 GPUs)", "1.00 (1)"], ["(196 M)", "(1.6 to 2.3)", "(35.8)"],
                                                      ["(92 M)", "(1.6 to 2.3)"], ["(499 M)", "(14 days, 3 GPUs)", "(4.2)", "(39.7)"]]) {
            let row = try #require(rows.first { $0.hasPrefix(system + " ") })
            #expect(published.allSatisfy(row.contains) && row.hasSuffix(" cpu") && !row.contains(" - "), "\(row)")
        }
        #expect(table.contains("something larger: EPOCHS=1 PRESET=tiny --evaluations 2"))
        // The recipe, and the text: of file number 0 nothing is read.
        let model = try await runTool("train", ["--print", run.directory.file("run/elmo.safetensors")])
        #expect(model.text.contains("adagrad") && model.text.contains("mode=whitespace"), "\(model.text)")
        let words = try await runTool("build-vocab", ["--print", run.directory.file("run/all.vocab")])
        #expect(words.text.contains("cat\t") && !words.text.contains("training"))

        let again = try await run()
        #expect(again.status == 0 && again.text == "make: Nothing to be done for 'one-billion'.\n" && again.errors == "", "\(again)")
        // Where it is computed changes nothing, nor do options that change no result.
        for changes in [["DEVICE": "cuda"], ["DEVICE": "cluster", "HOSTS": "hosts.txt", "MPIEXEC": "true"], ["COMMON_FLAGS": "--quiet"]] {
            #expect(try await run(changes, "-q").status == 0, "\(changes)")
        }
        // What a changed option concerns is made again, and what follows from it.
        func rest(_ systems: [String], from stage: Int = 0) -> [String] {
            systems.flatMap { system in ["train", "encode", "score"][stage...].map { "\($0)-\(system)" } }
        }
        let vocabulary = ["count", "table", "vocabulary"], units = ["merges", "validation-units", "units"]
        #expect(try await run.planned(["ENCODE": "held-out.txt"]) == Self.systems.map { "encode-\($0)" })
        #expect(try await run.planned(["EPOCHS": "2"]) == rest(Self.systems))
        #expect(try await run.planned(["BATCH_elmo-a": "5"]) == rest(["elmo-a"]))
        #expect(try await run.planned(["SYSTEMS": "elmo"]) == [])
        let merges = try await run.planned(["MERGES": "19"])
        #expect(merges == ["tokenize 99"] + units + ["train-elmo-sub", "encode-elmo-sub", "test-units", "score-elmo-sub"], "\(merges)")
        let fewer = try await run.planned(["FILES": "98"])
        #expect(Set(fewer) == Set(["tokenize 98", "test-units"] + vocabulary + units + rest(Self.systems)), "\(fewer)")
        let looked = try await run([:], "-q")
        #expect(looked.status == 0)
    }

    /// A run that is killed while it trains goes on from its last checkpoint, to the bytes of one that was left alone.
    @Test func killedAndRunAgain() async throws {
        var run = try await Run()
        run.variables.merge(
            ["SYSTEMS": "elmo-c", "FILES": "9", "EPOCHS": "300", "TRAIN_FLAGS": "--evaluations 0 --checkpoint-every 0.01s"]) { $1 }
        // Without evaluations there are no scores to tell of, so up to the vectors.
        let result = try await runShell(
            """
            cd \(run.directory.path); set -m
            \(run.command([:], "run/elmo-c.vectors.shard")) > log 2>&1 & make=$!
            await $make filled 'run/runs/elmo-c.checkpoints/step-*'
            kill -KILL -- -$make; wait $make; while kill -0 -- -$make 2> /dev/null; do sleep 0.02; done
            [ ! -e run/elmo-c.safetensors ] || exit 1
            \(run.command([:], "run/elmo-c.vectors.shard")) > log 2>&1 || { cat log >&2; exit 1; }
            grep -o 'going on after step' log; grep '^== ' log
            \(run.command(["OUT": "alone"], "alone/elmo-c.vectors.shard")) > log 2>&1 || { cat log >&2; exit 1; }
            for file in elmo-c.safetensors elmo-c.vectors.shard; do cmp run/$file alone/$file || exit 1; done
            ls -a run run/runs
            """)
        #expect(result.status == 0, "\(result.text) \(result.errors)")
        #expect(result.text.hasPrefix("going on after step\n== 11. train-elmo-c\n== 12. encode-elmo-c\n"), "\(result.text)")
        #expect(!result.text.contains("checkpoints") && !result.text.contains(".tmp"), "\(result.text)")
    }

    /// What would be run on a processor, a GPU and a cluster, with the sizes and batches of the paper; looking makes nothing.
    @Test(arguments: [
        ("cpu", " -- BIN/train --threads 1 --preset PRESET", 198), ("cuda", " -- BIN/train --threads 1 --device cuda --preset PRESET", 198),
        ("cluster", " -- mpirun --hostfile run/stages/mpi-hosts -n 2 BIN/train --threads 1 --preset PRESET", 0),
    ])
    func lookingAtEachDevice(device: String, training: String, files: Int) async throws {
        var run = try await Run()
        for name in ["PRESET", "BATCH", "EPOCHS", "FEWEST", "MERGES", "TRAIN_FLAGS", "TRAIN_FLAGS_elmo"] { run.variables[name] = nil }
        // The name of a program that is there.
        run.variables.merge(["DEVICE": device, "HOSTS": "hosts.txt", "MPIEXEC": "mpirun"]) { $1 }
        let result = try await runShell(
            """
            cd \(run.directory.path); mkdir bin; ln -s /bin/false bin/mpirun; export PATH=$PWD/bin:$PATH
            \(run.command([:], "-n")) && [ ! -e run ] && make -n -f \(run.command()) > again && [ ! -e run ]
            """)
        try #require(result.status == 0, "\(result.errors)")
        let text = result.text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        for (system, options) in zip(Self.systems, [
            "elmo-c --recipe elmo-c --epochs 10 --batch 768 --seed 1 --loss cosine", "elmo-a --recipe elmo-c --epochs 10 --batch 256",
            "elmo-sub --recipe elmo-c --epochs 10 --batch 320", "elmo --recipe elmo --epochs 10 --batch 128",
        ]) {
            let start = training.replacing("BIN", with: toolDirectory).replacing("PRESET", with: options)
            #expect(text.count { $0.contains(start) && $0.contains(" --resume -o run/\(system).safetensors ") } == 1, "\(start) \(text)")
        }
        #expect(text.count { $0.hasPrefix("\(toolDirectory)/tokenize --threads 1 --whitespace ") } == files)
        let byCluster = text.filter { $0.hasPrefix("make -C ") && $0.contains("/cluster.mk HOSTS=\(run.directory.path)/hosts.txt ") }
        #expect(byCluster.count == (device == "cluster" ? 2 : 0), "\(byCluster)")
        #expect(text.count { $0.contains("/encode ") && $0.contains("--device cuda") } == (device == "cuda" ? 4 : 0))
    }

    /// The same on a cluster of this machine alone.
    @Test(
        .enabled(if: access("pipelines/cluster.mk", R_OK) == 0, "there is no pipelines/cluster.mk"),
        .enabled(if: isInstalled("parallel"), "GNU parallel is not installed"))
    func aClusterMakesTheSame() async throws {
        var run = try await Run()
        run.variables.merge(["SYSTEMS": "elmo-sub", "FILES": "5"]) { $1 }
        // Instead of mpiexec: its options, the number of processes, and what is started. A host that is named twice has the slots of both.
        let result = try await runShell(
            """
            cd \(run.directory.path); printf '2/:\\n1/:\\n' > hosts.txt
            printf '%s\\n' '#!/bin/bash' '[ "$1 $(cat $2) $3 $4" = "--hostfile localhost slots=4 -n 4" ] && shift 4 && exec "$@"' > start
            chmod +x start
            \(run.command(["DEVICE": "cluster", "HOSTS": "hosts.txt", "MPIEXEC": "./start", "RANKS": "4", "LANES": "2"])) >&2 &&
            \(run.command(["OUT": "alone", "LANES": "2"])) >&2 &&
            for file in all.vocab units.vocab elmo-sub.safetensors; do cmp run/$file alone/$file || exit 1; done
            cat run/stages/elmo-sub.devices; \(run.command(["LANES": "2"], "-q"))
            """)
        #expect(result.status == 0 && result.text == "cluster\n", "\(result.text) \(result.errors)")
    }

    /// Without vectors, fastText makes some.
    @Test(.enabled(if: isInstalled("fasttext"), "fasttext is not installed")) func vectorsOfTheText() async throws {
        let run = try await Run()
        let result = try await run(
            ["VECTORS": "", "FASTTEXT_FLAGS": "-dim 8 -bucket 1000 -minCount 1", "SYSTEMS": "elmo-c", "FILES": "20"], "run/table")
        #expect(result.status == 0 && result.errors.contains("fasttext skipgram "), "\(result.errors)")
        let table = try await runTool("embed-oov", ["--print", run.directory.file("run/table")])
        #expect(table.text.split(separator: "\n").first?.hasSuffix(" 8") == true, "\(table.errors)")
    }

    /// What is given is looked at before anything is made: a line, and a status of sysexits.h.
    @Test(arguments: [
        ("rm -f TRAINING00007-of-00100 TRAINING00042-of-00100", [:], 66,
         "CORPUS=corpus: 2 of the 99 training files are missing or empty, the first is TRAINING00007-of-00100"),
        (": > HELDOUT00049-of-00050", [:], 66, "CORPUS=corpus: 1 of the 50 held-out files is missing or empty: HELDOUT00049-of-00050"),
        ("rm -f TRAINING00007-of-00100", ["FILES": "7"], 66,
         "CORPUS=corpus: 1 of the 7 training files is missing or empty: TRAINING00007-of-00100"),
        ("rm -rf corpus", [:], 66, "CORPUS=corpus: there is no such folder"),
        (":", ["CORPUS": ""], 64, "CORPUS is not set: it is the extracted folder"),
        (":", ["CORPUS": "a folder"], 64, "CORPUS=a folder: names with blanks are not taken"),
        (":", ["FILES": "0"], 64, "FILES=0: must be from 1 to 99"),
        (":", ["HELD_OUT_FILES": "51"], 64, "HELD_OUT_FILES=51: must be from 1 to 50"),
        (":", ["DEVICE": "tpu"], 64, "DEVICE=tpu: must be cpu, cuda or cluster"),
        (":", ["SYSTEMS": "elmo-c elmo-b"], 64, "SYSTEMS=elmo-c elmo-b: there is no elmo-b, but elmo-c"),
        (":", ["VECTORS": "none.vec"], 66, "VECTORS=none.vec: there is no such file"),
        (":", ["ENCODE": "none"], 66, "ENCODE=none: there is no such file"),
        (":", ["DEVICE": "cluster"], 64, "DEVICE=cluster needs HOSTS"),
        (":", ["DEVICE": "cluster", "HOSTS": "none"], 66, "HOSTS=none: there is no such file"),
        ("echo '#' > empty", ["DEVICE": "cluster", "HOSTS": "empty"], 65, "HOSTS=empty: names no host"),
        (":", ["DEVICE": "cluster", "HOSTS": "hosts.txt", "MPIEXEC": "no-mpiexec"], 69, "no-mpiexec is missing"),
        (":", ["MPIEXEC": "mpiexec --oversubscribe"], 64, "MPIEXEC=mpiexec --oversubscribe: its options go into MPIEXEC_FLAGS"),
        (":", ["RANKS": "1.5"], 64, "RANKS=1.5: must be a whole number"), (":", ["LANES": "0"], 64, "LANES=0: --lanes must be from 1"),
        (":", ["EPOCHS": "x"], 64, "EPOCHS=x: The value 'x' is invalid"), (":", ["EPOCHS": "0"], 64, "EPOCHS=0: --epochs must be above 0"),
        (":", ["PRESET_elmo": "huge"], 64, "PRESET_elmo=huge: The value 'huge' is invalid"),
        (":", ["OUT": "/proc/none"], 73, "OUT=/proc/none cannot be made or written"),
        (":", ["EPOCH": "3"], 64, "there is no variable EPOCH; the nearest is EPOCHS"),
    ] as [(String, [String: String], Int, String)])
    func refused(change: String, variables: [String: String], status: Int, hint: String) async throws {
        func named(_ text: String) -> String { text.replacing("TRAINING", with: Run.training).replacing("HELDOUT", with: Run.heldOut) }
        let run = try await Run()
        // By its name, with a status of sysexits.h; and by make, with make's own.
        for (program, expected) in [(run.program, status), ("make -f \(run.program)", 2), ("make -n -f \(run.program)", 2)] {
            let result = try await runShell(
                "cd \(run.directory.path); \(named(change)); \(run.command(variables, by: program)); s=$?; [ ! -e run ] && exit $s")
            #expect(result.status == expected && isOneLine(result.errors, naming: "one-billion.mk: \(named(hint))"), "\(result)")
        }
    }

    /// Files that a smaller run does not read need not be there, and the folder may be the one above, or one for all files.
    @Test(arguments: ["corpus", "whole", "flat"]) func otherFolders(name: String) async throws {
        let run = try await Run()
        let result = try await runShell(
            """
            cd \(run.directory.path); mkdir whole flat; rm \(Run.training)0009* \(Run.heldOut)0004*
            cp -r corpus whole/1-billion-word-language-modeling-benchmark-r13output; cp corpus/*/* flat
            \(run.command(["CORPUS": name, "FILES": "3", "HELD_OUT_FILES": "1", "SYSTEMS": "elmo"])) > log 2>&1 || { cat log >&2; exit 1; }
            cat run/words.vocab | $BIN/build-vocab --print - | awk '{ n += $NF } END { print n }'
            """)
        #expect(result.status == 0 && Int(result.text.dropLast()) ?? 0 > 0, "\(result.errors)")
    }
}
