import Kernels
import Model

/// What the targets and negatives of all windows are taken from, by the contrastive output: the words' target vectors, and the
/// words of the text to be drawn.
public struct TargetSource: Sendable {
    let vectors: TargetVectors
    private let samplers: [Direction: WordSampler]

    /// Throws `ToolError` if the table's file cannot be read.
    init(_ configuration: EncoderConfiguration, _ words: CorpusWords, counts: [UInt32], sentences: Int) throws {
        vectors = try TargetVectors(configuration, words)
        guard configuration.negativeSource == .unigram else {
            samplers = [:]
            return
        }
        // Words without a vector are no targets, and so no negatives.
        let usable = counts.indices.map { words.isKnown(UInt32($0)) ? counts[$0] : 0 }
        samplers = Dictionary(uniqueKeysWithValues: configuration.directions.map {
            // Where words are masked, marks are no targets.
            ($0, WordSampler(
                counts: usable, mark: $0 == .bidirectional ? nil : $0 == .forward ? words.end : words.begin, sentences: sentences))
        })
    }

    /// Gives trained targets the vectors that they begin with. Throws `ToolError` if the table's file cannot be read.
    func initializeTargets(of encoder: ContextualEncoder, _ words: CorpusWords) throws {
        guard encoder.configuration.targets == .trained, let table = words.vectors else { return }
        let block = 1024, size = table.dimension
        let memory = FloatBuffer(count: block * size), scratch = FloatBuffer(count: block * size)
        try table.forEachBlock(of: block, into: Matrix(memory, rows: block, columns: size)) { first, rows in
            vectors.change(rows, scratch: Matrix(scratch, rows: block, columns: size), ProcessorBackend()) {
                table.withWord(first + UInt32($0), $1)
            }
            for model in encoder.directions { model.initializeTargets(rows, from: Int(first)) }
        }
    }

    /// Makes the candidates' vectors, which are unit vectors of the table, targets.
    func makeTargets(_ candidates: Candidates, _ words: CorpusWords) {
        let matrix = candidates.matrix, scratch = FloatBuffer(count: matrix.rows * matrix.columns)
        vectors.change(
            matrix, scratch: Matrix(scratch, rows: matrix.rows, columns: matrix.columns), ProcessorBackend()
        ) { words.withSpelling(candidates.rows[$0], $1) }
    }

    func sampler(_ direction: Direction) -> WordSampler? { samplers[direction] }

    var bytes: Int { samplers.values.reduce(0) { $0 + $1.bytes } }
}
