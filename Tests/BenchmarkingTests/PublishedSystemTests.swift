import Benchmarking
import Model
import Testing

@Suite struct PublishedSystemTests {
    /// At full size they are the presets of `train`.
    @Test(arguments: PublishedSystem.allCases) func referenceIsThePreset(system: PublishedSystem) throws {
        let made = try #require(system.system(encoder: "reference", PublishedSystem.Sizes())).configuration
        var preset = try #require(EncoderConfiguration(preset: system.preset, vectorSize: 300))
        preset.vocabularySize = made.vocabularySize
        if preset.input != .embeddings { preset.inputSize = 0 }
        if preset.output != .continuous { preset.outputSize = 0 }
        #expect(made == preset)
        let classes: [PublishedSystem: Int] = [.elmoC: 0, .elmoSub: 32_000, .elmoA: 793_471, .elmo: 793_471]
        #expect(made.vocabularySize == classes[system])
        #expect(made.complaint == nil)
    }

    @Test(arguments: PublishedSystem.allCases, [100, 10_000, 50_000]) func smallSizesMakeNetworks(
        system: PublishedSystem, vocabulary: Int
    ) throws {
        var sizes = PublishedSystem.Sizes()
        sizes.vocabulary = vocabulary
        for (encoder, _) in PublishedSystem.encoders {
            let made = try #require(system.system(encoder: encoder, sizes))
            #expect(made.configuration.complaint == nil, "\(encoder)")
            #expect(made.vocabulary == vocabulary && made.encoder == encoder && made.name == system.rawValue)
        }
    }

    @Test func charactersAreInProportion() throws {
        let made = try #require(PublishedSystem.elmo.system(encoder: "small", PublishedSystem.Sizes())).configuration
        #expect(made.width == 128)
        #expect(made.filters == [[1, 8], [2, 8], [3, 16], [4, 32], [5, 64], [6, 128], [7, 256]])
        #expect(PublishedSystem.elmo.system(encoder: "enormous", PublishedSystem.Sizes()) == nil)
    }
}
