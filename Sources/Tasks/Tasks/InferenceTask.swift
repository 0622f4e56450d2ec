import Differentiation
public import Files
public import Layers

/// Inference between two sentences, as in SNLI (Bowman et al. 2015): the second sentence follows from the first, contradicts it, or
/// neither.
public struct InferenceTask: LabelledTask {
    public static let name = "snli"

    public static func schedule(_ size: TaskSize) -> TaskSchedule { InferenceNetwork.schedule(size) }
    public static func read(_ path: String) throws -> InferencePairs { try InferencePairs(path: path) }

    public init(_ training: InferencePairs, _ options: TaskOptions) {}
    public init?(_ facts: [String: [String]]) {}
    public var facts: [String: [String]] { ["labels": InferencePairs.labels] }

    public func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (InferenceNetwork, VectorInput) {
        let network = InferenceNetwork(form, size: size, in: &plan)
        return (network, network.input)
    }

    /// Returns the distinct sentences of all pairs, in the order of their first occurrences, and the number of each.
    private func numbered(_ text: InferencePairs) -> (sentences: [[String]], numbers: [[String]: Int]) {
        var sentences: [[String]] = [], numbers: [[String]: Int] = [:]
        for words in text.pairs.lazy.flatMap({ [$0.premise, $0.hypothesis] }) where numbers[words] == nil {
            numbers[words] = sentences.count
            sentences.append(words)
        }
        return (sentences, numbers)
    }

    public func sentences(of text: InferencePairs, training: Bool) -> [[String]] { numbered(text).sentences }

    public func examples(of text: InferencePairs, training: Bool) -> [InferenceNetwork.Example] {
        let numbers = numbered(text).numbers
        return text.pairs.map { pair in
            InferenceNetwork.Example(
                premise: numbers[pair.premise] ?? 0, premiseWords: pair.premise.count, hypothesis: numbers[pair.hypothesis] ?? 0,
                hypothesisWords: pair.hypothesis.count, label: Int32(pair.label))
        }
    }

    public func score(_ predictions: [ClassPrediction], of text: InferencePairs) -> TaskScore {
        var classes = [Accuracy](repeating: Accuracy(), count: InferencePairs.labels.count)
        for (prediction, pair) in zip(predictions, text.pairs) { classes[pair.label].add(Int(prediction.label) == pair.label) }
        return TaskScore(
            "accuracy", .accuracy, units: zip(predictions, text.pairs).map { [Int($0.label) == $1.label ? 1 : 0, 1] },
            details: zip(InferencePairs.labels, classes).map { ($0, $1.value) }, classes: Set(predictions.map(\.label)).count)
    }

    /// Writes a line per pair: the predicted label, the premise and the hypothesis, with tabs between them.
    public func write(_ predictions: [ClassPrediction], of text: InferencePairs, to output: OutputFile) throws {
        for (prediction, pair) in zip(predictions, text.pairs) {
            let columns = [InferencePairs.labels[Int(prediction.label)], pair.premise.joined(separator: " "), pair.hypothesis.joined(separator: " ")]
            try output.write(columns.joined(separator: "\t") + "\n")
        }
    }
}
