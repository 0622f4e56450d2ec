import TestSupport
import Testing

/// `train` as a process that is stopped, killed, and started again.
struct RestartTests {
    private func words(_ fixture: Fixture, _ directory: TemporaryDirectory, _ name: String) -> String {
        "--preset tiny --batch 4 --window 5 --epochs 3 --evaluations 3 --table '\(fixture.table)' --log '\(directory.file("\(name).log"))' "
            + "'\(fixture.tokens)' -o '\(directory.file("\(name).model"))'"
    }

    /// Killed after random times, and resumed until it ends, the run gives the bytes of one that was left alone.
    @Test func killedAtAnyMoment() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let whole = try await runShell("$BIN/train -q --threads 2 \(words(fixture, directory, "whole"))")
        try #require(whole.status == 0, "\(whole.errors)")
        // Checkpoints follow each other without a pause, so that many a kill comes in the middle of one.
        let command =
            "$BIN/train --threads 1 --checkpoints '\(directory.file("checkpoints"))' --checkpoint-every 0s --resume "
            + words(fixture, directory, "pieces")
        let pieces = try await runShell(
            """
            newest() { ls '\(directory.path)/checkpoints' 2>/dev/null | grep step | tail -1; }
            for pause in 0 0.02 0.05 0.01 0.1 0.03 0 0.07; do
                before=$(newest)
                \(command) & pid=$!
                for i in $(seq 500); do [ "$(newest)" != "$before" ] && break; sleep 0.02; done
                sleep $pause; kill -KILL $pid; wait $pid
            done
            \(command)
            """)
        #expect(pieces.status == 0, "\(pieces.errors)")
        #expect(pieces.errors.contains("going on after step"))
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
            # set -m, or the shell makes its background processes ignore SIGINT; --foreground, or timeout sends a signal
            # twice, to train and to its group, and the second ends train at once.
            set -m
            timeout --foreground -s KILL 100 $BIN/train --epochs 100000 \(options) '\(fixture.tokens)' -o '\(directory.file("model"))' &
            for i in $(seq 600); do [ -s '\(directory.file("log"))' ] && break; sleep 0.1; done
            kill -\(signal) $!; wait $!
            """)
        #expect(result.status == status)
        #expect(result.errors.contains("checkpoint written; --resume goes on"))
        #expect(!directory.entries().contains("model"))
        let next = try await runTool(
            "train", ["--epochs", "100000", "--time", "0.1s", "--resume", "--preset", "tiny", "--table", fixture.table,
                      "--checkpoints", checkpoints, fixture.tokens, "-o", directory.file("model")])
        #expect(next.status == 0 && next.errors.contains("going on after step"), "\(next.errors)")
        #expect(directory.entries().contains("model"))
    }

    @Test func twoRunsInOneDirectory() async throws {
        let fixture = try await Fixture.shared.value
        let directory = try TemporaryDirectory()
        let command =
            "$BIN/train -q --preset tiny --checkpoints '\(directory.path)/checkpoints' --table '\(fixture.table)' '\(fixture.tokens)'"
        let result = try await runShell(
            """
            \(command) --epochs 100000 --time 20s -o '\(directory.file("first"))' &
            for i in $(seq 600); do [ -e '\(directory.path)/checkpoints/lock' ] && break; sleep 0.1; done
            sleep 0.3; \(command) -o '\(directory.file("second"))'; status=$?; kill $!; exit $status
            """)
        #expect(result.status == 75)
        #expect(isOneLine(result.errors, naming: "\(directory.path)/checkpoints"), "\(result.errors)")
        #expect(!directory.entries().contains("second"))
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
