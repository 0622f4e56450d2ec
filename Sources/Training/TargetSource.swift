import Kernels
import Model

/// The source of the contrastive output's targets and negatives of all windows: the words' target vectors, and the words of the
/// text to draw from.
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
        // Words without a vector are not targets, and so not negatives.
        let usable = counts.indices.map { words.isKnown(UInt32($0)) ? counts[$0] : 0 }
        samplers = Dictionary(uniqueKeysWithValues: configuration.directions.map {
            // With masked words, marks are not targets.
            ($0, WordSampler(
                counts: usable, mark: $0 == .bidirectional ? nil : $0 == .forward ? words.end : words.begin, sentences: sentences))
        })
    }

    /// Sets the initial vectors of trained targets. Throws `ToolError` if the table's file cannot be read.
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

    /// Turns the candidates' vectors, unit vectors of the table, into targets.
    func makeTargets(_ candidates: Candidates, _ words: CorpusWords) {
        let matrix = candidates.matrix, scratch = FloatBuffer(count: matrix.rows * matrix.columns)
        vectors.change(
            matrix, scratch: Matrix(scratch, rows: matrix.rows, columns: matrix.columns), ProcessorBackend()
        ) { words.withSpelling(candidates.rows[$0], $1) }
    }

    func sampler(_ direction: Direction) -> WordSampler? { samplers[direction] }

    var bytes: Int { samplers.values.reduce(0) { $0 + $1.bytes } }
}
