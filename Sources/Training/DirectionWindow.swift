import Kernels
import Layers
import Model

/// What one direction reads and predicts in a window, in the form that its layers ask for. Planned once.
final class DirectionWindow {
    private let configuration: EncoderConfiguration
    private let words: CorpusWords
    private let positions: Int
    private let inputVectors, targetVectors: FloatBuffer
    private let numbers: FloatBuffer
    private let inputNumbers, targetClasses: Numbers
    private let spellings: SpellingBatch?
    /// Where each number of a word is among the distinct ones of this window, if `stamps` says that it is.
    private var places: [Int32] = [], stamps: [Int32] = []
    private var stamp: Int32 = 0
    /// [positions]: 1 where a position has a target that counts, else 0; and the same where operations read it.
    private(set) var counted: [Float]
    private let weights: FloatBuffer

    init(_ configuration: EncoderConfiguration, _ words: CorpusWords, positions: Int) {
        self.configuration = configuration
        self.words = words
        self.positions = positions
        inputVectors = FloatBuffer(count: configuration.input == .embeddings ? positions * configuration.inputSize : 0)
        targetVectors = FloatBuffer(count: configuration.output == .continuous ? positions * configuration.outputSize : 0)
        numbers = FloatBuffer(count: 2 * positions)
        inputNumbers = Numbers(numbers, count: positions)
        targetClasses = Numbers(numbers, at: positions, count: positions)
        spellings = configuration.input == .characters ? SpellingBatch(rows: positions, longest: configuration.longestWord) : nil
        if configuration.input == .characters {
            places = Array(repeating: 0, count: words.count)
            stamps = Array(repeating: -1, count: words.count)
        }
        counted = Array(repeating: 0, count: positions)
        weights = FloatBuffer(count: positions)
    }

    /// Brings the window's words into form, as `direction` reads them. Throws `ToolError` if the table's file cannot be read
    /// any more.
    func prepare(_ window: TrainingWindow, _ direction: Direction) throws {
        let count = window.batch * window.window
        precondition(count <= positions)
        let targets = window.targets(direction)
        try prepare(inputs: window.inputs(direction), count)
        if configuration.output == .continuous {
            try words.vectors?.gather(targets, into: Matrix(targetVectors, rows: count, columns: configuration.outputSize))
        } else {
            for place in 0..<count { targetClasses[place] = words.classNumber(targets[place]) }
        }
        for place in counted.indices {
            counted[place] = place < count && words.isTarget(targets[place]) ? window.weights[place] : 0
        }
        Matrix(weights, rows: 1, columns: positions).copy(from: counted)
    }

    private func prepare(inputs: [UInt32], _ count: Int) throws {
        switch configuration.input {
        case .embeddings:
            try words.vectors?.gather(inputs, into: Matrix(inputVectors, rows: count, columns: configuration.inputSize))
        case .subwords:
            for place in 0..<count { inputNumbers[place] = words.classNumber(inputs[place]) }
        case .characters:
            spell(inputs, count)
        }
    }

    private func spell(_ inputs: [UInt32], _ count: Int) {
        guard let spellings else { return }
        spellings.removeAll()
        stamp &+= 1
        for place in 0..<count {
            let number = inputs[place]
            if stamps[Int(number)] != stamp {
                stamps[Int(number)] = stamp
                places[Int(number)] = number == words.begin ? spellings.append(.begin)
                    : number == words.end ? spellings.append(.end)
                    : words.withSpelling(number) { spellings.append(.spelled($0)) }
            }
            spellings.places[place] = places[Int(number)]
        }
    }

    /// The inputs of the window prepared last.
    func input(rows: Int) -> InputWords {
        switch configuration.input {
        case .embeddings: .vectors(Matrix(inputVectors, rows: rows, columns: configuration.inputSize))
        case .subwords: .numbers(inputNumbers)
        case .characters: spellings.map { .spellings($0.spellings) } ?? .numbers(inputNumbers)
        }
    }

    /// The targets of the window prepared last.
    func targets(rows: Int) -> Targets {
        configuration.output == .continuous
            ? .vectors(Matrix(targetVectors, rows: rows, columns: configuration.outputSize)) : .classes(targetClasses)
    }

    /// How often each position of the window prepared last counts: [1, rows].
    func weights(rows: Int) -> Matrix { Matrix(weights, rows: 1, columns: rows) }

    /// The class that the window prepared last wants at a position.
    func targetClass(_ place: Int) -> Int32 { targetClasses[place] }

    var bytes: Int {
        inputVectors.bytes + targetVectors.bytes + weights.bytes + 4 * positions + numbers.bytes + (spellings?.bytes ?? 0) + 8 * places.count
    }
}
