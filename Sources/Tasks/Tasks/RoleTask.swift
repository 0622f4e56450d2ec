import Differentiation
public import Files
public import Layers
import Probing

/// Semantic roles of given predicates in PropBank's columns, scored as in the script of CoNLL-2005.
public struct RoleTask: LabelledTask {
    public static let name = "srl"
    /// The labels in IOB2, the first of which is O. A role that does not occur in the training text has no label, and cannot be found.
    private let labels: [String]
    private let numbers: [String: Int32]

    public static func schedule(_ size: TaskSize) -> TaskSchedule { RoleNetwork.schedule(size) }
    public static func read(_ path: String) throws -> RoleText { try RoleText(path: path) }

    public init(_ training: RoleText, _ options: TaskOptions) throws {
        let roles = Set(training.sentences.lazy.flatMap(\.predicates).flatMap(\.spans).map(\.role)).sorted()
        guard !roles.isEmpty else { throw ToolError.data(training.name, "", "has no predicates with roles") }
        self.init(labels: ["O"] + roles.flatMap { ["B-\($0)", "I-\($0)"] })
    }

    public init?(_ facts: [String: [String]]) {
        guard let labels = facts["labels"], !labels.isEmpty else { return nil }
        self.init(labels: labels)
    }

    private init(labels: [String]) {
        self.labels = labels
        numbers = Dictionary(labels.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
    }

    public var facts: [String: [String]] { ["labels": labels] }

    public func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (RoleNetwork, VectorInput) {
        let network = RoleNetwork(form, labels: labels, size: size, in: &plan)
        return (network, network.input)
    }

    public func sentences(of text: RoleText, training: Bool) -> [[String]] { text.sentences.map(\.words) }

    public func examples(of text: RoleText, training: Bool) -> [RoleNetwork.Example] {
        text.sentences.enumerated().flatMap { number, sentence in
            sentence.predicates.map { predicate in
                RoleNetwork.Example(
                    sentence: number, words: sentence.words.count, predicate: predicate.word,
                    labels: RoleLabels.labels(of: predicate.spans, count: sentence.words.count).map { numbers[$0] ?? 0 })
            }
        }
    }

    /// Returns the predicted spans, in the order of the predicates.
    private func spans(_ predictions: [[Int32]]) -> [[RoleSpan]] { predictions.map { RoleLabels.spans(of: $0.map { labels[Int($0)] }) } }

    public func score(_ predictions: [[Int32]], of text: RoleText) -> TaskScore {
        var total = RoleScore(), units: [[Double]] = [], place = 0
        let found = spans(predictions)
        for sentence in text.sentences {
            var score = RoleScore()
            for predicate in sentence.predicates {
                score.add(predicted: found[place], expected: predicate.spans)
                total.add(predicted: found[place], expected: predicate.spans)
                place += 1
            }
            units.append(score.total.counts)
        }
        return TaskScore("F1", .f1, units: units, details: [("precision", total.total.precision), ("recall", total.total.recall)])
    }

    /// Writes the columns of CoNLL-2005: the lemma of a predicate or -, and a bracketed column for each predicate.
    public func write(_ predictions: [[Int32]], of text: RoleText, to output: OutputFile) throws {
        var place = 0
        let found = spans(predictions)
        for sentence in text.sentences {
            let own = Array(found[place..<place + sentence.predicates.count])
            place += own.count
            for word in sentence.words.indices {
                let lemma = sentence.predicates.first { $0.word == word }?.lemma ?? "-"
                let columns = own.map { spans in
                    let span = spans.first { $0.words.contains(word) }
                    let opens = span.map { $0.words.lowerBound == word ? "(\($0.role)" : "" } ?? ""
                    return opens + "*" + (span?.words.upperBound == word + 1 ? ")" : "")
                }
                try output.write(([lemma] + columns).joined(separator: "\t") + "\n")
            }
            try output.write("\n")
        }
    }
}
