import Differentiation
public import Files
public import Layers

/// Sentiment in the trees of the Stanford Sentiment Treebank (Socher et al. 2013): a class of five for each sentence, and for the phrases
/// inside those that are trained on, which are read apart.
public struct SentimentTask: LabelledTask {
    public static let name = "sst"
    private static let classes = 5
    private let usesSubtrees: Bool

    public static func schedule(_ size: TaskSize) -> TaskSchedule { SentimentNetwork.schedule(size) }
    public static func read(_ path: String) throws -> SentimentTrees { try SentimentTrees(path: path) }

    public init(_ training: SentimentTrees, _ options: TaskOptions) { usesSubtrees = options.usesSubtrees }
    public init?(_ facts: [String: [String]]) { usesSubtrees = false }
    public var facts: [String: [String]] { ["labels": (0..<Self.classes).map { "\($0)" }] }

    public func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (SentimentNetwork, VectorInput) {
        let network = SentimentNetwork(form, classes: Self.classes, size: size, in: &plan)
        return (network, network.input)
    }

    public func sentences(of text: SentimentTrees, training: Bool) -> [[String]] {
        SentimentPhrases(text, withSubtrees: training && usesSubtrees).sentences
    }

    public func examples(of text: SentimentTrees, training: Bool) -> [SentimentNetwork.Example] {
        SentimentPhrases(text, withSubtrees: training && usesSubtrees).examples { Int32($0) }
    }

    public func score(_ predictions: [ClassPrediction], of text: SentimentTrees) -> TaskScore {
        // Whether a sentence is good or bad is a question of those that are not neutral.
        var polarity = Accuracy()
        for (prediction, tree) in zip(predictions, text.trees) {
            guard let expected = SentimentTree.polarity(tree.label) else { continue }
            let shares = prediction.probabilities
            polarity.add((shares[3] + shares[4] > shares[0] + shares[1]) == (expected == 1))
        }
        return TaskScore(
            "accuracy", .accuracy, units: zip(predictions, text.trees).map { [Int($0.label) == $1.label ? 1 : 0, 1] },
            details: [("two of five", polarity.value)])
    }

    /// The class of each sentence, a line each.
    public func write(_ predictions: [ClassPrediction], of text: SentimentTrees, to output: OutputFile) throws {
        for prediction in predictions { try output.write("\(prediction.label)\n") }
    }
}

/// Sentiment as good or bad: sentences and phrases that are neither are left out.
public struct PolarityTask: LabelledTask {
    public static let name = "sst2"
    private let usesSubtrees: Bool

    public static func schedule(_ size: TaskSize) -> TaskSchedule { SentimentNetwork.schedule(size) }

    public static func read(_ path: String) throws -> SentimentTrees {
        let text = try SentimentTrees(path: path)
        guard text.trees.contains(where: { SentimentTree.polarity($0.label) != nil }) else {
            throw ToolError.data(text.name, "", "has no sentence that is good or bad: all have the label 2")
        }
        return text
    }

    public init(_ training: SentimentTrees, _ options: TaskOptions) { usesSubtrees = options.usesSubtrees }
    public init?(_ facts: [String: [String]]) { usesSubtrees = false }
    public var facts: [String: [String]] { ["labels": ["0", "1"]] }

    public func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (SentimentNetwork, VectorInput) {
        let network = SentimentNetwork(form, classes: 2, size: size, in: &plan)
        return (network, network.input)
    }

    public func sentences(of text: SentimentTrees, training: Bool) -> [[String]] {
        SentimentPhrases(text, withSubtrees: training && usesSubtrees).sentences
    }

    public func examples(of text: SentimentTrees, training: Bool) -> [SentimentNetwork.Example] {
        SentimentPhrases(text, withSubtrees: training && usesSubtrees).examples { SentimentTree.polarity($0).map { Int32($0) } }
    }

    private func judged(_ text: SentimentTrees) -> [Int] { text.trees.compactMap { SentimentTree.polarity($0.label) } }

    public func score(_ predictions: [ClassPrediction], of text: SentimentTrees) -> TaskScore {
        TaskScore("accuracy", .accuracy, units: zip(predictions, judged(text)).map { [Int($0.label) == $1 ? 1 : 0, 1] })
    }

    /// The class of each sentence that is good or bad, 1 or 0, a line each.
    public func write(_ predictions: [ClassPrediction], of text: SentimentTrees, to output: OutputFile) throws {
        for prediction in predictions { try output.write("\(prediction.label)\n") }
    }
}

/// The phrases of trees. Of phrases with the same words the vectors are made once.
private struct SentimentPhrases {
    private(set) var sentences: [[String]] = []
    /// The number of each phrase's words among the sentences, and its label.
    private var phrases: [(sentence: Int, label: Int)] = []

    init(_ text: SentimentTrees, withSubtrees: Bool) {
        var numbers: [[String]: Int] = [:]
        for tree in text.trees {
            let all = withSubtrees ? tree.subtrees : [(words: 0..<tree.words.count, label: tree.label)]
            for phrase in all {
                let words = Array(tree.words[phrase.words]), number = numbers[words] ?? sentences.count
                if number == sentences.count {
                    numbers[words] = number
                    sentences.append(words)
                }
                phrases.append((number, phrase.label))
            }
        }
    }

    /// - Parameter label: the class of a label; `nil` leaves the phrase out.
    func examples(_ label: (Int) -> Int32?) -> [SentimentNetwork.Example] {
        phrases.compactMap { phrase in
            label(phrase.label).map {
                SentimentNetwork.Example(sentence: phrase.sentence, words: sentences[phrase.sentence].count, label: $0)
            }
        }
    }
}
