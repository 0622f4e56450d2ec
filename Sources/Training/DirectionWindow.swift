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
    private let backend: any Backend
    private let targetVectors: WindowVectors
    private let targetMemory: FloatBuffer
    private let targetClasses: Numbers
    /// True if no operation reads the window that was published last any more.
    private var isFree = true
    /// 1 where a position has a target that counts, else 0: [positions]; `weights` is where operations read it.
    private var counted: [Float]
    private let weights: FloatBuffer

    /// - Parameters:
    ///   - source: of the targets of the contrastive output; `nil` with others.
    ///   - resident: the vectors of all words, if a device has them.
    init(
        _ configuration: EncoderConfiguration, _ words: CorpusWords, _ direction: Direction, source: TargetSource?, positions: Int,
        backend: any Backend, resident: ResidentWordVectors? = nil
    ) {
        self.configuration = configuration
        self.backend = backend
        self.words = words
        self.positions = positions
        self.direction = direction
        windowTargets = source.map {
            WindowTargets(
                configuration, words, direction, sampler: $0.sampler(direction), vectors: $0.vectors, positions: positions,
                backend: backend, resident: resident)
        }
        inputs = InputBatch(configuration, rows: positions, words: words.count, backend: backend, resident: resident)
        let hasVectors = configuration.output == .continuous && source == nil
        targetVectors = WindowVectors(
            rows: hasVectors ? positions : 0, size: configuration.outputSize, resident: resident, on: backend)
        targetMemory = backend.allocateShared(positions)
        targetClasses = Numbers(targetMemory, count: positions)
        counted = Array(repeating: 0, count: positions)
        weights = backend.allocateShared(positions)
    }

    /// Brings the window's words into form, as the direction reads them. Throws `ToolError` if the table's file cannot be read
    /// any more.
    /// - Parameter draw: number of the pass, for targets with negatives that are drawn.
    func prepare(_ window: TrainingWindow, draw: Draw) throws {
        plan(window, draw: draw)
        try publish(window)
    }

    /// The part of `prepare` that takes time, and touches nothing that operations read: a device may be at work on the window before.
    func plan(_ window: TrainingWindow, draw: Draw) {
        let count = window.batch * window.window, targets = window.targets(direction)
        precondition(count <= positions)
        for place in counted.indices {
            counted[place] = place < count && words.isTarget(targets[place]) ? window.weights[place] : 0
        }
        windowTargets?.plan(targets, counted: counted, draw: draw)
    }

    /// The rest of `prepare`, for the window that was planned last.
    func publish(_ window: TrainingWindow) throws {
        let count = window.batch * window.window, targets = window.targets(direction)
        if !isFree { backend.wait() }
        isFree = false
        try inputs.fill(window.inputs(direction), of: words)
        Matrix(weights, rows: 1, columns: positions).copy(from: counted)
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
    func targets(rows: Int) -> Targets {
        if let windowTargets { return .words(windowTargets.targets(rows: rows)) }
        return configuration.output == .continuous
            ? .vectors(targetVectors.matrix(rows: rows)) : .classes(targetClasses)
    }

    /// The weight of each position of the window prepared last: [1, rows].
    func weights(rows: Int) -> Matrix { Matrix(weights, rows: 1, columns: rows) }

    /// The positions of the window prepared last that count.
    var places: [Int] { counted.indices.filter { counted[$0] == 1 } }

    var bytes: Int {
        inputs.bytes + targetVectors.bytes + targetMemory.bytes + weights.bytes + 4 * positions + (windowTargets?.bytes ?? 0)
    }
}
