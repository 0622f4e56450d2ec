import Differentiation
public import Files
public import Layers
internal import Probing

/// Named entities in the columns of CoNLL-2003, scored as in the script conlleval.
public struct EntityTask: LabelledTask {
    public static let name = "ner"

    /// The labels in BIOUL, the first of which is O, and the characters of the training text.
    private let labels: [String]
    private let letters: [String]
    private let labelNumbers: [String: Int32], letterNumbers: [Character: Int32]

    public static func schedule(_ size: TaskSize) -> TaskSchedule { EntityNetwork.schedule(size) }
    public static func read(_ path: String) throws -> EntityText { try EntityText(path: path) }

    public init(_ training: EntityText, _ options: TaskOptions) throws {
        let types = training.types
        guard !types.isEmpty else { throw ToolError.data(training.name, "", "has no entities") }
        let letters = Set(training.sentences.lazy.flatMap(\.words).joined()).sorted()
        self.init(labels: ["O"] + types.flatMap { type in ["B", "I", "L", "U"].map { "\($0)-\(type)" } }, letters: letters.map { String($0) })
    }

    public init?(_ facts: [String: [String]]) {
        guard let labels = facts["labels"], let letters = facts["letters"], letters.allSatisfy({ $0.count == 1 }) else { return nil }
        self.init(labels: labels, letters: letters)
    }

    private init(labels: [String], letters: [String]) {
        (self.labels, self.letters) = (labels, letters)
        labelNumbers = Dictionary(labels.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
        letterNumbers = Dictionary(
            letters.enumerated().compactMap { number, letter in letter.first.map { ($0, Int32(number + 1)) } },
            uniquingKeysWith: { first, _ in first })
    }

    public var facts: [String: [String]] { ["labels": labels, "letters": letters] }

    public func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (EntityNetwork, VectorInput) {
        // The first row stands for all characters that do not occur in the training text.
        let network = EntityNetwork(form, letters: letters.count + 1, constraints: constraints, EntityNetwork.Widths(size), in: &plan)
        return (network, network.input)
    }

    private var constraints: ConditionalRandomField.Constraints {
        ConditionalRandomField.Constraints(
            transitions: labels.flatMap { before in labels.map { EntityLabels.mayFollow(before, $0) } },
            starts: labels.map { EntityLabels.mayFollow(nil, $0) }, ends: labels.map { EntityLabels.mayFollow($0, nil) })
    }

    public func sentences(of text: EntityText, training: Bool) -> [[String]] { text.sentences.map(\.words) }

    public func examples(of text: EntityText, training: Bool) throws -> [EntityNetwork.Example] {
        try text.check(types: Set(labels.map { String($0.dropFirst(2)) }))
        return text.sentences.enumerated().map { number, sentence in
            EntityNetwork.Example(
                sentence: number, letters: sentence.words.map { $0.map { letterNumbers[$0] ?? 0 } },
                labels: sentence.labels.map { labelNumbers[$0] ?? 0 })
        }
    }

    private func names(_ prediction: [Int32]) -> [String] { prediction.map { labels[Int($0)] } }

    public func score(_ predictions: [[Int32]], of text: EntityText) -> TaskScore {
        var total = EntityScore()
        let units = zip(predictions, text.sentences).map { prediction, sentence in
            var score = EntityScore()
            score.add(predicted: names(prediction), expected: sentence.labels)
            total.add(predicted: names(prediction), expected: sentence.labels)
            return score.total.counts
        }
        let types = total.types.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value.f1) }
        return TaskScore(
            "F1", .f1, units: units, details: [("precision", total.total.precision), ("recall", total.total.recall)] + types)
    }

    /// Writes the columns that the script conlleval reads: a word, its label and the predicted label, in IOB2.
    public func write(_ predictions: [[Int32]], of text: EntityText, to output: OutputFile) throws {
        for (prediction, sentence) in zip(predictions, text.sentences) {
            let columns = [sentence.labels, names(prediction)].map { labels in labels.map(Self.inIOB2) }
            for (index, word) in sentence.words.enumerated() { try output.write("\(word) \(columns[0][index]) \(columns[1][index])\n") }
            try output.write("\n")
        }
    }

    private static func inIOB2(_ label: String) -> String {
        switch label.first {
        case "L": "I" + label.dropFirst()
        case "U": "B" + label.dropFirst()
        default: label
        }
    }
}
