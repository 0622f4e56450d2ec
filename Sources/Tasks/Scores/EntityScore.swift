public import Probing

/// The counts of named entities that were found, by boundaries and type, as the script conlleval counts them (Tjong Kim Sang and De
/// Meulder 2003).
public struct EntityScore: Sendable, Equatable {
    /// The counts of each type that was expected or found.
    public private(set) var types: [String: SpanCounts] = [:]
    /// The counts of all types together. The published score is its `f1`.
    public private(set) var total = SpanCounts()

    /// Makes a score without sentences.
    public init() {}

    /// Adds a sentence, with one BIOUL label per word. Predicted labels that cannot follow one another are read as
    /// `EntityLabels.spans` reads them.
    public mutating func add(predicted: [String], expected: [String]) {
        precondition(predicted.count == expected.count, "a label for each word")
        add(predicted: EntityLabels.spans(of: predicted), expected: EntityLabels.spans(of: expected))
    }

    /// Adds the spans of a sentence.
    public mutating func add(predicted: [LabelledSpans.Span], expected: [LabelledSpans.Span]) {
        total.add(found: predicted, expected: expected)
        for span in predicted { types[span.type, default: SpanCounts()].found += 1 }
        for span in expected { types[span.type, default: SpanCounts()].expected += 1 }
        for span in Set(predicted).intersection(expected) { types[span.type, default: SpanCounts()].correct += 1 }
    }
}
