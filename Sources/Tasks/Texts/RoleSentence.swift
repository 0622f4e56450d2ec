import Files
import Probing

/// A part of a sentence with its semantic role for a predicate (`ARG0`, `ARGM-TMP`, `C-ARG1`, …; `V` is the predicate itself).
public struct RoleSpan: Hashable, Sendable {
    /// The name of the role.
    public let role: String
    /// The words of the span.
    public let words: Range<Int>

    /// Makes a span.
    public init(role: String, words: Range<Int>) {
        (self.role, self.words) = (role, words)
    }
}

/// A sentence with its predicates, each with the spans of its roles.
public struct RoleSentence: Sendable, Equatable {
    /// A predicate with its spans.
    public struct Predicate: Sendable, Equatable {
        /// The word that the annotation calls the predicate. It is nearly always inside a span of V.
        public let word: Int
        /// The lemma of the predicate.
        public let lemma: String
        /// The spans in order and without overlaps, including V.
        public let spans: [RoleSpan]

        /// Makes a predicate.
        public init(word: Int, lemma: String, spans: [RoleSpan]) {
            (self.word, self.lemma, self.spans) = (word, lemma, spans)
        }
    }

    /// The words of the sentence.
    public let words: [String]
    /// The predicates in the order of their columns; a sentence may have none.
    public let predicates: [Predicate]

    /// Makes a sentence.
    public init(words: [String], predicates: [Predicate]) {
        (self.words, self.predicates) = (words, predicates)
    }
}

/// The conversion between spans of roles and the labels of their words.
public enum RoleLabels {
    /// Returns the IOB2 labels (B-ARG0, I-ARG0, B-V, O) of `count` words with these spans, which do not overlap.
    public static func labels(of spans: [RoleSpan], count: Int) -> [String] {
        var labels = [String](repeating: "O", count: count)
        for span in spans {
            for word in span.words { labels[word] = (word == span.words.lowerBound ? "B-" : "I-") + span.role }
        }
        return labels
    }

    /// Returns the spans of a sentence's IOB2 labels, in order. An I- after another role, or after no span, begins a span.
    public static func spans(of labels: [String]) -> [RoleSpan] {
        LabelledSpans.spans(of: labels).map { RoleSpan(role: $0.type, words: $0.words) }
    }

    /// Returns true if label `next` may follow `label` in IOB2. `nil` is the boundary of a sentence.
    public static func mayFollow(_ label: String?, _ next: String?) -> Bool {
        guard let next, next.begins(with: "I-") else { return true }
        guard let label, label.begins(with: "I-") || label.begins(with: "B-") else { return false }
        return label.utf8.dropFirst(2).elementsEqual(next.utf8.dropFirst(2))
    }
}
