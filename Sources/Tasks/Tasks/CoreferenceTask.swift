import Differentiation
public import Files
public import Layers

/// Coreference in the columns of CoNLL-2012, scored by the mean F1 of MUC, B-cubed and CEAF-e, counted as in the reference scorer.
public struct CoreferenceTask: LabelledTask {
    public static let name = "coref"

    public static func schedule(_ size: TaskSize) -> TaskSchedule { CoreferenceNetwork.schedule(size) }
    public static func read(_ path: String) throws -> CoreferenceText { try CoreferenceText(path: path) }

    public init(_ training: CoreferenceText, _ options: TaskOptions) throws {
        guard training.documents.contains(where: { !$0.clusters.isEmpty }) else {
            throw ToolError.data(training.name, "", "has no mentions")
        }
    }

    public init?(_ facts: [String: [String]]) {}
    public var facts: [String: [String]] { [:] }

    public func network(_ form: VectorForm, size: TaskSize, in plan: inout Plan) -> (CoreferenceNetwork, VectorInput) {
        let network = CoreferenceNetwork(form, size: size, in: &plan)
        return (network, network.input)
    }

    public func sentences(of text: CoreferenceText, training: Bool) -> [[String]] { text.documents.flatMap(\.sentences) }

    public func examples(of text: CoreferenceText, training: Bool) -> [CoreferenceNetwork.Example] {
        var first = 0
        return text.documents.map { document in
            defer { first += document.sentences.count }
            return CoreferenceNetwork.Example(
                sentences: Array(first..<first + document.sentences.count), lengths: document.sentences.map(\.count),
                clusters: document.clusters)
        }
    }

    public func score(_ predictions: [[[Range<Int>]]], of text: CoreferenceText) -> TaskScore {
        var total = CoreferenceScore()
        let units = zip(predictions, text.documents).map { prediction, document in
            var score = CoreferenceScore()
            score.add(predicted: prediction, expected: document.clusters)
            total.add(predicted: prediction, expected: document.clusters)
            return score.counts
        }
        return TaskScore(
            "mean F1", .meanF1, units: units,
            details: [
                ("MUC", total.muc.f1), ("B-cubed", total.bCubed.f1), ("CEAF-e", total.ceafE.f1), ("mention recall", total.mentions.recall),
            ])
    }

    /// Writes the columns of CoNLL-2012 that the reference scorer reads: document, part, number of the word, word, coreference.
    public func write(_ predictions: [[[Range<Int>]]], of text: CoreferenceText, to output: OutputFile) throws {
        for (prediction, document) in zip(predictions, text.documents) {
            // The name is the text after `#begin document`: the document in parentheses, and its part.
            try output.write("#begin document \(document.name)\n")
            let name = document.name.split(whereSeparator: { "();".contains($0) }).first.map(String.init) ?? "document"
            var word = 0
            for sentence in document.sentences {
                for (place, token) in sentence.enumerated() {
                    var marks: [String] = []
                    for (number, cluster) in prediction.enumerated() {
                        for mention in cluster {
                            let (opens, closes) = (mention.lowerBound == word, mention.upperBound == word + 1)
                            if opens || closes { marks.append("\(opens ? "(" : "")\(number)\(closes ? ")" : "")") }
                        }
                    }
                    let column = marks.isEmpty ? "-" : marks.joined(separator: "|")
                    try output.write("\(name)\t0\t\(place)\t\(token)\t\(column)\n")
                    word += 1
                }
                try output.write("\n")
            }
            try output.write("#end document\n")
        }
    }
}
