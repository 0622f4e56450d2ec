import FoundationEssentials
import Kernels
import TestSupport
import Testing

/// Runs the program as a user does, on sizes that take a second.
@Suite struct BenchToolTests {
    private static let tiny = ["--preset", "tiny", "--batch", "2", "--window", "3", "--dimension", "7", "--seconds", "0.1"]

    private struct TrainLine: Decodable {
        let event: String
        let wordsPerSecond: Range?
        let phases: [String: Double]?
        let withoutProducts: Double?
        let cell, batch, window, dimension, threads: Int?
        let kernels: String?

        struct Range: Decodable { let median, lowest, highest: Double }
    }

    private struct StageLine: Decodable {
        let event, stage, unit: String
        let threads, peakMemory: Int
        let amount: Double
        let seconds: [Double]
    }

    private static func lines<Line: Decodable>(_ type: Line.Type, _ text: String) throws -> [Line] {
        try text.split(separator: "\n").map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
    }

    @Test func trainingInJSONLines() async throws {
        let result = try await runTool("bench", ["train", "--json", "-", "--threads", "2", "--quiet"] + Self.tiny)
        #expect(result.status == 0)
        #expect(result.errors.isEmpty)
        let lines = try Self.lines(TrainLine.self, result.text)
        #expect(lines.dropLast().count >= 3)
        #expect(lines.dropLast().allSatisfy { $0.event == "round" })
        let last = try #require(lines.last)
        #expect(last.event == "train")
        #expect(last.cell == 32 && last.batch == 2 && last.window == 3 && last.dimension == 7 && last.threads == 2)
        let rate = try #require(last.wordsPerSecond)
        #expect(rate.lowest > 0 && rate.lowest <= rate.median && rate.median <= rate.highest)
        let phases = try #require(last.phases)
        #expect(phases["gates"] != nil && abs(phases.values.reduce(0, +) - 1) < 1e-9)
        #expect(last.kernels == ProcessorKernels.fastest.name)

        let held = try await runTool("bench", ["train", "--kernels", Self.oldest, "--json", "-", "--quiet"] + Self.tiny)
        #expect(held.status == 0, "\(held.errors)")
        #expect(try Self.lines(TrainLine.self, held.text).last?.kernels == Self.oldest)
    }

    /// A preset gives its sizes alone: the encoder stands between vectors, whatever the preset reads and predicts.
    @Test func sizesOfAPresetThatReadsCharacters() async throws {
        let sizes = ["--cell", "8", "--projection", "4", "--dimension", "7", "--batch", "2", "--window", "3", "--seconds", "0.05"]
        let result = try await runTool("bench", ["train", "--preset", "elmo", "--json", "-", "--quiet", "--threads", "2"] + sizes)
        #expect(result.status == 0, "\(result.errors)")
        let last = try #require(try Self.lines(TrainLine.self, result.text).last)
        #expect(last.cell == 8 && last.dimension == 7 && last.phases?["gates"] != nil && last.phases?["characters"] == nil)
    }

    /// An encoder as large as that of the preset whose place it takes.
    @Test func anotherEncoderOfAPresetsSize() async throws {
        let result = try await runTool(
            "bench", ["train", "--encoder", "sru", "--json", "-", "--quiet", "--threads", "1"] + Self.tiny)
        #expect(result.status == 0, "\(result.errors)")
        let last = try #require(try Self.lines(TrainLine.self, result.text).last)
        let others = try #require(last.withoutProducts)
        #expect(last.cell == 32 && last.phases?["gates"] != nil && others > 0 && others < 1)
    }

    private struct EncodeLine: Decodable {
        typealias Range = TrainLine.Range

        let event: String
        let words: Int?
        let seconds, overhead: Range?
        let input: String?
        let sentences, tokens, distinctWords, parameters, modelBytes: Int?
        let countedOperations, computedOperations: Double?
        let wordsPerSecond, encodingRate, ceiling, share, readSeconds, packSeconds, toolSeconds: Range?
        let phases: [String: Double]?
    }

    /// Vectors, and characters, whose convolutions keep ELMo's size.
    @Test(arguments: [["--preset", "tiny", "--dimension", "7"], ["--preset", "elmo", "--cell", "8", "--projection", "4"]])
    func encodingInJSONLines(network: [String]) async throws {
        let directory = try TemporaryDirectory()
        let text = try directory.write("text", "the cat saw the dog .\n\nthe dog slept\n" + String(repeating: "on and on\n", count: 9))
        let result = try await runTool(
            "bench",
            ["encode", "--json", "-", "--quiet", "--threads", "2", "--rounds", "2", "--sentences", "4", "--text", text] + network)
        #expect(result.status == 0, "\(result.errors)")
        let lines = try Self.lines(EncodeLine.self, result.text)
        #expect(lines.map(\.event) == ["round", "round", "sentence", "sentence", "sentence", "encode"])
        let alone = lines.filter { $0.event == "sentence" }
        #expect(alone.map(\.words) == [5, 10, 20])
        for line in alone {
            let seconds = try #require(line.seconds), overhead = try #require(line.overhead)
            #expect(overhead.lowest > 0 && overhead.lowest < seconds.lowest && overhead.median < seconds.median)
        }
        let last = try #require(lines.last)
        // The empty line is no sentence. the cat saw dog . slept on and
        #expect(last.sentences == 4 && last.tokens == 15 && last.distinctWords == 8)
        let counted = try #require(last.countedOperations), computed = try #require(last.computedOperations)
        if last.input == "embeddings" {
            // Two directions: two layers of (16 + 16) x 128 and a projection 32 x 16 for each word, and 7 x 16 below them for each
            // distinct word and the two marks.
            let layer = 32 * 128 + 32 * 16
            #expect(Int(counted) == 2 * 2 * (15 * 2 * layer + 10 * 7 * 16))
        } else {
            // Two highways of 2048 for each distinct word and the two marks, and more.
            let highways = Double(10 * 2 * 4 * 2048 * 2048)
            #expect(counted > highways && counted < 1.25 * highways)
        }
        // Each sentence begins with a mark.
        #expect(computed > counted && computed < 2 * counted)
        let bytes = try #require(last.modelBytes), parameters = try #require(last.parameters)
        #expect(bytes == 4 * parameters)
        for range in [
            last.wordsPerSecond, last.encodingRate, last.ceiling, last.share, last.readSeconds, last.packSeconds, last.toolSeconds,
        ] {
            let range = try #require(range)
            #expect(range.lowest > 0 && range.lowest <= range.median && range.median <= range.highest)
        }
        let phases = try #require(last.phases)
        #expect(phases["gates"] != nil && phases["loss"] == nil && abs(phases.values.reduce(0, +) - 1) < 1e-9)
        #expect(directory.entries() == ["text"])
    }

    @Test func vectorsFromSpelling() async throws {
        struct Line: Decodable {
            let group, method, set: String?
            let centredCosine: Double?
            let all: [String: Double]?
            let known: Int?
        }
        let directory = try TemporaryDirectory()
        // Words of three syllables, each of which adds its own numbers.
        var state: UInt64 = 7
        func next() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }
        let syllables = ["ba", "do", "ki", "lu", "me", "ra", "so", "ti", "vu", "wen"]
        let meanings = syllables.map { _ in (0..<6).map { _ in Double(next() % 200) / 100 - 1 } }
        var vectors = "", text = ""
        for number in 0..<1000 {
            let picks = [number % 10, number / 10 % 10, number / 100]
            let word = picks.map { syllables[$0] }.joined()
            vectors += word + (0..<6).map { i in " \(picks.reduce(0.3) { $0 + meanings[$1][i] })" }.joined() + "\n"
            text += word + "\n"
        }
        let pairs = try directory.write("pairs", "badoki\tbadolu\t5\nwenwenti\tkikime\t1\nbawenx\tsososo\t2\n")
        let file = try directory.write("vectors", vectors), plain = try directory.write("text", text)
        let tokens = directory.file("tokens"), vocabulary = directory.file("vocabulary")
        #expect(try await runTool("tokenize", ["--whitespace", plain, "-o", tokens]).status == 0)
        #expect(try await runTool("build-vocab", [tokens, "-o", vocabulary]).status == 0)
        let result = try await runTool(
            "bench",
            ["spelling", "--n-grams-only", "--quiet", "--json", "-", "--vectors", file, "--similarity", pairs, vocabulary])
        #expect(result.status == 0, "\(result.errors)")
        let lines = try Self.lines(Line.self, result.text)
        let all = lines.filter { $0.group == "all" }
        #expect(all.map(\.method) == ["fitted n-grams", "nearest spelling", "mean vector"])
        let fitted = try #require(all[0].centredCosine), nearest = try #require(all[1].centredCosine)
        #expect(fitted > 0.9 && fitted > nearest)
        #expect(lines.contains { $0.group == "5 to 7 characters" })
        let set = try #require(lines.last)
        #expect(set.set == "pairs" && set.known == 2 && set.all?["true vectors"] != nil)
    }

    @Test func products() async throws {
        struct Line: Decodable {
            let event, name: String
            let rows, columns, depth, threads: Int
            let ratio: TrainLine.Range
        }
        let arguments = ["--preset", "tiny", "--batch", "2", "--window", "3", "--seconds", "0.01", "--threads", "2"]
        let result = try await runTool("bench", ["products", "--json", "-", "--quiet"] + arguments)
        #expect(result.status == 0, "\(result.errors)")
        let lines = try Self.lines(Line.self, result.text)
        #expect(lines.allSatisfy { $0.event == "product" && $0.threads == 2 && $0.ratio.lowest > 0 })
        // Two sequences' states of 16, for four gates of 32 cells.
        let first = try #require(lines.first)
        #expect(first.rows == 2 && first.columns == 128 && first.depth == 16)

        // Held to the kernels that any processor of the kind has, and OpenBLAS with them.
        struct HeldLine: Decodable { let kernels, openBLASCore: String }
        let held = try await runTool("bench", ["products", "--kernels", Self.oldest, "--json", "-", "--quiet"] + arguments)
        #expect(held.status == 0, "\(held.errors)")
        let heldLines = try Self.lines(HeldLine.self, held.text)
        #expect(heldLines.count == lines.count && heldLines.allSatisfy { $0.kernels == Self.oldest })
        #if arch(x86_64)
        #expect(heldLines.allSatisfy { $0.openBLASCore == "Prescott" })
        #endif

        let bytes = try await runTool("bench", ["products", "--int8", "--json", "-", "--quiet"] + arguments)
        #expect(bytes.status == 0, "\(bytes.errors)")
        let products = try Self.lines(Line.self, bytes.text)
        #expect(products.allSatisfy { $0.event == "quantized-product" && $0.threads == 2 && $0.ratio.lowest > 0 })
        #expect(products.prefix(4).map(\.name) == ["state", "state", "projection", "projection"])
        #expect(products.prefix(4).map(\.rows) == [1, 2, 1, 2] && products.first?.columns == 128)
    }

    @Test func tableAndJSONSideBySide() async throws {
        let directory = try TemporaryDirectory()
        let result = try await runTool(
            "bench", ["train", "--json", directory.file("rounds.jsonl"), "-o", directory.file("table.txt")] + Self.tiny)
        #expect(result.status == 0)
        #expect(result.output.isEmpty)
        #expect(directory.entries() == ["rounds.jsonl", "table.txt"])
        let table = String(decoding: try contents(of: directory.file("table.txt")), as: UTF8.self)
        #expect(table.contains("words/s") && table.contains("peak memory"))
    }

    @Test func stagesOnATextOfOnesOwn() async throws {
        let directory = try TemporaryDirectory()
        let text = try directory.write("text", String(repeating: "The cat didn't see the dog.\n", count: 70))
        let result = try await runTool(
            "bench", ["stages", "--text", text, "--rounds", "1", "--json", "-", "--threads", "1"])
        #expect(result.status == 0, "\(result.errors)")
        let lines = try Self.lines(StageLine.self, result.text)
        #expect(lines.map(\.stage) == ["tokenize", "build-vocab", "tokenize | build-vocab", "embed-oov", "encode"])
        #expect(lines.map(\.unit) == ["MB", "tokens", "MB", "vectors", "tokens"])
        // The cat did n't see the dog .
        #expect(lines.map(\.amount) == [0.00196, 560, 0.00196, 8, 560])
        for line in lines {
            #expect(line.event == "stage" && line.threads == 1 && line.seconds.count == 1)
            #expect(line.peakMemory > 1 << 20)
        }
        #expect(directory.entries() == ["text"])
    }

    #if arch(x86_64)
    private static let oldest = "sse2"
    #else
    private static let oldest = "vector128"
    #endif

    /// Every layer, on the kernels that any processor of the kind has.
    @Test func outerLayers() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("words", (0..<100).map { "word\($0)" }.joined(separator: "\n") + "\n")
        let result = try await runTool(
            "bench", ["layers", "-q", "--kernels", Self.oldest, "--layer", "continuous", "--layer", "softmax", "--layer",
                "sampled-softmax", "--layer", "adaptive-softmax", "--layer", "characters", "--classes", "100", "--negatives", "10",
                "--rows", "16", "--width", "16", "--runs", "1", "--words", directory.file("words"), "--json", directory.file("json")])
        #expect(result.status == 0, "\(result.errors)")
        let lines = String(decoding: try contents(of: directory.file("json")), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 5 && lines.allSatisfy { $0.contains("\"seconds\":") })
        #expect(result.text.contains("adaptive-softmax") && result.text.contains("characters"))
    }

    @Test(arguments: [
        (["train", "--preset", "huge"], 64), (["train", "--preset", "elmo-sub"], 64), (["train", "--cell", "0"], 64),
        (["train", "--directions", "3"], 64), (["train", "--kernels", "mmx"], 64), (["train", "--encoder", "rnn"], 64),
        (["train", "--plain", "--encoder", "sru"], 64), (["train", "--plain", "--preset", "transformer-base"], 64),
        (["train", "--batch", "65536", "--window", "65536"], 64), (["train", "--seconds", "0"], 64),
        (["products", "--seconds", "0"], 64), (["products", "--preset", "huge"], 64), (["products", "--kernels", "mmx"], 64),
        (["products", "--int8", "--kernels", oldest], 64),
        (["train", "--cell", "1000000", "--projection", "100000"], 78),
        (["train", "--json", "/nowhere/rounds.jsonl"], 73), (["stages", "-o", "/nowhere/table"], 73),
        (["stages", "--text", "/nowhere/text"], 66), (["stages", "--text", "-"], 64), (["stages", "--rounds", "0"], 64),
        (["layers", "--runs", "9223372036854775807"], 64), (["layers", "--rows", "0"], 64),
        (["layers", "--kernels", "mmx"], 64),
        (["layers", "--quiet", "--layer", "adaptive-softmax", "--classes", "2", "--rows", "16", "--width", "16"], 64),
        (["layers", "--quiet", "--layer", "softmax", "--classes", "1000", "--rows", "1048576", "--width", "65536"], 64),
        (["encode", "--preset", "elmo-sub"], 64), (["encode", "--cell", "0"], 64), (["encode", "--sentences", "0"], 64),
        (["encode", "--rounds", "0"], 64), (["encode", "--text", "-"], 64), (["encode", "--text", "/nowhere/text"], 66),
        (["encode", "--preset", "tiny", "--text", "/dev/null"], 65), (["encode", "--json", "/nowhere/rounds.jsonl"], 73),
        (["text", "--megabytes", "0"], 64), (["text", "-o", "/nowhere/text"], 73), (["nothing"], 64),
    ])
    func refuses(_ arguments: [String], _ status: Int) async throws {
        let result = try await runTool("bench", arguments)
        #expect(result.status == status)
        #expect(result.output.isEmpty)
        #expect(!result.errors.isEmpty)
        if status != 64 {
            #expect(result.errors.hasPrefix("bench \(arguments[0]): "))
            #expect(result.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func emptyTextIsOneError() async throws {
        let directory = try TemporaryDirectory()
        let result = try await runTool("bench", ["stages", "--text", try directory.write("text", "\n\n")])
        #expect(result.status == 65)
        #expect(result.errors.contains("bench stages: tokenize"))
    }
}
