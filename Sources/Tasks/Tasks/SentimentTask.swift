import Differentiation
public import Files
public import Layers

/// Sentiment in the trees of the Stanford Sentiment Treebank (Socher et al. 2013), in five classes. Each sentence has a class. For
/// training, the phrases inside sentences have one, too, and are read as separate inputs.
public struct SentimentTask: TreeTask {
    public static let name = "sst"
    public static let labels = (0..<5).map { "\($0)" }
    /// True if training also uses phrases inside sentences.
    public let usesSubtrees: Bool

    /// Makes the task.
    public init(usesSubtrees: Bool) { self.usesSubtrees = usesSubtrees }
    public static func read(_ path: String) throws -> SentimentTrees { try SentimentTrees(path: path) }
    public static func label(_ sentiment: Int) -> Int? { sentiment }

    public func score(_ predictions: [ClassPrediction], of text: SentimentTrees) -> TaskScore {
        // Polarity, positive or negative, is defined only for sentences that are not neutral.
        var polarity = Accuracy()
        for (prediction, tree) in zip(predictions, text.trees) {
            guard let expected = SentimentTree.polarity(tree.label) else { continue }
            let shares = prediction.probabilities
            polarity.add((shares[3] + shares[4] > shares[0] + shares[1]) == (expected == 1))
        }
        return TaskScore("accuracy", .accuracy, units: units(predictions, text), details: [("two of five", polarity.value)],
            classes: Set(predictions.map(\.label)).count)
    }
}

/// Sentiment in two classes, positive and negative. Neutral sentences and phrases are left out.
public struct PolarityTask: TreeTask {
    public static let name = "sst2"
    public static let labels = ["0", "1"]
    /// True if training also uses phrases inside sentences.
    public let usesSubtrees: Bool

    /// Makes the task.
    public init(usesSubtrees: Bool) { self.usesSubtrees = usesSubtrees }

    public static func read(_ path: String) throws -> SentimentTrees {
        let text = try SentimentTrees(path: path)
        guard text.trees.contains(where: { label($0.label) != nil }) else {
            throw ToolError.data(text.name, "", "has no sentence that is good or bad: all have the label 2")
        }
        return text
    }

    public static func label(_ sentiment: Int) -> Int? { SentimentTree.polarity(sentiment) }

    public func score(_ predictions: [ClassPrediction], of text: SentimentTrees) -> TaskScore {
        TaskScore("accuracy", .accuracy, units: units(predictions, text), classes: Set(predictions.map(\.label)).count)
    }
}

/// A task that assigns classes to trees.
public protocol TreeTask: LabelledTask where Text == SentimentTrees, Network == SentimentNetwork {
    /// The names of the classes.
    static var labels: [String] { get }
    /// True if training also uses phrases inside sentences.
    var usesSubtrees: Bool { get }

    /// Makes the task.
    init(usesSubtrees: Bool)
    /// Returns the class of a sentiment from 0 to 4; `nil` leaves the phrase out.
    static func label(_ sentiment: Int) -> Int?
}

extension TreeTask {
    public static func schedule(_ size: TaskSize) -> TaskSchedule { SentimentNetwork.schedule(size) }

    public init(_ training: SentimentTrees, _ options: TaskOptions) { self.init(usesSubtrees: options.usesSubtrees) }
    public init?(_ facts: [String: [String]]) { self.init(usesSubtrees: false) }
    public var facts: [String: [String]] { ["labels": Self.labels] }

    public func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (SentimentNetwork, VectorInput) {
        let network = SentimentNetwork(form, classes: Self.labels.count, size: size, in: &plan)
        return (network, network.input)
    }

    public func sentences(of text: SentimentTrees, training: Bool) -> [[String]] {
        SentimentPhrases(text, withSubtrees: training && usesSubtrees).sentences
    }

    public func examples(of text: SentimentTrees, training: Bool) -> [SentimentNetwork.Example] {
        SentimentPhrases(text, withSubtrees: training && usesSubtrees).examples { Self.label($0).map { Int32($0) } }
    }

    /// Returns the counts of the sentences that have a class: 1 for a correct prediction and 0 otherwise, and 1.
    func units(_ predictions: [ClassPrediction], _ text: SentimentTrees) -> [[Double]] {
        zip(predictions, text.trees.compactMap { Self.label($0.label) }).map { [Int($0.label) == $1 ? 1 : 0, 1] }
    }

    /// Writes the class of each sentence that has one, one per line.
    public func write(_ predictions: [ClassPrediction], of text: SentimentTrees, to output: OutputFile) throws {
        for prediction in predictions { try output.write("\(prediction.label)\n") }
    }
}

/// The phrases of trees. Phrases with the same words share their vectors.
private struct SentimentPhrases {
    private(set) var sentences: [[String]] = []
    /// The number of each phrase's words among the sentences, and the phrase's label.
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

    /// Returns the examples of the phrases.
    /// - `label`: the class of a label; `nil` leaves the phrase out.
    func examples(_ label: (Int) -> Int32?) -> [SentimentNetwork.Example] {
        phrases.compactMap { phrase in
            label(phrase.label).map {
                SentimentNetwork.Example(sentence: phrase.sentence, words: sentences[phrase.sentence].count, label: $0)
            }
        }
    }
}
