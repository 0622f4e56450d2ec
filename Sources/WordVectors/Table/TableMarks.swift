import Kernels
import Shards

/// The marks that every table has a vector for. They are not spelled: none gets a vector from its letters.
public enum TableMarks {
    /// Behind the words of the vocabulary, in this order; a mark that the vocabulary has itself keeps its place there.
    public static let all = [begin, end, unknown, padding]
    static let begin = "<s>", end = "</s>", unknown = "<unk>", padding = "<pad>"

    /// Fills the rows of the marks: of padding with zeros, so that it is no target; of the others with the pre-trained
    /// vector if there is one; else of sentence begin and end with a random direction of the mean norm, and of the unknown
    /// word with the mean of the rarest tenth of the words that have a vector, which an unknown word is most like.
    /// - Parameter found: the words with a pre-trained vector, from the most frequent on.
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
