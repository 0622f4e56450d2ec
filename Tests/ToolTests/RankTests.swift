import Foundation
import TestSupport
import Testing

/// Training by several ranks, under every mpiexec that is here; `make test` installs one.
@Suite(.enabled(if: !MPIImplementation.installed.isEmpty, "no mpiexec is installed"), .serialized)
struct RankTests {
    private static let quick = [
        "--preset", "tiny", "--batch", "8", "--steps", "12", "--evaluations", "2", "--held-out-every", "50", "--threads", "1", "-q",
    ]

    /// Networks that differ in what ranks send each other: dense gradients, rows, layers in common, kept targets, moments.
    private static let networks: [(name: String, options: [String], lanes: Int, ranks: [Int])] = [
        ("cosine", [], 4, [2, 4]), ("one direction", ["--direction", "forward"], 4, [2, 4]),
        ("trained targets", ["--loss", "contrastive", "--targets", "trained"], 2, [4]),
        ("kept targets", ["--loss", "contrastive", "--more-negatives", "earlier", "--negatives", "25"], 4, [2, 4]),
        ("layers in common", ["--output", "softmax", "--vocab", "V", "--share-layers"], 4, [2, 4]),
        ("rows", ["--output", "sampled-softmax", "--vocab", "V", "--negatives", "9"], 4, [4]),
        ("Adagrad, decay", ["--optimizer", "adagrad", "--rate", "0.1", "--weight-decay", "0.01"], 2, [4]),
        ("masked", ["--objective", "masked", "--accumulate", "2"], 2, [2]),
    ]

    private func options(_ network: [String], _ fixture: Fixture) -> [String] {
        Self.quick + ["--table", fixture.table] + network.map { $0 == "V" ? fixture.vocabulary : $0 }
    }

    @Test(arguments: Self.networks.indices)
    func ranksHaveTheBitsOfOne(_ index: Int) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory(), network = Self.networks[index]
        let options = options(network.options, fixture) + ["--lanes", String(network.lanes), fixture.tokens]
        let alone = try await runTool("train", options + ["-o", directory.file("alone")])
        #expect(alone.status == 0, "\(network.name): \(alone.errors)")
        for ranks in network.ranks {
            let implementation = MPIImplementation.installed[(index + ranks / 4) % MPIImplementation.installed.count]
            let result = try await runRanks(ranks, "train", options + ["-o", directory.file("together")], with: implementation)
            #expect(result.status == 0, "\(network.name), \(ranks) ranks: \(result.errors)")
            #expect(try contents(of: directory.file("alone")) == contents(of: directory.file("together")), "\(network.name), \(ranks) ranks")
        }
    }

    /// Rounded gradients are half of the bytes, weights as many as before: three quarters in all.
    @Test func gradientsOfHalfPrecision() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        func run(_ precision: String) async throws -> Double {
            let result = try await runRanks(
                2, "train", options(["--direction", "forward", "--cell", "200"], fixture)
                    + ["--send", precision, fixture.tokens, "--log", directory.file("log"), "-o", directory.file(precision)],
                with: MPIImplementation.installed[0])
            #expect(result.status == 0, "\(result.errors)")
            let log = String(decoding: try contents(of: directory.file("log")), as: UTF8.self)
            let sent = log.split(separator: "\n").compactMap { line in
                line.range(of: "\"bytesSent\":").flatMap { Double(line[$0.upperBound...].prefix { $0.isNumber }) }
            }
            return try #require(sent.dropFirst(3).min())
        }
        let ratio = try await run("bf16") / run("float32")
        #expect(ratio > 0.74 && ratio < 0.78, "\(ratio)")
        #expect(try contents(of: directory.file("bf16")) != contents(of: directory.file("float32")))
    }

    /// Lanes are part of a run: more of them make another model, of about the same losses.
    @Test func lanesDecideTheResult() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        for lanes in ["1", "2"] {
            let result = try await runTool(
                "train", options([], fixture) + ["--lanes", lanes, fixture.tokens, "--log", directory.file(lanes), "-o", directory.file("m\(lanes)")])
            #expect(result.status == 0, "\(result.errors)")
        }
        #expect(try contents(of: directory.file("m1")) != contents(of: directory.file("m2")))
    }

    /// A run of four ranks goes on with two, and with one, from what it wrote midway.
    @Test(arguments: MPIImplementation.installed)
    func aRunGoesOnWithAnotherNumberOfRanks(_ implementation: MPIImplementation) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let network = ["--loss", "contrastive", "--more-negatives", "earlier", "--negatives", "25", "--checkpoint-every", "0s", "--keep", "99"]
        func options(_ checkpoints: String, _ model: String) -> [String] {
            self.options(network, fixture) + [fixture.tokens, "--checkpoints", directory.file(checkpoints), "-o", directory.file(model)]
        }
        let whole = try await runRanks(4, "train", options("kept", "whole"), with: implementation)
        #expect(whole.status == 0, "\(whole.errors)")
        let copied = try await runShell(
            "cd '\(directory.path)' && for n in 1 2 4; do mkdir from$n && cp kept/step-00000000[1-5].safetensors from$n/ || exit 1; done")
        #expect(copied.status == 0, "\(copied.errors)")
        for ranks in [1, 2, 4] {
            let options = options("from\(ranks)", "model\(ranks)") + ["--resume"]
            let result = ranks == 1 ? try await runTool("train", options) : try await runRanks(ranks, "train", options, with: implementation)
            #expect(result.status == 0, "\(result.errors)")
            #expect(try contents(of: directory.file("whole")) == contents(of: directory.file("model\(ranks)")), "\(ranks) ranks")
        }
    }

    /// A signal to one rank is one to all: the run stops with a checkpoint, and goes on from there.
    @Test(arguments: MPIImplementation.installed)
    func aSignalToOneRankStopsAllWithACheckpoint(_ implementation: MPIImplementation) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let options = Array(Self.quick.dropLast(1)) + [
            "--steps", "100000", "--table", fixture.table, fixture.tokens, "--checkpoints", directory.file("kept"), "-o", directory.file("model"),
        ]
        let words = implementation.command(2, "train", options).map { "'\($0)'" }.joined(separator: " ")
        let result = try await runShell(
            """
            \(words) > '\(directory.file("out"))' 2>&1 & mpiexec=$!
            ready() { grep -q 'steps of' '\(directory.file("out"))'; }
            await $mpiexec ready
            sleep 0.5
            pkill -TERM -n -f '\(directory.file("model"))' || exit 9
            wait $mpiexec
            ls '\(directory.file("kept"))'
            """)
        #expect(result.text.contains("step-"), "\(result.text) \(result.errors)")
        #expect(!directory.entries().contains("model"))
    }

    /// A rank is killed in the middle of a run: `mpiexec` ends the others, and the same command goes on from the last checkpoint, to the
    /// bytes of a run that was left alone.
    @Test(arguments: MPIImplementation.installed)
    func aRunWithAKilledRankGoesOn(_ implementation: MPIImplementation) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        func options(_ model: String) -> [String] {
            self.options(["--direction", "forward", "--lanes", "2", "--evaluations", "0", "--steps", "400"], fixture)
                + [fixture.tokens, "-o", directory.file(model)]
        }
        let alone = try await runTool("train", options("alone"))
        #expect(alone.status == 0, "\(alone.errors)")
        let checkpoints = ["--checkpoints", directory.file("kept"), "--checkpoint-every", "0s", "--resume"]
        let words = implementation.command(2, "train", options("together") + checkpoints).map { "'\($0)'" }.joined(separator: " ")
        let killed = try await runShell(
            """
            \(words) > '\(directory.file("out"))' 2>&1 & mpiexec=$!
            ready() { ls '\(directory.file("kept"))' 2> /dev/null | grep -q safetensors; }
            await $mpiexec ready
            pkill -KILL -n -f '\(directory.file("together"))' || exit 99
            wait $mpiexec
            """)
        #expect(killed.status != 0 && killed.status != 99, "\(killed.text) \(killed.errors)")
        #expect(!directory.entries().contains("together"))
        let resumed = try await runRanks(2, "train", options("together") + checkpoints, with: implementation)
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try contents(of: directory.file("alone")) == contents(of: directory.file("together")))
    }

    /// The lines that are train's and not mpiexec's.
    private func lines(_ result: ToolResult) -> [String] {
        result.errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("train: ") }
    }

    @Test(arguments: [
        (["--lanes", "1"], 4, 64, "--lanes is 1, and each direction has 2 of the 4 ranks: a rank needs a lane at least"),
        (["--lanes", "3", "--batch", "9"], 4, 64, "--lanes is 3, and each direction has 2 of the 4 ranks, which must divide it"),
        (["--lanes", "6", "--batch", "12", "--direction", "forward"], 2, 64, "and several ranks must have a power of two each"),
        (["--lanes", "3"], 3, 64, "--batch is 8, and must be a multiple of the lanes, 3"),
        (["--checkpoints", "/proc/none"], 2, 73, "/proc/none"),
        (["--rate", "1e30", "--clip", "0"], 2, 65, "is no number"),
        (["--no-such-option"], 2, 64, "Unknown option '--no-such-option'"),
        (["--mpi-library", "none.so"], 2, 69, "none.so: is not there"),
    ] as [([String], Int, Int, String)])
    func whatRanksCannotDo(arguments: [String], ranks: Int, status: Int, complaint: String) async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let implementation = MPIImplementation.installed[0]
        let result = try await runRanks(
            ranks, "train", options([], fixture) + arguments + [fixture.tokens, "-o", directory.file("model")], with: implementation)
        #expect(result.status == status, "\(result.errors)")
        let lines = lines(result)
        #expect(lines.count == 1 && lines[0].contains(complaint) && lines[0].hasPrefix("train: rank "), "\(result.errors)")
        #expect(directory.entries().isEmpty)
    }

    /// Ranks with another seed, another text, or a full disk.
    @Test func ranksThatDifferAreFoundBeforeTheFirstStep() async throws {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let implementation = MPIImplementation.installed[0]
        func run(_ first: [String], _ second: [String]) async throws -> ToolResult {
            let words = implementation.command(1, "train", options([], fixture) + first)
                + [":"] + implementation.command(1, "train", options([], fixture) + second).dropFirst()
            return try await runShell("timeout -k 9 60 " + words.map { "'\($0)'" }.joined(separator: " "))
        }
        let model = ["-o", directory.file("model")], other = try directory.write("other", "a dog sees the cat .\n")
        let tokens = directory.file("other.tok")
        #expect(try await runTool("tokenize", [fixture.text, other, "-o", tokens]).status == 0)
        let seeds = try await run([fixture.tokens] + model, ["--seed", "2", fixture.tokens] + model)
        #expect(seeds.status == 78 && lines(seeds).count == 1, "\(seeds.errors)")
        #expect(lines(seeds).first?.contains("rank 1 on host ") == true && lines(seeds).first?.contains("has another --seed than this one") == true)
        let texts = try await run([fixture.tokens] + model, [tokens] + model)
        #expect(texts.status == 78 && lines(texts).first?.contains("has another text") == true, "\(texts.errors)")
        let kept = ["--checkpoints", directory.file("kept")]
        for (first, second, option) in [([], ["--dry-run"], "--dry-run"), (kept, kept + ["--resume"], "--resume"), ([], kept, "--checkpoints")] {
            let ways = try await run(first + [fixture.tokens] + model, second + [fixture.tokens] + model)
            #expect(ways.status == 78 && lines(ways).first?.contains("has another \(option) than") == true, "\(ways.errors)")
        }
        #expect(!directory.entries().contains("model"))
    }

    @Test func standardInputIsNothingForRanks() async throws {
        let fixture = try await Fixture.shared.value
        let result = try await runRanks(2, "train", options([], fixture) + ["-"], with: MPIImplementation.installed[0])
        #expect(result.status == 64 && lines(result).count == 1 && lines(result)[0].contains("standard input"), "\(result.errors)")
    }

    @Test func anMPILibraryIsNothingWithoutMpiexec() async throws {
        let fixture = try await Fixture.shared.value
        let result = try await runTool("train", options([], fixture) + ["--mpi-library", "libmpi.so.40", fixture.tokens, "-o", "/dev/null"])
        #expect(result.status == 64 && result.errors.contains("--mpi-library is not used"), "\(result.errors)")
    }
}
