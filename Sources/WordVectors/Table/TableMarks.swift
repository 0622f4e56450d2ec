import Kernels
import Shards

/// The marks for which every table has a vector. They are not spelled, so no generator makes vectors for them.
public enum TableMarks {
    /// The marks in the order in which they follow the words of the vocabulary. A mark that the vocabulary itself contains keeps
    /// its place there.
    public static let all = [begin, end, unknown, padding]
    static let begin = "<s>", end = "</s>", unknown = "<unk>", padding = "<pad>"

    /// Fills the rows of the marks: padding with zeros, so that it is no target; the others with the pre-trained vector if there is
    /// one; otherwise the start and the end of a sentence with a random direction of mean norm, and the unknown word with the mean
    /// of the rarest tenth of the words that have a vector, which unknown words resemble most.
    /// - Parameter found: words with a pre-trained vector, from the most frequent on.
    static func make(
        _ words: WordTable, _ lookup: VectorLookup, _ found: [Int], seed: UInt64,
        _ sources: inout [VectorSource]
    ) {
        let rows = lookup.rows
        let norms = found.reduce(0) { $0 + rows.row($1).norm }
        for (number, mark) in all.enumerated() {
            guard let id = words.find(mark) else { continue }
            sources[id] = .special
            let row = rows.row(id)
            if mark == padding {
                row.fill(0)
            } else if lookup.found[id] {
                continue
            } else if mark == unknown {
                row.copy(from: rows.matrix.mean(of: found.suffix(max(1, found.count / 10))))
            } else {
                var random = Random(seed: seed, stream: "marks", number: number)
                row.fillWithDirections(&random)
                row.scale(by: Float(norms / Double(found.count)))
            }
        }
    }
}
