/// The label of a word in a span: `B-PER` starts a span of type PER, `I-PER` continues it, `E-PER` ends it, `S-PER` is a span of
/// one word, and `O` is outside all spans.
struct SpanLabel: Equatable {
    enum Mark: Character {
        case outside = "O", begin = "B", inside = "I", end = "E", single = "S"
    }

    let mark: Mark
    /// Type of the span; empty outside.
    let type: String

    /// Parses a label; `nil` if it does not have this form.
    init?(_ label: String) {
        if label == "O" {
            mark = .outside
            type = ""
            return
        }
        guard let first = label.first, let mark = Mark(rawValue: first), mark != .outside, label.utf8.count > 2,
            label.dropFirst().first == "-"
        else { return nil }
        self.mark = mark
        type = String(label.dropFirst(2))
    }
}

/// The spans that the labels of words stand for, as defined by the script conlleval: an I- after another type, or outside a span,
/// starts a span like B-, and spans are compared by borders and type only.
public enum LabelledSpans {
    /// A span of one type over a range of words.
    public struct Span: Hashable, Sendable {
        /// Type of the span.
        public let type: String
        /// Range of the words.
        public let words: Range<Int>

        /// Creates a span.
        public init(_ type: String, _ words: Range<Int>) {
            self.type = type
            self.words = words
        }
    }

    /// Returns true if all of `labels` are span labels, and at least one of them is inside a span.
    public static func areSpans(_ labels: some Collection<String>) -> Bool {
        let parsed = labels.map { SpanLabel($0) }
        return !parsed.contains(nil) && parsed.contains { $0?.mark == .begin || $0?.mark == .inside }
    }

    /// Converts a sentence's labels from IOB1 to IOB2, in which every span starts with B-. IOB2 and IOBES labels do not change.
    public static func inIOB2(_ labels: [String]) -> [String] {
        let parsed = labels.map { SpanLabel($0) }
        guard parsed.allSatisfy({ $0?.mark != .end && $0?.mark != .single }) else { return labels }
        return labels.indices.map { index in
            guard let label = parsed[index], label.mark == .inside, index == 0 || parsed[index - 1]?.type != label.type else {
                return labels[index]
            }
            return "B-" + label.type
        }
    }

    /// Returns the spans of a sentence in order.
    public static func spans(of labels: [String]) -> [Span] {
        spans(of: labels.map { SpanLabel($0) })
    }

    /// Returns the spans of parsed labels in order; `nil` is outside.
    static func spans(of labels: [SpanLabel?]) -> [Span] {
        var spans: [Span] = [], start: Int?, before: SpanLabel?
        func isBorder(_ label: SpanLabel) -> Bool {
            guard let before, before.mark != .outside, before.type == label.type else { return true }
            return label.mark == .begin || label.mark == .single || before.mark == .end || before.mark == .single
        }
        for (index, label) in (labels + [nil]).enumerated() {
            let isInside = label.map { $0.mark != .outside } ?? false
            if let first = start, let type = before?.type, !isInside || label.map(isBorder) ?? true {
                spans.append(Span(type, first..<index))
                start = nil
            }
            if isInside && start == nil { start = index }
            before = label
        }
        return spans
    }
}

/// Numbers of expected spans, found spans, and correctly found spans over all types (micro average).
public struct SpanCounts: Sendable, Equatable {
    /// Number of correctly found spans.
    public var correct = 0
    /// Number of spans found.
    public var found = 0
    /// Number of spans expected.
    public var expected = 0

    /// Creates counts of nothing.
    public init() {}

    /// Adds the spans of a sentence.
    public mutating func add(found spans: [LabelledSpans.Span], expected others: [LabelledSpans.Span]) {
        correct += Set(spans).intersection(others).count
        found += spans.count
        expected += others.count
    }

    /// Share of correct spans among those found, from 0 to 1; 0 if none was found.
    public var precision: Double { found > 0 ? Double(correct) / Double(found) : 0 }
    /// Share of correct spans among those expected, from 0 to 1; 0 if none was expected.
    public var recall: Double { expected > 0 ? Double(correct) / Double(expected) : 0 }
    /// Harmonic mean of precision and recall, from 0 to 1.
    public var f1: Double { found + expected > 0 ? 2 * Double(correct) / Double(found + expected) : 0 }
}
