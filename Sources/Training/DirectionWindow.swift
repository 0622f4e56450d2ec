import Kernels
import Layers
import Model

/// The inputs and targets of one direction in a window, in the form that its layers need. Memory is planned once.
final class DirectionWindow {
    private let configuration: EncoderConfiguration
    private let words: CorpusWords
    private let direction: Direction
    private let positions: Int
    private let inputs: InputBatch
    /// Targets of the contrastive output.
    let windowTargets: WindowTargets?
    /// The predicted words, if these are not all words.
    private let maskedWords: MaskedWords?
    private let backend: any Backend
    private let targetVectors: WindowVectors
    private let targetMemory: FloatBuffer
    private let targetClasses: Numbers
    /// True if no operation reads the last published window any more.
    private var isFree = true
    /// 1 where a row of the output layer has a target that counts, otherwise 0, [rows]. Operations read `weights` instead.
    private var counted: [Float]
    private let weights: FloatBuffer

    /// - Parameters:
    ///   - source: source of targets of the contrastive output; `nil` for others.
    ///   - others: words that may replace masked ones.
    ///   - positions: positions of a window.
    ///   - resident: vectors of all words, if a device holds them.
    init(
        _ configuration: EncoderConfiguration, _ words: CorpusWords, _ direction: Direction, source: TargetSource?,
        others: [UInt32] = [], positions: Int, backend: any Backend, resident: ResidentWordVectors? = nil
    ) {
        let rows = configuration.predictedRows(of: positions)
        self.configuration = configuration
        self.backend = backend
        self.words = words
        self.positions = positions
        self.direction = direction
        windowTargets = source.map {
            WindowTargets(
                configuration, words, direction, sampler: $0.sampler(direction), vectors: $0.vectors, positions: rows,
                backend: backend, resident: resident)
        }
        inputs = InputBatch(configuration, rows: positions, words: words.count, backend: backend, resident: resident)
        let hasVectors = configuration.output == .continuous && source == nil
        targetVectors = WindowVectors(
            rows: hasVectors ? rows : 0, size: configuration.outputSize, resident: resident, on: backend)
        targetMemory = backend.allocateShared(rows)
        targetClasses = Numbers(targetMemory, count: rows)
        counted = Array(repeating: 0, count: rows)
        weights = backend.allocateShared(rows)
        maskedWords = configuration.objective == .masked
            ? MaskedWords(configuration, words, others: others, positions: positions, backend: backend) : nil
    }

    /// Converts the window's words to the form that the direction reads. Throws `ToolError` if the table's file can no longer be
    /// read.
    /// - Parameter draw: identity of the pass, for masked words and for randomly drawn negatives.
    func prepare(_ window: TrainingWindow, draw: Draw) throws {
        plan(window, draw: draw)
        try publish(window)
    }

    /// Does the part of `prepare` that takes time but touches nothing that operations read: a device may still be working on the
    /// previous window.
    func plan(_ window: TrainingWindow, draw: Draw) {
        let count = window.batch * window.window
        precondition(count <= positions)
        maskedWords?.plan(window, draw: draw)
        let targets = targetWords(of: window)
        for place in counted.indices {
            counted[place] = maskedWords?.counted[place]
                ?? (place < count && words.isTarget(targets[place]) ? window.weights[place] : 0)
        }
        windowTargets?.plan(targets, counted: counted, draw: draw)
    }

    /// Returns the word to predict at each row of the output layer, for the window that was planned last.
    func targetWords(of window: TrainingWindow) -> [UInt32] { maskedWords?.targets ?? window.targets(direction) }

    /// Does the rest of `prepare`, for the window that was planned last.
    func publish(_ window: TrainingWindow) throws {
        let count = configuration.predictedRows(of: window.batch * window.window), targets = targetWords(of: window)
        if !isFree { backend.wait() }
        isFree = false
        maskedWords?.publish()
        try inputs.fill(maskedWords?.inputs ?? window.inputs(direction), of: words)
        Matrix(weights, rows: 1, columns: counted.count).copy(from: counted)
        if let windowTargets {
            try windowTargets.publish()
        } else if configuration.output == .continuous {
            try targetVectors.gather(targets, of: words)
        } else {
            for place in 0..<count { targetClasses[place] = words.classNumber(targets[place]) }
        }
    }

    /// Records that the operations on the window are done, so that neither they nor operations queued later need be waited for.
    func release() { isFree = true }

    /// Returns the inputs of the window prepared last.
    func input(rows: Int) -> InputWords { inputs.words(rows: rows) }

    /// Returns the targets of the window prepared last.
    /// - Parameter rows: rows of the window.
    func targets(rows: Int) -> Targets {
        let rows = configuration.predictedRows(of: rows)
        if let windowTargets { return .words(windowTargets.targets(rows: rows)) }
        return configuration.output == .continuous
            ? .vectors(targetVectors.matrix(rows: rows)) : .classes(targetClasses)
    }

    /// Returns the weight of each row of the output layer in the window prepared last, [1, rows].
    /// - Parameter rows: rows of the window.
    func weights(rows: Int) -> Matrix { Matrix(weights, rows: 1, columns: configuration.predictedRows(of: rows)) }

    /// The masked words of the window prepared last; `nil` if all words are predicted.
    var masking: Masking? { maskedWords?.masking }

    /// The rows of the output layer that count in the window prepared last.
    var places: [Int] { counted.indices.filter { counted[$0] == 1 } }

    var bytes: Int {
        inputs.bytes + targetVectors.bytes + targetMemory.bytes + weights.bytes + 4 * counted.count + (windowTargets?.bytes ?? 0)
            + (maskedWords?.bytes ?? 0)
    }
}
