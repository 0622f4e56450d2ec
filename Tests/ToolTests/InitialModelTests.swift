import TestSupport
import Testing

/// `train --init`: training that begins with the weights of a finished model.
@Suite struct InitialModelTests {
    private let quick = ["--preset", "tiny", "--batch", "4", "--direction", "forward", "--quiet"]
    /// A rate at which a step changes next to nothing.
    private let still = ["--steps", "1", "--rate", "1e-30", "--warmup", "0"]

    private struct Inputs {
        let directory: TemporaryDirectory, tokens: String, table: String, vocabulary: String

        func file(_ name: String) -> String { directory.file(name) }
    }

    private func inputs() async throws -> Inputs {
        let fixture = try await Fixture.shared.value, directory = try TemporaryDirectory()
        let vocabulary = directory.file("vocabulary")
        #expect(try await runTool("build-vocab", [fixture.tokens, "-o", vocabulary, "--quiet"]).status == 0)
        return Inputs(directory: directory, tokens: fixture.tokens, table: fixture.table, vocabulary: vocabulary)
    }

    private func train(_ inputs: Inputs, _ options: [String], to name: String, says: Bool = false) async throws -> String {
        let result = try await runTool("train", (says ? quick.dropLast() : quick[...]) + options + [inputs.tokens, "-o", inputs.file(name)])
        #expect(result.status == 0, "\(result.errors)")
        return result.errors
    }

    /// Each kind of network goes on where the model ended: a step at no rate leaves its weights as they are.
    @Test(arguments: ["--loss cosine", "--loss contrastive --targets trained", "--output softmax", "--input characters --output softmax"])
    func whatFitsIsTaken(_ kind: String) async throws {
        let inputs = try await inputs(), kind = kind.split(separator: " ").map(String.init)
        let reads = (kind.contains("characters") ? [] : ["--table", inputs.table]) + (kind.contains("softmax") ? ["--vocab", inputs.vocabulary] : [])
        _ = try await train(inputs, kind + reads + ["--steps", "20"], to: "old")
        let errors = try await train(inputs, kind + reads + still + ["--seed", "2", "--init", inputs.file("old")], to: "new", says: true)
        #expect(errors.contains("weights are taken whole") && !errors.contains("begins anew"), "\(errors)")
        // A number that is 0 may become 1e-30.
        let (old, new) = try (Self.tensors(inputs.file("old")), Self.tensors(inputs.file("new")))
        #expect(old.count == new.count && zip(old, new).allSatisfy { abs($0 - $1) < 1e-20 })
        let printed = try await runTool("train", ["--print", inputs.file("new")])
        #expect(printed.text.contains("began with the weights of model "), "\(printed.text)")
    }

    /// The numbers of a safetensors file, behind its header.
    private static func tensors(_ path: String) throws -> [Float] {
        let bytes = try contents(of: path), length = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        return stride(from: 8 + length, to: bytes.count, by: 4).map { place in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) })
        }
    }

    /// Another output layer, another vocabulary and another size begin anew, and are named.
    @Test func whatDoesNotFitIsListed() async throws {
        let inputs = try await inputs()
        _ = try await train(inputs, ["--table", inputs.table, "--steps", "5"], to: "cosine")
        let softmax = ["--output", "softmax", "--table", inputs.table, "--vocab"]
        let other = try await train(inputs, softmax + [inputs.vocabulary, "--steps", "5", "--init", inputs.file("cosine")], to: "softmax", says: true)
        #expect(other.contains("forward.output.weight: begins anew: ") && other.contains("forward.output.bias: begins anew: "), "\(other)")
        let few = inputs.file("few")
        #expect(try await runTool("build-vocab", [inputs.tokens, "--max-size", "5", "-o", few, "--quiet"]).status == 0)
        let words = try await train(inputs, softmax + [few, "--steps", "1", "--init", inputs.file("softmax")], to: "few words", says: true)
        #expect(words.contains("forward.output.weight: begins anew: the model's is of another vocabulary"), "\(words)")
        let unused = try await train(
            inputs, ["--table", inputs.table, "--layers", "1", "--steps", "1", "--init", inputs.file("cosine")], to: "one layer", says: true)
        #expect(unused.contains("not used of") && unused.contains("forward.layer2."), "\(unused)")
        let nothing = try await runTool(
            "train", ["--preset", "tiny", "--batch", "4", "--quiet", "--objective", "masked", "--table", inputs.table, "--steps", "1", "--init",
                inputs.file("cosine"), inputs.tokens, "-o", inputs.file("out")])
        #expect(nothing.status == 78 && isOneLine(nothing.errors, naming: "cosine: nothing of it fits this network"), "\(nothing.errors)")
    }

    /// Units that two vocabularies share keep their vectors.
    @Test func unitsKeepTheirRows() async throws {
        let inputs = try await inputs()
        for (merges, name) in [("20", "small"), ("60", "large")] {
            for command in [
                ["build-vocab", "--bpe", merges, inputs.vocabulary, "-o", inputs.file("\(name).codes")],
                ["tokenize", "--bpe", inputs.file("\(name).codes"), try inputs.directory.write("\(name).txt", Fixture.corpus(lines: 50)), "-o", inputs.file("\(name).tok")],
                ["build-vocab", inputs.file("\(name).tok"), "-o", inputs.file("\(name).vocab")],
            ] {
                let result = try await runTool(command[0], command.dropFirst() + ["--quiet"])
                #expect(result.status == 0, "\(result.errors)")
            }
        }
        func train(_ name: String, _ options: [String]) async throws -> (status: Int, errors: String) {
            let result = try await runTool(
                "train", quick.dropLast() + ["--input", "subwords", "--output", "subword-softmax", "--vocab", inputs.file("\(name).vocab"), "--steps", "2"]
                    + options + [inputs.file("\(name).tok"), "-o", inputs.file("\(name).model")])
            return (result.status, result.errors)
        }
        let small = try await train("small", [])
        #expect(small.status == 0, "\(small.errors)")
        let large = try await train("large", ["--init", inputs.file("small.model")])
        let line = large.errors.split(separator: "\n").first { $0.hasPrefix("forward.input.table: ") && $0.hasSuffix("rows are taken") }
        let numbers = try #require(line, "\(large.errors)").split { !"0123456789".contains($0) }.compactMap { Int($0) }
        #expect(large.status == 0 && numbers.count == 2 && numbers[0] > 10 && numbers[0] < numbers[1], "\(large.errors)")
    }

    /// What is no model, is damaged, or is another one than a run began with.
    @Test func whatIsNoModelIsRefused() async throws {
        let inputs = try await inputs()
        _ = try await train(inputs, ["--table", inputs.table, "--steps", "5"], to: "model")
        var bytes = try contents(of: inputs.file("model"))
        bytes[bytes.count - 3] ^= 1
        let damaged = try inputs.directory.write("damaged", bytes), options = quick + ["--table", inputs.table, inputs.tokens, "-o", inputs.file("out")]
        for (file, status, complaint) in [
            (inputs.tokens, 65, "is no safetensors file"), (damaged, 65, "damaged"), (inputs.file("none"), 66, "none"),
        ] {
            let result = try await runTool("train", options + ["--init", file])
            #expect(Int(result.status) == status && isOneLine(result.errors, naming: file), "\(complaint): \(result.errors)")
        }
        let checkpoints = ["--checkpoints", inputs.file("checkpoints"), "--steps", "3"]
        #expect(try await runTool("train", options + checkpoints + ["--init", inputs.file("model")]).status == 0)
        let without = try await runTool("train", options + checkpoints + ["--resume"])
        #expect(without.status == 78 && isOneLine(without.errors, naming: "another --init"), "\(without.errors)")
        let with = try await runTool("train", options + checkpoints + ["--resume", "--init", inputs.file("model")])
        #expect(with.status == 0, "\(with.errors)")
        let merge = try await runTool("train", ["--merge", inputs.file("model"), "--init", inputs.file("model"), "-o", inputs.file("out")])
        #expect(merge.status == 64 && isOneLine(merge.errors, naming: "--init"), "\(merge.errors)")
    }
}
