import Differentiation
public import Files
public import Layers

/// Pronouns and the names to which they refer (GAP, Webster et al. 2018): a coreference network learns from documents in the columns
/// of CoNLL-2012, and is tested on passages. A passage is correct if both decisions are correct, on whether the pronoun refers to name
/// A and to name B.
public struct PronounTask: LabelledTask {
    /// A text: documents for training and early stopping, or passages for a test.
    public enum Text: Sendable {
        /// Documents with coreference, for training and early stopping.
        case documents(CoreferenceText)
        /// Passages of GAP, for a test.
        case passages(PronounText)
    }

    public static let name = "gap"
    public static var learnedTask: String { CoreferenceTask.name }

    private let coreference: CoreferenceTask

    public static func schedule(_ size: TaskSize) -> TaskSchedule { CoreferenceTask.schedule(size) }

    /// Reads passages if the first line is the header of GAP's files, and documents otherwise.
    public static func read(_ path: String) throws -> Text {
        let lines = try TextLines(path: path), first = try lines.next()
        return PronounText.isHeader(first)
            ? .passages(try PronounText(lines, header: first)) : .documents(try CoreferenceText(lines, first: first))
    }

    public init(_ training: Text, _ options: TaskOptions) throws {
        switch training {
        case .documents(let text): coreference = try CoreferenceTask(text, options)
        case .passages(let text):
            throw ToolError.data(text.name, "", "has passages of GAP, which do not mark all mentions; --train takes columns of CoNLL-2012")
        }
    }

    public init?(_ facts: [String: [String]]) {
        guard let coreference = CoreferenceTask(facts) else { return nil }
        self.coreference = coreference
    }

    public var facts: [String: [String]] { coreference.facts }

    public func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (CoreferenceNetwork, VectorInput) {
        coreference.network(form, size: size, in: &plan)
    }

    public func sentences(of text: Text, training: Bool) -> [[String]] {
        switch text {
        case .documents(let text): coreference.sentences(of: text, training: training)
        case .passages(let text): text.passages.flatMap(\.sentences)
        }
    }

    public func examples(of text: Text, training: Bool) -> [CoreferenceNetwork.Example] {
        switch text {
        case .documents(let text): return coreference.examples(of: text, training: training)
        case .passages(let text):
            var first = 0
            return text.passages.map { passage in
                defer { first += passage.sentences.count }
                return CoreferenceNetwork.Example(
                    sentences: Array(first..<first + passage.sentences.count), lengths: passage.sentences.map(\.count), clusters: [])
            }
        }
    }

    public func score(_ predictions: [[[Range<Int>]]], of text: Text) -> TaskScore {
        switch text {
        case .documents(let text): return coreference.score(predictions, of: text)
        case .passages(let text):
            var total = PronounScore()
            let units = zip(predictions, text.passages).map { clusters, passage in
                var score = PronounScore()
                let (a, b) = passage.names(in: clusters)
                score.add(a: a, b: b, for: passage)
                total.add(a: a, b: b, for: passage)
                return score.passages.counts
            }
            return TaskScore(
                "accuracy", .accuracy, units: units,
                details: [("F1", total.overall.f1), ("masculine F1", total.masculine.f1), ("feminine F1", total.feminine.f1)])
        }
    }

    /// Writes, for passages, the columns that the script gap_scorer.py reads: the passage, and whether the pronoun refers to each of
    /// its names.
    public func write(_ predictions: [[[Range<Int>]]], of text: Text, to output: OutputFile) throws {
        switch text {
        case .documents(let text): try coreference.write(predictions, of: text, to: output)
        case .passages(let text):
            for (clusters, passage) in zip(predictions, text.passages) {
                let (a, b) = passage.names(in: clusters)
                try output.write("\(passage.id)\t\(a ? "TRUE" : "FALSE")\t\(b ? "TRUE" : "FALSE")\n")
            }
        }
    }
}

extension PronounText.Passage {
    /// Returns whether the pronoun refers to name A, and to name B, given the clusters of the passage's mentions.
    func names(in clusters: [[Range<Int>]]) -> (a: Bool, b: Bool) {
        let cluster = clusters.first { $0.contains(pronoun) } ?? [], words = words
        func holds(_ name: Range<Int>) -> Bool { cluster.contains { Self.stands($0, for: name, in: words) } }
        return (holds(a), holds(b))
    }

    /// Returns true if a mention refers to the bearer of a name: the mention is the name, possibly with words before it ("President
    /// Obama"), with an apostrophe after it, or with the text that follows a comma or a bracket. "Obama's wife" is a different person.
    private static func stands(_ mention: Range<Int>, for name: Range<Int>, in words: [String]) -> Bool {
        guard mention.overlaps(name), mention.upperBound >= name.upperBound else { return false }
        let behind = words[name.upperBound..<mention.upperBound]
        guard let next = behind.first else { return true }
        return [",", "(", "-LRB-"].contains(next) || behind.count == 1 && ["'s", "’s", "'", "’"].contains(next)
    }
}
