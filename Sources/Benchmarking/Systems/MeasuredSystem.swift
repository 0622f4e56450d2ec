internal import Kernels
public import Model
public import Training

/// A network to be trained in a benchmark, and how.
public struct MeasuredSystem: Codable, Sendable {
    /// What results call it.
    public var name: String
    /// The options that make it, or what is published under its name.
    public var options: String
    /// What its encoder's sizes are called.
    public var encoder: String
    public var configuration: EncoderConfiguration
    /// Words of the vocabulary that it is measured for, marks counted; units of words are fewer.
    public var vocabulary: Int
    public var batch: Int
    public var window: Int
    public var optimizer: OptimizerKind

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
        // The steps are real, but nothing is to be learned: what is measured must not fall apart.
        options.peakRate = 1e-4
        return options
    }

    /// About how many bytes training it takes, before anything is allocated; not too few.
    /// - Parameter tableMemory: the most that the vectors of words may take.
    func bytes(tableMemory: Int) -> Double {
        let words = Double(vocabulary)
        let vectors = configuration.input == .embeddings || configuration.output == .continuous
        let dimension = Double(max(configuration.inputSize, configuration.outputSize))
        let table = vectors ? min(Double(tableMemory), 4 * words * dimension) : 0
        let moments = optimizer.optimizer.momentNames.count
        return Self.margin * configuration.trainingBytes(batch: batch, window: window, moments: moments)
            + table + Self.bytesOfWord * words + Self.bytesOfProgram
    }

    /// What the estimate leaves out is a tenth of it at most: gathered rows of a sampled softmax, packed weights.
    private static let margin = 1.1
    /// A word's spelling, hash and numbers; the program with its text.
    private static let bytesOfWord = 100.0, bytesOfProgram = 6e7
}
