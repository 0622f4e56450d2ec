internal import Encoding
internal import Files
internal import Kernels
internal import Layers
internal import Model
internal import Parallel

/// A running encoder with packed weights, and the phases of its time.
final class EncodingRun {
    let encoder: ContextualEncoder
    private let inputs: EncodingInputs
    private let writer = Discarding()
    /// The multiplications and additions of all rounds.
    private(set) var operations = 0.0
    /// The phases of all rounds.
    private(set) var phases: PhaseTally

    /// Reads the model and packs the weights.
    /// - `backends`: those of a device; if there are none, the processor computes.
    init(_ inputs: EncodingInputs, pool: ThreadPool, backends: [any Backend] = []) throws {
        self.inputs = inputs
        encoder = try inputs.readModel(pool, backends: backends)
        phases = PhaseTally(encoder)
        // Packs the weights.
        if backends.isEmpty { _ = try stage() }
    }

    /// Returns a new stage, which has met no words yet.
    func stage() throws -> SentenceEncoder {
        try SentenceEncoder(encoder, table: inputs.table, tableName: "table", layers: .all, to: writer)
    }

    /// Encodes all sentences and returns the time in seconds. Throws `ToolError` if the numbers of vectors and tokens differ.
    /// - `known`: a stage that has already met the words; `nil` means a new stage.
    func encodeAll(_ known: SentenceEncoder? = nil) throws -> Double {
        let stage = try known ?? stage(), before = (operations: encoder.operations, tokens: stage.statistics.tokens)
        writer.values = 0
        let seconds = try phases.measure(sideBySide: encoder.runsSideBySide) {
            try Benchmarking.seconds {
                for sentence in inputs.sentences { try stage.encode(sentence) }
                try stage.flush()
            }
        }
        let tokens = stage.statistics.tokens - before.tokens
        guard writer.values == tokens * stage.layers * stage.width else {
            throw ToolError(.software, "\(writer.values) values for \(tokens) tokens")
        }
        operations += encoder.operations - before.operations
        return seconds
    }

    /// The seconds of all phases but `other` so far, for each direction.
    private var arithmetic: [Double] {
        encoder.directions.map { model in
            Phase.allCases.reduce(0) { $0 + ($1 == .other ? 0 : model.backend.phaseTimes[$1]) }
        }
    }

    /// Encodes `count` sentences of `words` words, each alone.
    func encodeAlone(words: Int, count: Int) throws -> EncodingBenchmark.Alone {
        let text = Array(inputs.sentences.joined().prefix(words * count)), stage = try stage()
        var all: [Double] = [], overheads: [Double] = []
        for isCounted in [false, true] {
            for number in 0..<count {
                let sentence = (0..<words).map { text[(number * words + $0) % text.count] }
                let before = arithmetic
                let seconds = try Benchmarking.seconds {
                    try stage.encode(sentence)
                    try stage.flush()
                }
                guard isCounted else { continue }
                all.append(seconds)
                // Where directions run side by side, the longer one counts.
                let each = zip(arithmetic, before).map { $0 - $1 }
                overheads.append(seconds - (encoder.runsSideBySide ? each.max() ?? 0 : each.reduce(0, +)))
            }
        }
        return .init(words: words, seconds: Spread(all), overhead: Spread(overheads))
    }

    /// Returns the multiplications and additions for reading each distinct word, and the marks, once; 0 for a model that reads units.
    func operationsOfDistinctWords() -> Double {
        let configuration = inputs.configuration, rows = SentenceEncoder.batchRows
        let layers = configuration.sharesLayers ? 1 : encoder.directions.count
        guard configuration.input == .characters else {
            let words = configuration.input == .embeddings ? inputs.distinctWords.count + configuration.markNames.count : 0
            return 2 * Double(layers * words * configuration.inputSize * configuration.width)
        }
        let batch = SpellingBatch(rows: rows, longest: configuration.longestWord)
        let output = FloatBuffer(count: rows * configuration.width)
        let before = encoder.operations
        func read() {
            for row in 0..<batch.words { batch.places[row] = Int32(row) }
            let target = Matrix(output, rows: batch.words, columns: configuration.width)
            for model in encoder.directions.prefix(layers) {
                model.readWords(.spellings(batch.spellings), into: target)
            }
            batch.removeAll()
        }
        for word in [.begin, .end] as [SpellingBatch.Word] { _ = batch.append(word) }
        for word in inputs.distinctWords {
            if batch.words == rows { read() }
            Array(word.utf8).withUnsafeBytes { _ = batch.append(.spelled($0)) }
        }
        read()
        return encoder.operations - before
    }
}

/// A writer that discards its vectors.
private final class Discarding: VectorWriter {
    var values = 0

    func begin(_ words: [String]) {}
    func append(_ vectors: Matrix) { values += vectors.rows * vectors.columns }
    func end() {}
    func finish() {}
}
