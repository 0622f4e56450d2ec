public import Files

/// Pairs of words with similarity ratings by people.
public struct WordSimilarity: Sendable {
    /// The user's name for the file.
    public let name: String
    /// Pairs with their ratings.
    public let pairs: [(first: String, second: String, score: Double)]

    /// Reads lines of two words and a number, separated by tabs or spaces; lines that start with `#` are skipped. Throws
    /// `ToolError`: `noInput`, `ioError`, or `dataError` for any other line and for fewer than two pairs.
    public init(_ source: any ByteSource) throws {
        name = source.name
        var pairs: [(String, String, Double)] = []
        let reader = LineReader(source, limit: 1 << 16)
        while try reader.next({ line in
            let text = String(decoding: line, as: UTF8.self)
            let fields = text.unicodeScalars.split { $0 == "\t" || $0 == " " }.map { String(Substring($0)) }
            if fields.isEmpty || text.begins(with: "#") { return }
            guard fields.count == 3, let score = Double(fields[2]), score.isFinite else {
                throw ToolError.data(source.name, "line \(reader.number)", "is not two words and a number")
            }
            pairs.append((fields[0], fields[1], score))
        }) {}
        guard pairs.count >= 2 else { throw ToolError.data(source.name, "", "has fewer than two pairs of words") }
        self.pairs = pairs
    }

    /// Returns Spearman's correlation of people's ratings with `similarity`, over the pairs for which it is not `nil`, and their
    /// number. NaN for fewer than two pairs.
    public func correlation(_ similarity: (String, String) -> Double?) -> (spearman: Double, pairs: Int) {
        var ours: [Double] = [], theirs: [Double] = []
        for pair in pairs {
            guard let value = similarity(pair.first, pair.second) else { continue }
            ours.append(value)
            theirs.append(pair.score)
        }
        return (spearmanCorrelation(ours, theirs), ours.count)
    }
}

/// Returns Spearman's rank correlation: Pearson's correlation of the ranks, where equal values share the mean of theirs. NaN if
/// there are fewer than two values, or if all are equal.
package func spearmanCorrelation(_ a: [Double], _ b: [Double]) -> Double {
    precondition(a.count == b.count)
    let x = ranks(a), y = ranks(b)
    let middle = Double(a.count + 1) / 2
    var product = 0.0, squareX = 0.0, squareY = 0.0
    for index in a.indices {
        product += (x[index] - middle) * (y[index] - middle)
        squareX += (x[index] - middle) * (x[index] - middle)
        squareY += (y[index] - middle) * (y[index] - middle)
    }
    return product / (squareX * squareY).squareRoot()
}

private func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var first = 0
    while first < order.count {
        var last = first
        while last + 1 < order.count && values[order[last + 1]] == values[order[first]] { last += 1 }
        for place in first...last { ranks[order[place]] = Double(first + last) / 2 + 1 }
        first = last + 1
    }
    return ranks
}
