import Files

/// The quality of predicted labels.
public struct ProbeScore: Sendable, Equatable {
    /// F1, or the share of correct labels, from 0 to 1.
    public let value: Double
    /// Share of correct spans among those found; `nil` for labels that are not of spans.
    public var precision: Double?
    /// Share of correct spans among those expected; `nil` for labels that are not of spans.
    public var recall: Double?
}

/// A labelled task: a text to fit to, a tenth of which is held out, and a test text.
public struct ProbeTask: Sendable {
    /// A measure by which a task is scored.
    public enum Measure: String, Sendable {
        /// F1 over exact spans, micro average.
        case f1 = "F1"
        /// Share of correct labels of tokens.
        case accuracy
    }

    /// A text as numbers: its sentences as ranges of tokens, and the number of each token's label, [tokens]; -1 for a token
    /// without a label.
    public struct Tokens: Sendable {
        /// Range of tokens of each sentence.
        public let sentences: [Range<Int>]
        /// Number of each token's label.
        public let targets: [Int32]

        /// The number of tokens that have a label.
        public var labelled: Int { targets.count { $0 >= 0 } }
    }

    /// Label of a token that has none. Its vector depends on its sentence like any other, but it is neither fitted to nor scored.
    public static let noLabel = "_"

    /// Labels in the order of their first occurrence in the training text, then those that only the test text has.
    public let labels: [String]
    /// Number of labels in the training text, from which a classifier chooses.
    public let classes: Int
    /// The measure by which the task is scored.
    public let measure: Measure
    /// The training text and the test text.
    public let training, test: Tokens
    /// Tokens of the training text to fit to.
    public let fitted: [Int]
    /// Sentences of the training text that are held out: every tenth.
    public let heldOut: [Range<Int>]
    /// Number of test tokens whose label the training text lacks; they can never be correct.
    public let unseen: Int
    private let spanLabels: [SpanLabel?]

    /// One of this many sentences is held out.
    public static let heldOutEvery = 10

    /// Creates a task. Throws `ToolError` with status `dataError` if the training text has fewer than ten sentences or
    /// either text has no labels.
    public init(training: LabelledText, test: LabelledText) throws {
        guard training.sentences.count >= Self.heldOutEvery else {
            throw ToolError.data(
                training.name, "", "has too few sentences, \(training.sentences.count): a probe holds out every tenth")
        }
        let all = Set((training.sentences + test.sentences).lazy.flatMap(\.labels))
        measure = LabelledSpans.areSpans(all) ? .f1 : .accuracy
        var labels: [String] = [], numbers: [[UInt8]: Int32] = [:]
        func tokens(_ text: LabelledText, _ measure: Measure) -> Tokens {
            var sentences: [Range<Int>] = [], targets: [Int32] = []
            for sentence in text.sentences {
                sentences.append(targets.count..<targets.count + sentence.labels.count)
                for label in measure == .f1 ? LabelledSpans.inIOB2(sentence.labels) : sentence.labels {
                    guard label != Self.noLabel else {
                        targets.append(-1)
                        continue
                    }
                    // Compared by bytes: two spellings of a letter are different labels.
                    let number = numbers[Array(label.utf8)] ?? Int32(labels.count)
                    if Int(number) == labels.count {
                        labels.append(label)
                        numbers[Array(label.utf8)] = number
                    }
                    targets.append(number)
                }
            }
            return Tokens(sentences: sentences, targets: targets)
        }
        self.training = tokens(training, measure)
        let classes = labels.count
        self.test = tokens(test, measure)
        self.classes = classes
        self.labels = labels
        unseen = self.test.targets.count { $0 >= classes }
        spanLabels = labels.map { SpanLabel($0) }
        let parts = self.training.sentences.enumerated()
        heldOut = parts.filter { Self.isHeldOut($0.offset) }.map(\.element)
        fitted = parts.filter { !Self.isHeldOut($0.offset) }.flatMap { Array($0.element) }.filter { [targets = self.training.targets] in targets[$0] >= 0 }
        for (text, count) in [(training, fitted.count), (test, self.test.labelled)] where count == 0 {
            throw ToolError.data(text.name, "", "has no labels in column \(text.column): all are \(Self.noLabel)")
        }
    }

    private static func isHeldOut(_ sentence: Int) -> Bool { sentence % heldOutEvery == heldOutEvery - 1 }

    /// Scores predictions.
    /// - `predictions`: numbers of labels, one for each token of `sentences`, in order.
    /// - `sentences`: the sentences of `tokens` that are scored.
    public func score(_ predictions: [Int32], _ sentences: [Range<Int>], of tokens: Tokens) -> ProbeScore {
        var spans = SpanCounts(), right = 0, labelled = 0, first = 0
        for sentence in sentences {
            let found = predictions[first..<first + sentence.count], expected = tokens.targets[sentence]
            first += sentence.count
            switch measure {
            case .accuracy:
                right += zip(found, expected).count { $0 == $1 }
                labelled += expected.count { $0 >= 0 }
            case .f1:
                spans.add(
                    found: LabelledSpans.spans(of: found.map { spanLabels[Int($0)] }),
                    expected: LabelledSpans.spans(of: expected.map { spanLabels[Int($0)] }))
            }
        }
        switch measure {
        case .accuracy: return ProbeScore(value: labelled > 0 ? Double(right) / Double(labelled) : 0)
        case .f1: return ProbeScore(value: spans.f1, precision: spans.precision, recall: spans.recall)
        }
    }
}
