import TestSupport
import Testing

/// `train` as a process that is stopped, killed, and started again.
struct RestartTests {
    private func words(_ fixture: Fixture, _ directory: TemporaryDirectory, _ name: String) -> String {
        "--preset tiny --batch 4 --window 5 --epochs 10 --evaluations 3 --table '\(fixture.table)' --log '\(directory.file("\(name).log"))' "
            + "'\(fixture.tokens)' -o '\(directory.file("\(name).model"))'"
    }

    /// Killed again and again, and resumed until it ends, the run gives the bytes of one that was left alone.
    @Test func killedAtAnyMoment() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let whole = try await runShell("$BIN/train -q --threads 2 \(words(fixture, directory, "whole"))")
        try #require(whole.status == 0, "\(whole.errors)")
        let command =
            "$BIN/train --threads 1 --checkpoints '\(directory.file("checkpoints"))' --resume " + words(fixture, directory, "pieces")
        // Checkpoints follow each other without a pause, and every kill comes when there is one more, or when one is being
        // written: 8 of the 2,000 that the run would make.
        let pieces = try await runShell(
            """
            cd '\(directory.path)'
            has_another() { local files=(checkpoints/step-*.safetensors); [ "${files[-1]}" != "$before" ]; }
            is_writing() { has_another && filled 'checkpoints/.step-*.tmp'; }
            for moment in has_another is_writing has_another is_writing is_writing has_another is_writing is_writing; do
                files=(checkpoints/step-*.safetensors) before=${files[-1]}
                \(command) --checkpoint-every 0s & train=$!
                await $train $moment
                kill -KILL $train; wait $train
                [ $? = 137 ] || { echo 'the run ended before it was killed' >&2; exit 1; }
            done
            \(command)
            """)
        #expect(pieces.status == 0, "\(pieces.errors)")
        #expect(pieces.errors.split(separator: "\n").count { $0.contains("going on after step") } == 8, "\(pieces.errors)")
        #expect(try contents(of: directory.file("pieces.model")) == contents(of: directory.file("whole.model")))
        func losses(_ name: String) throws -> [Substring] {
            String(decoding: try contents(of: directory.file("\(name).log")), as: UTF8.self).split(separator: "\n")
                .map { line in line.split(separator: ",").first { $0.contains("\"loss\":") } ?? "" }
        }
        #expect(try losses("pieces") == losses("whole"))
        #expect(!directory.entries().contains { $0.hasSuffix(".tmp") && !$0.contains("pieces.model") })
    }

    @Test(arguments: [("TERM", 143), ("INT", 130)]) func aSignalStopsAfterACheckpoint(signal: String, status: Int) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let checkpoints = directory.file("checkpoints")
        let options = "--preset tiny --table '\(fixture.table)' --checkpoints '\(checkpoints)' --log '\(directory.file("log"))'"
        // Wait for the log's first lines: from then on the signal is listened to.
        let result = try await runShell(
            """
            # set -m, or the shell makes its background processes ignore SIGINT.
            set -m
            $BIN/train --epochs 10000 \(options) '\(fixture.tokens)' -o '\(directory.file("model"))' & train=$!
            await $train filled '\(directory.file("log"))'
            kill -\(signal) $train; wait $train
            """)
        #expect(result.status == status)
        #expect(result.errors.contains("checkpoint written; --resume goes on"))
        #expect(!directory.entries().contains("model"))
        let next = try await runTool(
            "train", ["--epochs", "10000", "--time", "0.1s", "--resume", "--preset", "tiny", "--table", fixture.table,
                      "--checkpoints", checkpoints, fixture.tokens, "-o", directory.file("model")])
        #expect(next.status == 0 && next.errors.contains("going on after step"), "\(next.errors)")
        #expect(directory.entries().contains("model"))
    }

    /// A checkpoint that cannot be written, here because files may not grow, leaves those before it, and the error says so.
    @Test func aFullDiskLeavesACheckpoint() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let train = "$BIN/train -q --preset tiny --table '\(fixture.table)' --epochs 10000 --resume '\(fixture.tokens)' -o model --checkpoints"
        let result = try await runShell(
            """
            cd '\(directory.path)'
            (ulimit -f 8; exec \(train) none --checkpoint-every 0s) 2> none.errors; echo $?
            \(train) some --log log & train=$!
            await $train filled log; kill -TERM $train; wait $train; echo $?
            (ulimit -f 8; exec \(train) some --checkpoint-every 0s) 2> some.errors; echo $?; cd some; ls step-*
            """)
        let lines = result.text.split(separator: "\n")
        try #require(lines.count == 4 && lines.prefix(3) == ["74", "143", "74"], "\(result.text) \(result.errors)")
        func errors(_ name: String) throws -> String { String(decoding: try contents(of: directory.file(name)), as: UTF8.self) }
        #expect(try isOneLine(errors("none.errors"), naming: "none/step-") && !errors("none.errors").contains("--resume"))
        #expect(try isOneLine(errors("some.errors"), naming: "some/step-"))
        #expect(try errors("some.errors").hasSuffix("; the same command with --resume goes on from some/\(lines[3])\n"))
    }

    @Test func twoRunsInOneDirectory() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let command =
            "$BIN/train -q --preset tiny --checkpoints '\(directory.path)/checkpoints' --table '\(fixture.table)' '\(fixture.tokens)'"
        // A checkpoint shows that the first run holds the directory; nothing but the signal ends that run.
        let result = try await runShell(
            """
            \(command) --epochs 10000 --checkpoint-every 0s -o '\(directory.file("first"))' & train=$!
            await $train filled '\(directory.path)/checkpoints/step-*'
            \(command) -o '\(directory.file("second"))'; status=$?
            kill $train; wait $train; [ $? = 143 ] || exit 1
            exit $status
            """)
        #expect(result.status == 75)
        #expect(isOneLine(result.errors, naming: "\(directory.path)/checkpoints"), "\(result.errors)")
        #expect(directory.entries() == ["checkpoints"])
    }

    /// The third checkpoint finds no room (a limit on the size of files stands for a full disk).
    @Test func aFullDiskLeavesEarlierCheckpoints() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let common =
            "-q --preset tiny --batch 4 --checkpoints '\(directory.file("checkpoints"))' --table '\(fixture.table)' '\(fixture.tokens)'"
        let first = try await runShell("$BIN/train --steps 3 \(common) -o '\(directory.file("first"))'")
        try #require(first.status == 0, "\(first.errors)")
        let before = try contents(of: directory.file("checkpoints/step-000000003.safetensors"))
        let second = try await runShell(
            "trap '' XFSZ; ulimit -f 16; $BIN/train --steps 9 --resume \(common) -o '\(directory.file("second"))'")
        #expect(second.status == 74)
        #expect(isOneLine(second.errors, naming: directory.file("checkpoints/")), "\(second.errors)")
        #expect(try contents(of: directory.file("checkpoints/step-000000003.safetensors")) == before)
        let third = try await runShell("$BIN/train --steps 9 --resume \(common) -o '\(directory.file("third"))'")
        #expect(third.status == 0, "\(third.errors)")
        #expect(directory.entries().contains("third"))
    }

    @Test func checkpointsAreNotOverwrittenWithoutAWord() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let arguments = [
            "--preset", "tiny", "--steps", "2", "--table", fixture.table, "--checkpoints", directory.file("checkpoints"),
            fixture.tokens, "-o", directory.file("model"),
        ]
        #expect(try await runTool("train", ["-q"] + arguments).status == 0)
        let second = try await runTool("train", ["-q"] + arguments)
        #expect(second.status == 64 && isOneLine(second.errors, naming: directory.file("checkpoints")), "\(second.errors)")
        let other = try await runTool("train", ["-q", "--cell", "40", "--resume"] + arguments)
        #expect(other.status == 78 && other.errors.contains("cell 32, not 40"), "\(other.errors)")
    }

    @Test func theModelMayLieAmongItsCheckpoints() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let result = try await runTool(
            "train", ["-q", "--preset", "tiny", "--steps", "2", "--table", fixture.table, "--checkpoints",
                      directory.file("run"), fixture.tokens, "-o", directory.file("run/model.safetensors")])
        #expect(result.status == 0, "\(result.errors)")
        #expect(try contents(of: directory.file("run/model.safetensors")).count > 1000)
    }

    @Test func aDryRunTellsWhatItTakes() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let model = try directory.write("model", "precious")
        let result = try await runTool(
            "train", ["--dry-run", "--preset", "small", "--table", fixture.table, fixture.tokens, "-o", model])
        #expect(result.status == 0, "\(result.errors)")
        let lines = result.text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
        #expect(lines.allSatisfy { $0.count == 2 })
        let figures = Dictionary(uniqueKeysWithValues: lines.map { ($0[0], $0[1]) })
        #expect(figures["sentences"] == "594" && figures["weights"].flatMap { Int($0) } ?? 0 > 1_000_000)
        #expect(try contents(of: model) == Array("precious".utf8))
        for name in ["memory, embedding table", "memory, backward layer2 parameters", "memory in all", "time of training, about", "time in all, about"] {
            #expect(figures[name] != nil, "\(name)")
        }
        let damaged = try directory.write("cut", Array(contents(of: fixture.tokens).dropLast(9)))
        #expect(try await runTool("train", ["--dry-run", "--table", fixture.table, damaged]).status == 65)
    }

    @Test func directionsOnTwoMachines() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let common = ["-q", "--preset", "tiny", "--steps", "4", "--table", fixture.table, fixture.tokens, "-o"]
        for direction in ["forward", "backward", "both"] {
            let result = try await runTool("train", ["--direction", direction] + common + [directory.file(direction)])
            #expect(result.status == 0, "\(result.errors)")
        }
        let merged = try await runTool(
            "train", ["--merge", directory.file("backward"), directory.file("forward"), "-o", directory.file("merged")])
        #expect(merged.status == 0, "\(merged.errors)")
        #expect(try contents(of: directory.file("merged")) == contents(of: directory.file("both")))
        let wrong = try await runTool(
            "train", ["--merge", directory.file("forward"), directory.file("both"), "-o", directory.file("wrong")])
        #expect(wrong.status == 78 && isOneLine(wrong.errors, naming: directory.file("forward")), "\(wrong.errors)")
    }

    @Test(arguments: ["l2", "max-margin", "vmf"]) func otherLosses(loss: String) async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let model = directory.file("model")
        let result = try await runTool(
            "train", ["--preset", "tiny", "--loss", loss, "--steps", "5", "--batch", "8", "--table", fixture.table,
                      fixture.tokens, "-o", model])
        #expect(result.status == 0 && result.errors.contains("objective"), "\(result.errors)")
        #expect(try await runTool("train", ["--print", model]).text.contains(loss))
    }
}
