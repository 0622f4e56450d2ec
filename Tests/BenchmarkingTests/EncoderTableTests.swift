import Benchmarking
import FoundationEssentials
import Model
import TestSupport
import Testing

@Suite struct EncoderTableTests {
    @Test(arguments: TableEncoder.allCases, [1, 4, 64]) func systemsMakeNetworks(encoder: TableEncoder, narrowing: Int) {
        var sizes = TableSizes()
        sizes.narrowing = narrowing
        for vocabulary in [100, 50_000, 793_471] {
            sizes.vocabulary = vocabulary
            for output in TableOutput.allCases {
                let system = sizes.system(encoder, output), configuration = system.configuration
                #expect(configuration.complaint == nil, "\(output): \(configuration.complaint ?? "")")
                #expect(system.batch * system.window == 2560 && system.encoder == encoder.rawValue)
                #expect(configuration.directions == [.forward])
                #expect(configuration.encoder.family.longestSequence ?? .max >= system.window)
            }
        }
    }

    /// At full size the encoders have as many weights as the systems that they are named after.
    @Test func sizesAreThosePublished() {
        func weights(_ encoder: TableEncoder) -> Int {
            var configuration = TableSizes().system(encoder, .cosine).configuration
            configuration.outputSize = 1
            return configuration.parameterCount() - (configuration.width + 1)
        }
        let input = { (width: Int) in 300 * width + 3 * width }
        func lstm(_ cell: Int) -> Int { input(cell) + 2 * (8 * cell * cell + 4 * cell) + 2 * 2 * cell }
        #expect(weights(.lstm) == lstm(512) && weights(.lstmTwice) == lstm(1024))
        #expect(weights(.elmo) == input(512) + 2 * (2 * 512 * 16384 + 16384 + 4096 * 512 + 2 * 512))
        func transformer(_ width: Int, _ hidden: Int, _ layers: Int) -> Int {
            input(width) + layers * (4 * width * width + 4 * width + 2 * width * hidden + hidden + width + 4 * width) + 2 * width
        }
        #expect(weights(.base) == transformer(512, 2048, 6) && weights(.large) == transformer(1024, 4096, 6))
        #expect(weights(.gpt) == transformer(768, 3072, 12) + 128 * 768)
    }

    @Test func twoEncodersWithThreeOutputs() async throws {
        let directory = try TemporaryDirectory(), json = directory.file("results.jsonl")
        let result = try await runTool(
            "bench",
            ["encoders", "--encoder", "lstm", "--encoder", "base", "--output", "cosine", "--output", "sampled", "--output", "softmax",
             "--narrow", "32", "--vocabulary", "400", "--words", "40", "--dimension", "8", "--megabytes", "1", "--budget", "200s",
             "--ratio-precision", "0.99", "--memory", "256M", "--json", json, "--quiet"])
        #expect(result.status == 0, "\(result.errors)")
        let lines = try String(decoding: contents(of: json), as: UTF8.self).split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
        let systems = lines.filter { $0.event == "system" }
        #expect(systems.map { "\($0.encoder ?? "") \($0.name ?? "")" } == [
            "lstm continuous, cosine", "lstm sampled softmax", "lstm full softmax",
            "base continuous, cosine", "base sampled softmax", "base full softmax",
        ])
        #expect(systems.allSatisfy { $0.run == "encoders" })
        #expect(result.text.contains("Transformer base") && result.text.contains("the paper's range is 1.44 to 8.31"), "\(result.text)")
        let report = try await runTool("bench", ["report", "--text", json])
        #expect(report.status == 0 && report.text.contains("Encoders and output layers"), "\(report.errors)")
    }

    private struct Line: Decodable {
        let event: String
        let run, name, encoder: String?
    }
}
