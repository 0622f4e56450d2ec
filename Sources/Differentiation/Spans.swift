internal import Glibc
@_spi(HostMemory) import Kernels
internal import Parallel

/// Runs of words, such as candidate mentions, in a matrix whose rows are words.
public struct Spans {
    /// Words of each span.
    public let ranges: [Range<Int>]
    /// Maximum number of words of a span.
    public let widest: Int
    /// First word, last word, and length less 1 of each span.
    let firsts, lasts, widths: Numbers
    /// Number of spans.
    public var count: Int { ranges.count }

    /// Creates spans.
    public init(_ ranges: [Range<Int>], widest: Int, on tape: Tape) {
        precondition(ranges.allSatisfy { !$0.isEmpty && $0.count <= widest }, "a span has 1 to \(widest) words")
        (self.ranges, self.widest) = (ranges, widest)
        firsts = tape.numbers(ranges.map(\.lowerBound))
        lasts = tape.numbers(ranges.map { $0.upperBound - 1 })
        widths = tape.numbers(ranges.map { $0.count - 1 })
    }

    /// Returns all runs of up to `widest` words within a sentence, ordered by first word, shorter ones first.
    /// - Parameters:
    ///   - lengths: number of words of each sentence; sentences lie one after another.
    ///   - widest: maximum number of words of a run.
    public static func ranges(inSentencesOf lengths: [Int], widest: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = [], sentence = 0
        for length in lengths {
            let end = sentence + length
            for first in sentence..<end { for last in first..<min(end, first + widest) { ranges.append(first..<last + 1) } }
            sentence = end
        }
        return ranges
    }

    /// Number of spans that a thread takes at a time.
    private static let together = 64
    var groups: [Range<Int>] { (0..<count).pieces(of: Self.together) }
}

extension Tape {
    /// Returns the weights of each span's words, the softmax of their scores over the span: [words, 1] to [spans, widest], with
    /// zeros after the last word.
    public func headShares(_ scores: Node, _ spans: Spans) -> Node {
        precondition(scores.columns == 1)
        let result = node(rows: spans.count, columns: spans.widest), groups = spans.groups
        backend.pool.forEach(groups.count) { group in
            for span in groups[group] {
                let words = spans.ranges[span], shares = result.value.row(span)
                shares.update(repeating: 0, count: spans.widest)
                var highest = -Float.infinity, sum: Float = 0
                for word in words { highest = max(highest, scores.value.row(word)[0]) }
                for word in words {
                    let share = expf(scores.value.row(word)[0] - highest)
                    shares[word - words.lowerBound] = share
                    sum += share
                }
                for place in 0..<words.count { shares[place] /= sum }
            }
        }
        record {
            guard let gradient = result.gradient, let target = scores.gradient else { return }
            // Spans share words, so one thread adds up, which is little work.
            for (span, words) in spans.ranges.enumerated() {
                let shares = result.value.row(span), given = gradient.row(span)
                var mean: Float = 0
                for place in 0..<words.count { mean += shares[place] * given[place] }
                for (place, word) in words.enumerated() { target.row(word)[0] += shares[place] * (given[place] - mean) }
            }
        }
        return result
    }

    /// Returns the weighted sum of each span's words, plus rows for its first word, its last word and its length:
    ///
    ///     sum over words w of shares[w] heads[w] + firsts[first word] + lasts[last word] + widths[length - 1]
    ///
    /// - `heads`: [words, n]
    /// - `shares`: [spans, widest]
    /// - `firsts`: [words, n], like `lasts`; `widths` are [widest, n]; `nil` means none.
    /// - Returns: [spans, n]
    public func sums(
        over spans: Spans, heads: Node, shares: Node, firsts: Node? = nil, lasts: Node? = nil, widths: Node? = nil
    ) -> Node {
        let columns = heads.columns, result = node(rows: spans.count, columns: columns), groups = spans.groups, pool = backend.pool
        precondition(shares.rows == spans.count && shares.columns == spans.widest)
        let tables = [(firsts, spans.firsts), (lasts, spans.lasts), (widths, spans.widths)].compactMap { node, rows in
            node.map { (table: $0, rows: rows) }
        }
        precondition(tables.allSatisfy { $0.table.columns == columns })
        pool.forEach(groups.count) { group in
            for span in groups[group] {
                let sum = result.value.row(span), shares = shares.value.row(span)
                sum.update(repeating: 0, count: columns)
                for (place, word) in spans.ranges[span].enumerated() {
                    addRow(heads.value.row(word), times: shares[place], to: sum, 0..<columns)
                }
                for (table, rows) in tables { addRow(table.value.row(Int(rows[span])), times: 1, to: sum, 0..<columns) }
            }
        }
        record {
            guard let gradient = result.gradient else { return }
            if let target = shares.gradient {
                pool.forEach(groups.count) { group in
                    for span in groups[group] {
                        let given = gradient.row(span), target = target.row(span)
                        for (place, word) in spans.ranges[span].enumerated() {
                            target[place] += Float(Vector.dot(given, heads.value.row(word), count: columns))
                        }
                    }
                }
            }
            let pieces = (0..<columns).pieces(of: columnsTogether)
            pool.forEach(pieces.count) { piece in
                for (span, words) in spans.ranges.enumerated() {
                    let given = gradient.row(span), shares = shares.value.row(span)
                    if let target = heads.gradient {
                        for (place, word) in words.enumerated() { addRow(given, times: shares[place], to: target.row(word), pieces[piece]) }
                    }
                    for (table, rows) in tables {
                        if let target = table.gradient { addRow(given, times: 1, to: target.row(Int(rows[span])), pieces[piece]) }
                    }
                }
            }
        }
        return result
    }
}
