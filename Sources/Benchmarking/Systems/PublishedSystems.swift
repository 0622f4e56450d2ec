import Model
public import Training

/// The four systems of Li et al. 2019, table 1, at any size of encoder and vocabulary.
public enum PublishedSystem: String, CaseIterable, Sendable {
    case elmoC = "ELMo-C"
    case elmoSub = "ELMo-Sub"
    case elmoA = "ELMo-A"
    case elmo = "ELMo"

    /// The preset of `train` that is this system at its full size.
    public var preset: String { rawValue.lowercased() }

    /// Sizes that are not the encoder's.
    public struct Sizes: Sendable {
        /// Classes of the softmaxes, marks counted.
        public var vocabulary = 793_471
        /// Of ELMo-Sub; no more than the vocabulary.
        public var units = 32_000
        /// Of ELMo; no more than half of the vocabulary.
        public var negatives = 8192
        /// Of the embedding table.
        public var dimension = 300
        public var batch = 128
        public var window = 20
        public var optimizer = OptimizerKind.adam

        public init() {}
    }

    /// The names of encoders to measure with, and the presets that have their sizes.
    public static let encoders = [("small", "small"), ("base", "base"), ("medium", "medium"), ("reference", "elmo-c")]

    /// The system with the encoder of a name in `encoders`; `nil` if there is none.
    ///
    /// ELMo's characters have filters in proportion to the encoder's output: all 2,048 with the reference encoder, a quarter of
    /// each with one a quarter as wide. The clusters of ELMo-A begin at 40,000 and 200,000 of 400,000 words or more, else at a
    /// twentieth and a quarter.
    public func system(encoder name: String, _ sizes: Sizes) -> MeasuredSystem? {
        guard let sizePreset = Self.encoders.first(where: { $0.0 == name })?.1,
            let size = EncoderConfiguration(preset: sizePreset, vectorSize: sizes.dimension),
            var configuration = EncoderConfiguration(preset: preset, vectorSize: sizes.dimension)
        else { return nil }
        let width = configuration.projection
        configuration.cell = size.cell
        configuration.projection = size.projection
        configuration.filters = configuration.filters.map { [$0[0], max(1, $0[1] * size.projection / width)] }
        configuration.inputSize = configuration.input == .embeddings ? sizes.dimension : 0
        configuration.outputSize = configuration.output == .continuous ? sizes.dimension : 0
        switch self {
        case .elmoC: break
        case .elmoSub: configuration.vocabularySize = min(sizes.units, sizes.vocabulary)
        case .elmoA, .elmo: configuration.vocabularySize = sizes.vocabulary
        }
        configuration.negatives = max(1, min(sizes.negatives, sizes.vocabulary / 2))
        if self == .elmoA && sizes.vocabulary < 400_000 {
            configuration.cutoffs = [max(1, sizes.vocabulary / 20), max(2, sizes.vocabulary / 4)]
        }
        return MeasuredSystem(
            name: rawValue, options: preset, encoder: name, configuration: configuration, vocabulary: sizes.vocabulary,
            batch: sizes.batch, window: sizes.window, optimizer: sizes.optimizer)
    }
}
