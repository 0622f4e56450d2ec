/// A label of a word in a span: `B-PER` begins one of type PER, `I-PER` goes on in it, `E-PER` ends it, `S-PER` is one by
/// itself, and `O` is outside of all.
struct SpanLabel: Equatable {
    enum Mark: Character {
        case outside = "O", begin = "B", inside = "I", end = "E", single = "S"
    }

    let mark: Mark
    /// Empty outside.
    let type: String

    /// `nil` for a label that is not of this form.
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

/// The spans that labels of words stand for, in the sense of the script conlleval: an I- after another type, or after none,
/// begins a span just as a B- does, and spans count for their borders and type alone.
public enum LabelledSpans {
    /// A span of one type over the words in a range.
    public struct Span: Hashable, Sendable {
        public let type: String
        public let words: Range<Int>

        public init(_ type: String, _ words: Range<Int>) {
            self.type = type
            self.words = words
        }
    }

    /// True if all of `labels` are of spans, and one of them at least begins or goes on in one.
    public static func areSpans(_ labels: some Collection<String>) -> Bool {
        let parsed = labels.map { SpanLabel($0) }
        return !parsed.contains(nil) && parsed.contains { $0?.mark == .begin || $0?.mark == .inside }
    }

    /// A sentence's labels in IOB2, of IOB1 and of IOB2 itself: every span begins with B-. Labels of IOBES stay as they are.
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

    /// The spans of a sentence, in order.
    public static func spans(of labels: [String]) -> [Span] {
        spans(of: labels.map { SpanLabel($0) })
    }

    /// The spans of parsed labels, in order; `nil` is outside.
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

/// The numbers of spans that were expected, that were found, and that were found and right, over all types (micro average).
public struct SpanCounts: Sendable, Equatable {
    public var correct = 0
    public var found = 0
    public var expected = 0

    public init() {}

    /// Takes a sentence's spans.
    public mutating func add(found spans: [LabelledSpans.Span], expected others: [LabelledSpans.Span]) {
        correct += Set(spans).intersection(others).count
        found += spans.count
        expected += others.count
    }

    /// Shares from 0 to 1; 0 of nothing.
    public var precision: Double { found > 0 ? Double(correct) / Double(found) : 0 }
    public var recall: Double { expected > 0 ? Double(correct) / Double(expected) : 0 }
    public var f1: Double { found + expected > 0 ? 2 * Double(correct) / Double(found + expected) : 0 }
}
