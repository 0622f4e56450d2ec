internal import Encoding
internal import Files
internal import Kernels
internal import Layers
internal import Model
internal import Parallel

/// An encoder at work, its weights packed, and what its time went for.
final class EncodingRun {
    let encoder: ContextualEncoder
    private let inputs: EncodingInputs
    private let stopwatch: Stopwatch
    private let writer: Discarding
    /// Of all rounds.
    private(set) var operations = 0.0
    private var phaseSeconds = [Double](repeating: 0, count: Phase.allCases.count)
    private var seconds = 0.0

    init(_ inputs: EncodingInputs, pool: ThreadPool) throws {
        self.inputs = inputs
        encoder = try inputs.readModel(pool)
        stopwatch = Stopwatch(encoder)
        writer = Discarding()
        // Packs.
        _ = try stage()
    }

    /// A new one has met no words.
    private func stage() throws -> SentenceEncoder {
        try SentenceEncoder(encoder, table: inputs.table, tableName: "table", layers: .all, to: writer)
    }

    /// Encodes all sentences and returns the seconds that it took. Throws `ToolError` if there are not as many vectors as tokens.
    func encodeAll() throws -> Double {
        let stage = try stage()
        writer.values = 0
        let operations = encoder.operations, before = stopwatch.phases
        let seconds = try Benchmarking.seconds {
            for sentence in inputs.sentences { try stage.encode(sentence) }
            try stage.flush()
        }
        guard writer.values == stage.statistics.tokens * stage.layers * stage.width else {
            throw ToolError(.software, "\(writer.values) values for \(stage.statistics.tokens) tokens")
        }
        self.operations += encoder.operations - operations
        self.seconds += seconds
        for (index, pair) in zip(before, stopwatch.phases).enumerated() { phaseSeconds[index] += pair.1 - pair.0 }
        return seconds
    }

    /// Of all rounds. `other` is what the named ones leave: gathering of words and vectors, waiting for the other direction.
    var phases: [(phase: Phase, share: Double)] {
        let hands = encoder.runsSideBySide ? Double(encoder.directions.count) : 1
        let named = Phase.allCases.filter { $0 != .other && phaseSeconds[$0.rawValue] > 0 }
            .map { (phase: $0, share: phaseSeconds[$0.rawValue] / (hands * seconds)) }
        return named + [(.other, 1 - named.reduce(0) { $0 + $1.share })]
    }

    /// Encodes `count` sentences of `words` words, each alone.
    func encodeAlone(words: Int, count: Int) throws -> EncodingBenchmark.Alone {
        let text = Array(inputs.sentences.joined().prefix(words * count)), stage = try stage()
        var all: [Double] = [], overheads: [Double] = []
        for isCounted in [false, true] {
            for number in 0..<count {
                let sentence = (0..<words).map { text[(number * words + $0) % text.count] }
                let before = stopwatch.arithmetic
                let seconds = try Benchmarking.seconds {
                    try stage.encode(sentence)
                    try stage.flush()
                }
                guard isCounted else { continue }
                all.append(seconds)
                overheads.append(seconds - stopwatch.seconds(since: before))
            }
        }
        return .init(words: words, seconds: Spread(all), overhead: Spread(overheads))
    }

    /// Multiplications and additions of reading each distinct word, and the marks, once; 0 of a model that reads units.
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

/// Reads the stopwatches of the directions together.
private struct Stopwatch {
    private let encoder: ContextualEncoder

    init(_ encoder: ContextualEncoder) { self.encoder = encoder }

    /// Seconds of each phase so far, of all directions.
    var phases: [Double] {
        Phase.allCases.map { phase in encoder.directions.reduce(0) { $0 + $1.backend.phaseTimes[phase] } }
    }

    /// Seconds of all phases but `other` so far, of each direction.
    var arithmetic: [Double] {
        encoder.directions.map { model in
            Phase.allCases.reduce(0) { $0 + ($1 == .other ? 0 : model.backend.phaseTimes[$1]) }
        }
    }

    /// Of directions side by side, those of the longer one.
    func seconds(since before: [Double]) -> Double {
        let each = zip(arithmetic, before).map { $0 - $1 }
        return encoder.runsSideBySide ? each.max() ?? 0 : each.reduce(0, +)
    }
}

/// Takes vectors and throws them away.
private final class Discarding: VectorWriter {
    var values = 0

    func begin(_ words: [String]) {}
    func append(_ vectors: Matrix) { values += vectors.rows * vectors.columns }
    func end() {}
    func finish() {}
}
