import Benchmarking
import Model
import Testing

/// What compared networks are called.
@Suite struct SystemNameTests {
    private func name(_ preset: String, _ words: String, _ change: (inout EncoderConfiguration) -> Void = { _ in }) throws -> String {
        var configuration = try #require(EncoderConfiguration(preset: preset, vectorSize: 300))
        change(&configuration)
        return SystemName(configuration).text(words.split(separator: " ").map(String.init))
    }

    /// System and size, of a preset that is a size and of one that is a system.
    @Test(arguments: [
        ("small", "ELMo-C small 512/128"), ("tiny", "ELMo-C tiny 32/16"), ("elmo-a", "ELMo-A full size 4096/512"),
        ("elmo", "ELMo full size 4096/512"), ("elmo-sub", "ELMo-Sub full size 4096/512"), ("elmo-c", "ELMo-C full size 4096/512"),
    ])
    func presets(preset: String, expected: String) throws {
        #expect(try name(preset, preset) == expected)
    }

    /// Sizes are those of a half of each layer.
    @Test func networksThatReadBothWays() throws {
        #expect(try name("small", "small --objective masked") { $0.objective = .masked } == "ELMo-C small 512/128 --objective masked")
    }

    @Test func optionsThatTheNameSaysAreLeftOut() throws {
        #expect(
            try name("small", "small --output softmax --vocabulary 50000") { $0.output = .softmax } == "softmax small 512/128")
        #expect(try name("small", "small --cell=1024 --loss l2") { $0.lstm.cell = 1024 } == "ELMo-C 1024/128 --loss l2")
        #expect(
            try name("small", "--preset small --cell 1024 --projection 256 --batch 64") { ($0.lstm.cell, $0.lstm.projection) = (1024, 256) }
                == "ELMo-C base 1024/256 --batch 64")
        #expect(
            try name("small", "small --input characters --output softmax --share-layers") {
                ($0.input, $0.output) = (.characters, .softmax)
            } == "softmax of characters small 512/128 --share-layers")
    }
}
