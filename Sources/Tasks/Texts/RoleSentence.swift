import Files
import Probing

/// A part of a sentence with its semantic role towards a predicate (`ARG0`, `ARGM-TMP`, `C-ARG1`, …; `V` is the predicate itself).
public struct RoleSpan: Hashable, Sendable {
    public let role: String
    public let words: Range<Int>

    public init(role: String, words: Range<Int>) {
        (self.role, self.words) = (role, words)
    }
}

/// A sentence with its predicates, each with the spans of its roles.
public struct RoleSentence: Sendable, Equatable {
    public struct Predicate: Sendable, Equatable {
        /// The word that the annotation calls the predicate. A span of V holds it, or nearly always.
        public let word: Int
        public let lemma: String
        /// The spans in order, without overlaps, V included.
        public let spans: [RoleSpan]

        public init(word: Int, lemma: String, spans: [RoleSpan]) {
            (self.word, self.lemma, self.spans) = (word, lemma, spans)
        }
    }

    public let words: [String]
    /// The predicates in the order of their columns; a sentence may have none.
    public let predicates: [Predicate]

    public init(words: [String], predicates: [Predicate]) {
        (self.words, self.predicates) = (words, predicates)
    }
}

/// Spans of roles as the labels of their words, and back.
public enum RoleLabels {
    /// The labels in IOB2 (B-ARG0, I-ARG0, B-V, O) of `count` words with these spans, which do not overlap.
    public static func labels(of spans: [RoleSpan], count: Int) -> [String] {
        var labels = [String](repeating: "O", count: count)
        for span in spans {
            for word in span.words { labels[word] = (word == span.words.lowerBound ? "B-" : "I-") + span.role }
        }
        return labels
    }

    /// The spans of a sentence's labels in IOB2, in order. An I- after another role, or after none, begins a span.
    public static func spans(of labels: [String]) -> [RoleSpan] {
        LabelledSpans.spans(of: labels).map { RoleSpan(role: $0.type, words: $0.words) }
    }

    /// True if label `next` may stand behind `label` in IOB2; `nil` is the border of a sentence.
    public static func mayFollow(_ label: String?, _ next: String?) -> Bool {
        guard let next, next.begins(with: "I-") else { return true }
        guard let label, label.begins(with: "I-") || label.begins(with: "B-") else { return false }
        return label.utf8.dropFirst(2).elementsEqual(next.utf8.dropFirst(2))
    }
}
