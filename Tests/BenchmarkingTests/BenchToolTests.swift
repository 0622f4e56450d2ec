import FoundationEssentials
import TestSupport
import Testing

/// Runs the program as a user does, on sizes that take a second.
@Suite struct BenchToolTests {
    private static let tiny = ["--preset", "tiny", "--batch", "2", "--window", "3", "--dimension", "7", "--seconds", "0.1"]

    private struct TrainLine: Decodable {
        let event: String
        let wordsPerSecond: Range?
        let cell, batch, window, dimension, threads: Int?

        struct Range: Decodable { let median, lowest, highest: Double }

        private enum Keys: CodingKey { case event, wordsPerSecond, cell, batch, window, dimension, threads }

        /// A round has a number where the result has a range.
        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Keys.self)
            event = try values.decode(String.self, forKey: .event)
            wordsPerSecond = try? values.decode(Range.self, forKey: .wordsPerSecond)
            cell = try values.decodeIfPresent(Int.self, forKey: .cell)
            batch = try values.decodeIfPresent(Int.self, forKey: .batch)
            window = try values.decodeIfPresent(Int.self, forKey: .window)
            dimension = try values.decodeIfPresent(Int.self, forKey: .dimension)
            threads = try values.decodeIfPresent(Int.self, forKey: .threads)
        }
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

    @Test(arguments: [
        (["train", "--preset", "huge"], 64), (["train", "--cell", "0"], 64), (["train", "--directions", "3"], 64),
        (["train", "--batch", "65536", "--window", "65536"], 64), (["train", "--seconds", "0"], 64),
        (["train", "--cell", "1000000", "--projection", "100000"], 78),
        (["train", "--json", "/nowhere/rounds.jsonl"], 73), (["stages", "-o", "/nowhere/table"], 73),
        (["stages", "--text", "/nowhere/text"], 66), (["stages", "--text", "-"], 64), (["stages", "--rounds", "0"], 64),
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
        #expect(result.status == 70)
        #expect(result.errors.contains("bench stages: tokenize"))
    }
}
