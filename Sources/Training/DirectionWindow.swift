import Kernels
import Layers
import Model

/// The inputs and targets of one direction in a window, in the form that its layers ask for. Planned once.
final class DirectionWindow {
    private let configuration: EncoderConfiguration
    private let words: CorpusWords
    private let direction: Direction
    private let positions: Int
    private let inputs: InputBatch
    /// The targets of the contrastive output.
    let windowTargets: WindowTargets?
    /// The words that are predicted, if these are not all.
    private let maskedWords: MaskedWords?
    private let backend: any Backend
    private let targetVectors: WindowVectors
    private let targetMemory: FloatBuffer
    private let targetClasses: Numbers
    /// True if no operation reads the window that was published last any more.
    private var isFree = true
    /// 1 where a row of the output layer has a target that counts, else 0: [rows]; `weights` is where operations read it.
    private var counted: [Float]
    private let weights: FloatBuffer

    /// - Parameters:
    ///   - source: of the targets of the contrastive output; `nil` with others.
    ///   - others: the words that may stand in the place of masked ones.
    ///   - positions: of a window.
    ///   - resident: the vectors of all words, if a device has them.
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

    /// Brings the window's words into form, as the direction reads them. Throws `ToolError` if the table's file cannot be read
    /// any more.
    /// - Parameter draw: number of the pass, for masked words, and for targets with negatives that are drawn.
    func prepare(_ window: TrainingWindow, draw: Draw) throws {
        plan(window, draw: draw)
        try publish(window)
    }

    /// The part of `prepare` that takes time, and touches nothing that operations read: a device may be at work on the window before.
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

    /// The word to predict at each row of the output layer, of a window that was planned last.
    func targetWords(of window: TrainingWindow) -> [UInt32] { maskedWords?.targets ?? window.targets(direction) }

    /// The rest of `prepare`, for the window that was planned last.
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

    /// Says that the operations on the window are done. They need not be waited for then, nor what was queued after them.
    func release() { isFree = true }

    /// The inputs of the window prepared last.
    func input(rows: Int) -> InputWords { inputs.words(rows: rows) }

    /// The targets of the window prepared last.
    /// - Parameter rows: of the window.
    func targets(rows: Int) -> Targets {
        let rows = configuration.predictedRows(of: rows)
        if let windowTargets { return .words(windowTargets.targets(rows: rows)) }
        return configuration.output == .continuous
            ? .vectors(targetVectors.matrix(rows: rows)) : .classes(targetClasses)
    }

    /// The weight of each row of the output layer in the window prepared last: [1, rows].
    /// - Parameter rows: of the window.
    func weights(rows: Int) -> Matrix { Matrix(weights, rows: 1, columns: configuration.predictedRows(of: rows)) }

    /// The words that the window prepared last has masked; `nil` if all are predicted.
    var masking: Masking? { maskedWords?.masking }

    /// The rows of the output layer that count in the window prepared last.
    var places: [Int] { counted.indices.filter { counted[$0] == 1 } }

    var bytes: Int {
        inputs.bytes + targetVectors.bytes + targetMemory.bytes + weights.bytes + 4 * counted.count + (windowTargets?.bytes ?? 0)
            + (maskedWords?.bytes ?? 0)
    }
}
