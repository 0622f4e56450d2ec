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

/// The score of a system on a text.
public struct TaskScore: Sendable {
    /// The measure that publications give, such as `F1`.
    public let measure: String
    public let statistic: PairedTest.Statistic
    /// The counts of each sentence, pair or document; the score is a function of their sums.
    public let units: [[Double]]
    /// Further figures, by name: shares from 0 to 1.
    public let details: [(name: String, value: Double)]

    public init(_ measure: String, _ statistic: PairedTest.Statistic, units: [[Double]], details: [(name: String, value: Double)] = []) {
        (self.measure, self.statistic, self.units, self.details) = (measure, statistic, units, details)
    }

    /// The score of all units together, from 0 to 1.
    public var value: Double {
        guard let width = units.first?.count else { return 0 }
        var sums = [Double](repeating: 0, count: width)
        for unit in units { for index in 0..<width { sums[index] += unit[index] } }
        return statistic.value(of: sums)
    }
}
