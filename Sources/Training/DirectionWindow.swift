import Kernels
import Layers
import Model

/// The inputs and targets of one direction in a window, in the form that its layers ask for. Planned once.
final class DirectionWindow {
    private let configuration: EncoderConfiguration
    private let words: CorpusWords
    private let positions: Int
    private let inputs: InputBatch
    private let targetVectors, targetMemory: FloatBuffer
    private let targetClasses: Numbers
    /// 1 where a position has a target that counts, else 0: [positions]; `weights` is where operations read it.
    private var counted: [Float]
    private let weights: FloatBuffer

    init(_ configuration: EncoderConfiguration, _ words: CorpusWords, positions: Int) {
        self.configuration = configuration
        self.words = words
        self.positions = positions
        inputs = InputBatch(configuration, rows: positions, words: words.count)
        targetVectors = FloatBuffer(count: configuration.output == .continuous ? positions * configuration.outputSize : 0)
        targetMemory = FloatBuffer(count: positions)
        targetClasses = Numbers(targetMemory, count: positions)
        counted = Array(repeating: 0, count: positions)
        weights = FloatBuffer(count: positions)
    }

    /// Brings the window's words into form, as `direction` reads them. Throws `ToolError` if the table's file cannot be read
    /// any more.
    func prepare(_ window: TrainingWindow, _ direction: Direction) throws {
        let count = window.batch * window.window, targets = window.targets(direction)
        precondition(count <= positions)
        try inputs.fill(window.inputs(direction), of: words)
        if configuration.output == .continuous {
            try words.gather(targets, into: Matrix(targetVectors, rows: count, columns: configuration.outputSize))
        } else {
            for place in 0..<count { targetClasses[place] = words.classNumber(targets[place]) }
        }
        for place in counted.indices {
            counted[place] = place < count && words.isTarget(targets[place]) ? window.weights[place] : 0
        }
        Matrix(weights, rows: 1, columns: positions).copy(from: counted)
    }

    /// The inputs of the window prepared last.
    func input(rows: Int) -> InputWords { inputs.words(rows: rows) }

    /// The targets of the window prepared last.
    func targets(rows: Int) -> Targets {
        configuration.output == .continuous
            ? .vectors(Matrix(targetVectors, rows: rows, columns: configuration.outputSize)) : .classes(targetClasses)
    }

    /// The weight of each position of the window prepared last: [1, rows].
    func weights(rows: Int) -> Matrix { Matrix(weights, rows: 1, columns: rows) }

    /// The positions of the window prepared last that count.
    var places: [Int] { counted.indices.filter { counted[$0] == 1 } }

    var bytes: Int { inputs.bytes + targetVectors.bytes + targetMemory.bytes + weights.bytes + 4 * positions }
}
