import Differentiation
public import Files
public import Layers

/// The options of a task.
public struct TaskOptions: Sendable {
    /// True if the sentiment of phrases inside sentences is learned, too.
    public var usesSubtrees = true

    public init() {}
}

/// A task: its labelled texts, the network that learns it, and its score. A value of it knows the labels of a training text.
public protocol LabelledTask: Sendable {
    associatedtype Text: Sendable
    associatedtype Network: TaskNetwork

    /// The name in commands and results.
    static var name: String { get }
    /// The name of the task that its networks learn, as their files have it.
    static var learnedTask: String { get }
    static func schedule(_ size: TaskSize) -> TaskSchedule
    /// Reads a labelled text. Throws `ToolError`.
    static func read(_ path: String) throws -> Text

    /// Makes the task that a training text defines by its labels.
    init(_ training: Text, _ options: TaskOptions) throws
    /// The labels, letters and so on that a saved network needs beside its weights, by name.
    var facts: [String: [String]] { get }
    /// The task of a saved network; `nil` if facts are missing.
    init?(_ facts: [String: [String]])

    func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (Network, VectorInput)
    /// The sentences whose vectors examples ask for, by their numbers.
    func sentences(of text: Text, training: Bool) -> [[String]]
    /// Throws `ToolError`, `dataError`, for labels that the training text lacks.
    func examples(of text: Text, training: Bool) throws -> [Network.Example]
    /// The score of predictions for the examples of a text that is not trained on.
    func score(_ predictions: [Network.Prediction], of text: Text) -> TaskScore
    /// Predictions in the form of the task's own texts.
    func write(_ predictions: [Network.Prediction], of text: Text, to output: OutputFile) throws
}

extension LabelledTask {
    public static var learnedTask: String { name }
}

/// The score of a system on a text.
public struct TaskScore: Sendable {
    /// The measure that publications give, such as `F1`.
    public let measure: String
    public let statistic: PairedTest.Statistic
    /// The counts of each sentence, pair or document; the score is a function of their sums.
    public let units: [[Double]]
    /// Further figures, by name: shares from 0 to 1.
    public let details: [(name: String, value: Double)]
    /// The number of classes among the predictions; `nil` where the task has no classes.
    private let classes: Int?

    public init(
        _ measure: String, _ statistic: PairedTest.Statistic, units: [[Double]], details: [(name: String, value: Double)] = [],
        classes: Int? = nil
    ) {
        (self.measure, self.statistic, self.units, self.details, self.classes) = (measure, statistic, units, details, classes)
    }

    /// The score of all units together, from 0 to 1.
    public var value: Double { statistic.value(of: sums) }

    /// A sentence about predictions that no network which has learned anything makes; `nil` if there is nothing to say.
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
