import Differentiation
public import Files
public import Layers

/// The options of a task.
public struct TaskOptions: Sendable {
    /// True if training also uses the labels of the phrases inside sentences.
    public var usesSubtrees = true

    /// Makes the default options.
    public init() {}
}

/// A task: its labelled texts, the network that learns it, and its score. A value of this type holds the labels of a training text.
public protocol LabelledTask: Sendable {
    /// The labelled text.
    associatedtype Text: Sendable
    /// The network that learns the task.
    associatedtype Network: TaskNetwork

    /// The name in commands and results.
    static var name: String { get }
    /// The name of the task in the files of its networks. It differs from `name` if a task uses the networks of another one.
    static var learnedTask: String { get }
    /// Returns the optimiser, batches and stopping rule for a task size.
    static func schedule(_ size: TaskSize) -> TaskSchedule
    /// Reads a labelled text. Throws `ToolError`.
    static func read(_ path: String) throws -> Text

    /// Makes the task that a training text defines by its labels.
    init(_ training: Text, _ options: TaskOptions) throws
    /// The labels, characters and other facts that a saved network needs beside its weights, by name.
    var facts: [String: [String]] { get }
    /// Makes the task of a saved network. Returns `nil` if facts are missing.
    init?(_ facts: [String: [String]])

    /// Declares the network in a plan. Returns it with the layer that reads its vectors.
    func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (Network, VectorInput)
    /// The sentences whose vectors the examples need. An example refers to a sentence by its position here.
    func sentences(of text: Text, training: Bool) -> [[String]]
    /// Returns the examples of a text. Throws `ToolError`, `dataError`, for labels that the training text lacks.
    func examples(of text: Text, training: Bool) throws -> [Network.Example]
    /// Returns the score of predictions for the examples of a text that is not used for training.
    func score(_ predictions: [Network.Prediction], of text: Text) -> TaskScore
    /// Writes predictions in the format of the task's own texts. Throws what `output` throws.
    func write(_ predictions: [Network.Prediction], of text: Text, to output: OutputFile) throws
}

extension LabelledTask {
    /// The name of the task itself.
    public static var learnedTask: String { name }
}

/// The score of a system on a text.
public struct TaskScore: Sendable {
    /// The measure that publications give, such as `F1`.
    public let measure: String
    /// The function from counts to the score.
    public let statistic: PairedTest.Statistic
    /// The counts of each sentence, pair or document, [units][counts]; the score is a function of their sums.
    public let units: [[Double]]
    /// Further figures, by name: fractions from 0 to 1.
    public let details: [(name: String, value: Double)]
    /// The number of classes among the predictions; `nil` where the task has no classes.
    private let classes: Int?

    /// Makes a score from the counts of each unit.
    public init(
        _ measure: String, _ statistic: PairedTest.Statistic, units: [[Double]], details: [(name: String, value: Double)] = [],
        classes: Int? = nil
    ) {
        (self.measure, self.statistic, self.units, self.details, self.classes) = (measure, statistic, units, details, classes)
    }

    /// The score of all units together, from 0 to 1.
    public var value: Double { statistic.value(of: sums) }

    /// A warning about predictions that no trained network makes, or `nil` if there is nothing to say.
    public var warning: String? {
        let found: Double
        switch statistic {
        case .accuracy: return classes == 1 && units.count > 1 ? "the network gives all \(units.count) examples one class" : nil
        case .f1: found = sums[1]
        case .meanF1: found = stride(from: 3, to: sums.count, by: 4).reduce(0) { $0 + sums[$1] }
        }
        return found == 0 ? "the network finds nothing" : nil
    }

    private var sums: [Double] {
        units.reduce(into: [Double](repeating: 0, count: max(statistic.leastCounts, units.first?.count ?? 0))) { sums, unit in
            for index in unit.indices { sums[index] += unit[index] }
        }
    }
}
