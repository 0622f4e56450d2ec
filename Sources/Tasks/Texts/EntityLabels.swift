public import Probing

/// A label of a word in BIOUL: `B-PER` begins an entity of type PER, `I-PER` continues it, `L-PER` is its last word, `U-PER` is an
/// entity of one word, and `O` is a word outside of all entities.
///
/// BIOES is the same with E for L and S for U.
struct EntityLabel: Equatable {
    enum Mark: Character {
        case outside = "O", begin = "B", inside = "I", last = "L", unit = "U"
    }

    let mark: Mark
    /// The type of the entity; empty outside of entities.
    let type: String
    /// The letter in the text: E and S are other names of L and U.
    let letter: Character

    /// Parses a label. Returns `nil` if it is not of this form.
    init?(_ label: String) {
        if label.utf8.elementsEqual("O".utf8) {
            (mark, type, letter) = (.outside, "", "O")
            return
        }
        let bytes = label.utf8
        guard bytes.count > 2, bytes.dropFirst().first == UInt8(ascii: "-"), let first = bytes.first else { return nil }
        letter = Character(UnicodeScalar(first))
        switch letter {
        case "E": mark = .last
        case "S": mark = .unit
        default:
            guard let mark = Mark(rawValue: letter), mark != .outside else { return nil }
            self.mark = mark
        }
        type = String(Substring(bytes.dropFirst(2)))
    }

    /// True if the label belongs to an entity that continues with the next word, in BIOUL.
    var isOpen: Bool { mark == .begin || mark == .inside }

    /// True if a word with this label continues or ends the entity of the word before it, in BIOUL.
    var isContinuation: Bool { mark == .inside || mark == .last }
}

/// The conversion between entities and the labels of their words.
public enum EntityLabels {
    /// Returns the BIOUL labels of `count` words with these spans, which do not overlap.
    public static func labels(of spans: [LabelledSpans.Span], count: Int) -> [String] {
        var labels = [String](repeating: "O", count: count)
        for span in spans {
            guard span.words.count > 1 else {
                labels[span.words.lowerBound] = "U-" + span.type
                continue
            }
            for word in span.words { labels[word] = "I-" + span.type }
            labels[span.words.lowerBound] = "B-" + span.type
            labels[span.words.upperBound - 1] = "L-" + span.type
        }
        return labels
    }

    /// Returns the spans of a sentence's BIOUL labels, in order. Labels that cannot follow one another are read as in the script
    /// conlleval: an I- or L- after another type, or after no entity, begins a span, and a span ends where another one begins.
    public static func spans(of labels: [String]) -> [LabelledSpans.Span] {
        LabelledSpans.spans(of: labels.map { label in
            guard let parsed = EntityLabel(label) else { return "O" }
            switch parsed.mark {
            case .outside: return "O"
            case .begin, .inside: return label
            case .last: return "E-" + parsed.type
            case .unit: return "S-" + parsed.type
            }
        })
    }

    /// Returns true if label `next` may follow `label` in BIOUL. `nil` is the boundary of a sentence. A text that is not a label never
    /// may.
    public static func mayFollow(_ label: String?, _ next: String?) -> Bool {
        guard let before = EntityLabel(label ?? "O"), let after = EntityLabel(next ?? "O") else { return false }
        return before.isOpen ? after.isContinuation && after.type.utf8.elementsEqual(before.type.utf8) : !after.isContinuation
    }
}
