import Files
internal import FoundationEssentials
import Tokenization

/// A premise, a hypothesis, and whether the hypothesis follows from the premise.
public struct InferencePair: Sendable, Equatable {
    /// The words of the premise.
    public let premise: [String]
    /// The words of the hypothesis.
    public let hypothesis: [String]
    /// The number of the label in `InferencePairs.labels`.
    public let label: Int

    /// Makes a pair.
    public init(premise: [String], hypothesis: [String], label: Int) {
        (self.premise, self.hypothesis, self.label) = (premise, hypothesis, label)
    }
}

/// Pairs of sentences for natural language inference (SNLI, Bowman et al. 2015), tokenised by Contour's English rules, without
/// lower-casing or truncation.
public struct InferencePairs: Sendable {
    /// The names of the labels.
    public static let labels = ["entailment", "neutral", "contradiction"]

    /// The name that the user gave to the file.
    public let name: String
    /// The pairs that have a label and words; at least one.
    public let pairs: [InferencePair]
    /// The number of pairs without a label (`-`: the annotators did not agree), which are left out as usual.
    public let unlabelled: Int
    /// The number of pairs with a label but without words in at least one sentence, which are also left out.
    public let empty: Int

    /// Reads SNLI's JSON Lines (fields `gold_label`, `sentence1`, `sentence2`), or lines of label, premise and hypothesis with tabs
    /// between them. A file in JSON Lines begins with `{`. Empty lines are ignored.
    /// - `path`: `-` for standard input; the file may be compressed.
    ///
    /// Throws `ToolError`: `noInput`, `ioError`, and `dataError` with the line for text that is not UTF-8, missing columns or fields,
    /// unknown labels, and a file without pairs.
    public init(path: String) throws {
        let lines = try TextLines(path: path)
        let tokenizer = Tokenizer(maximumSentenceLength: .max)
        var pairs: [InferencePair] = [], unlabelled = 0, empty = 0, isJSON: Bool?
        while let line = try lines.next() {
            guard line.utf8.contains(where: { $0 > 0x20 }) else { continue }
            if isJSON == nil { isJSON = line.utf8.first == UInt8(ascii: "{") }
            let fields = try isJSON == true ? Self.fields(ofJSON: line, lines) : Self.fields(ofColumns: line, lines)
            guard fields.label != "-" else {
                unlabelled += 1
                continue
            }
            guard let label = Self.labels.firstIndex(of: fields.label) else {
                throw lines.error("has the label '\(fields.label)', and must have \(Self.labels.joined(separator: ", ")) or -")
            }
            let words = try [fields.premise, fields.hypothesis].map { Array(try lines.tokens(of: $0, by: tokenizer).joined()) }
            if words.contains([]) {
                empty += 1
            } else {
                pairs.append(InferencePair(premise: words[0], hypothesis: words[1], label: label))
            }
        }
        guard !pairs.isEmpty else { throw lines.error(ofAll: "has no labelled pairs of sentences") }
        name = lines.name
        (self.pairs, self.unlabelled, self.empty) = (pairs, unlabelled, empty)
    }

    private typealias Fields = (label: String, premise: String, hypothesis: String)

    private struct Line: Decodable {
        // The names are those of the file's fields.
        let gold_label, sentence1, sentence2: String
    }

    private static func fields(ofJSON line: String, _ lines: TextLines) throws -> Fields {
        do {
            let line = try JSONDecoder().decode(Line.self, from: Data(line.utf8))
            return (line.gold_label, line.sentence1, line.sentence2)
        } catch {
            throw lines.error(jsonFault(error) ?? "is no JSON object, as those before it are")
        }
    }

    private static func fields(ofColumns line: String, _ lines: TextLines) throws -> Fields {
        let columns = line.parts(separatedBy: "\t", keepsEmpty: true)
        guard columns.count == 3 else {
            throw lines.error("has \(counted(columns.count, "column")), and must have 3 with tabs between them: label, premise, hypothesis")
        }
        return (columns[0], columns[1], columns[2])
    }
}
