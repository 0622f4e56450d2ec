internal import Files
internal import Kernels
public import Model
public import Training

/// A network to train in a benchmark, with its batch, window and optimiser.
public struct MeasuredSystem: Codable, Sendable {
    /// The name in results.
    public var name: String
    /// The options that make the network, or the preset.
    public var options: String
    /// The name of the encoder's sizes.
    public var encoder: String
    /// The configuration of the network.
    public var configuration: EncoderConfiguration
    /// The number of words in the vocabulary of the measurement, including marks; there are fewer units of words.
    public var vocabulary: Int
    /// The number of streams of text.
    public var batch: Int
    /// The number of steps in a window.
    public var window: Int
    /// The optimiser.
    public var optimizer: OptimizerKind

    /// Makes a system.
    public init(
        name: String, options: String, encoder: String, configuration: EncoderConfiguration, vocabulary: Int, batch: Int,
        window: Int, optimizer: OptimizerKind
    ) {
        self.name = name
        self.options = options
        self.encoder = encoder
        self.configuration = configuration
        self.vocabulary = vocabulary
        self.batch = batch
        self.window = window
        self.optimizer = optimizer
    }

    var training: TrainingOptions {
        var options = TrainingOptions()
        options.batch = batch
        options.window = window
        options.optimizer = optimizer
        // The steps are real, but nothing needs to be learned, and the measured network must not diverge.
        options.peakRate = 1e-4
        return options
    }

    /// Estimates the memory of training in bytes before anything is allocated; the estimate is rather too high.
    /// - `tableMemory`: the largest memory of the vectors of words in bytes.
    func bytes(tableMemory: Int) -> Double {
        let moments = optimizer.optimizer.momentNames.count
        return Self.margin * configuration.trainingBytes(batch: batch, window: window, moments: moments)
            + bytesOfInput(tableMemory: tableMemory)
    }

    /// Estimates the bytes of words, vectors and program alone, which the host needs for a system that trains on a device.
    func bytesOfInput(tableMemory: Int) -> Double {
        let words = Double(vocabulary)
        let vectors = configuration.input == .embeddings || configuration.output == .continuous
        let dimension = Double(max(configuration.inputSize, configuration.outputSize))
        let table = vectors ? min(Double(tableMemory), 4 * words * dimension) : 0
        return table + Self.bytesOfWord * words + Self.bytesOfProgram
    }

    /// The factor for the memory that the estimate omits, at most a tenth: gathered rows of a sampled softmax, packed weights.
    private static let margin = 1.1
    /// The bytes of a word's spelling, hash and numbers, and of the program with its text.
    private static let bytesOfWord = 100.0, bytesOfProgram = 6e7
}

/// The four systems of Li et al. 2019, table 1, at any size of encoder and vocabulary.
public enum PublishedSystem: String, CaseIterable, Sendable {
    /// The continuous output.
    case elmoC = "ELMo-C"
    /// The softmax over units of words.
    case elmoSub = "ELMo-Sub"
    /// The adaptive softmax.
    case elmoA = "ELMo-A"
    /// The sampled softmax, with a character encoder as input.
    case elmo = "ELMo"

    /// The preset of `train` for this system at its full size.
    public var preset: String { rawValue.lowercased() }

    /// The sizes other than those of the encoder.
    public struct Sizes: Sendable {
        /// The number of classes of the softmaxes, including marks.
        public var vocabulary = 793_471
        /// The number of units of ELMo-Sub, at most the vocabulary.
        public var units = 32_000
        /// The number of words that ELMo draws for a window, at most half of the vocabulary.
        public var negatives = 8192
        /// The width of the embedding table.
        public var dimension = 300
        /// The number of streams of text.
        public var batch = 128
        /// The number of steps in a window.
        public var window = 20
        /// The optimiser.
        public var optimizer = OptimizerKind.adam

        /// Makes the sizes of the publication.
        public init() {}
    }

    /// The names of encoders for measurements, and the presets with their sizes.
    public static let encoders = [("small", "small"), ("base", "base"), ("medium", "medium"), ("reference", "elmo-c")]

    /// Returns the system with the encoder of a name in `encoders`, or `nil` if there is none.
    ///
    /// The number of ELMo's character filters is proportional to the width of the encoder's output: all 2,048 with the reference
    /// encoder, a quarter of each with one a quarter as wide. The clusters of ELMo-A begin at 40,000 and 200,000 for 400,000 words or
    /// more, otherwise at a twentieth and a quarter.
    public func system(encoder name: String, _ sizes: Sizes) -> MeasuredSystem? {
        guard let sizePreset = Self.encoders.first(where: { $0.0 == name })?.1,
            let size = EncoderConfiguration(preset: sizePreset, vectorSize: sizes.dimension),
            var configuration = EncoderConfiguration(preset: preset, vectorSize: sizes.dimension)
        else { return nil }
        let width = configuration.width
        (configuration.lstm.cell, configuration.lstm.projection) = (size.lstm.cell, size.lstm.projection)
        configuration.filters = configuration.filters.map { [$0[0], max(1, $0[1] * size.width / width)] }
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

/// The name of a network in results, with its kind and its size: `ELMo-A full size 4096/512`, `ELMo-C small 512/128`, `softmax base
/// 1024/256 --loss l2`.
public struct SystemName {
    /// One of the published systems, or otherwise the names of the output and input layers; then the name of the size, if it has one,
    /// with cell and projection.
    private let name: String

    /// Names a configuration.
    public init(_ configuration: EncoderConfiguration) {
        let system = switch (configuration.input, configuration.output) {
        case (.embeddings, .continuous): configuration.isContrastive ? "contrastive" : "ELMo-C"
        case (.embeddings, .adaptiveSoftmax): "ELMo-A"
        case (.characters, .sampledSoftmax): "ELMo"
        case (.subwords, .subwordSoftmax): "ELMo-Sub"
        case (.embeddings, let output): output.rawValue
        case (let input, let output): "\(output.rawValue) of \(input.rawValue)"
        }
        let encoder = configuration.encoder, sizes = "\(encoder.cell)/\(encoder.width)"
        let preset = EncoderConfiguration.presets.last {
            $0.shape.name == encoder.name && $0.shape.cell == encoder.cell && $0.shape.width == encoder.width
        }
        let isPublished = encoder.name == "lstm" && encoder.cell == Self.fullSize
        // The names of the four systems stand for the published size.
        let size = preset.map { (isPublished ? "full size" : $0.name) + " \(sizes)" }
            ?? (encoder.name == "lstm" ? sizes : "\(encoder.name) \(sizes)")
        name = "\(system) \(size)"
    }

    private static let fullSize = 4096

    /// Returns the name, with those of the user's words that it does not contain yet.
    /// - `words`: the name and options of a preset, as typed.
    public func text(_ words: [String]) -> String {
        var rest: [String] = [], index = words.first?.begins(with: "-") == false ? 1 : 0
        while index < words.count {
            let parts = words[index].parts(separatedBy: "=", most: 1)
            if let option = parts.first, Self.said.contains(option) {
                index += parts.count == 2 ? 1 : 2
            } else {
                rest.append(words[index])
                index += 1
            }
        }
        return ([name] + rest).joined(separator: " ")
    }

    /// The options that are part of the name, or a column of every table.
    private static let said: Set = ["--preset", "--input", "--output", "--cell", "--projection", "--vocabulary", "--units"]
}
