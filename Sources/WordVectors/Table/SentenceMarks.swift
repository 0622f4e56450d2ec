import Kernels
import Shards

/// The marks of a sentence's begin and end, which every table has a vector for.
public enum SentenceMarks {
    public static let all = ["<s>", "</s>"]

    /// The vectors' own, or else a random direction of the mean norm: a mark is not spelled.
    static func make(
        _ words: WordTable, _ lookup: VectorLookup, _ found: [Int], seed: UInt64,
        _ sources: inout [VectorSource]
    ) {
        let rows = lookup.rows
        let norms = found.reduce(0) { $0 + Vector.norm(rows.pointer + $1 * rows.dimension, count: rows.dimension) }
        for (number, mark) in all.enumerated() {
            guard let id = words.find(mark) else { continue }
            sources[id] = .special
            if lookup.found[id] { continue }
            var random = Random(seed: seed, stream: "marks", number: number)
            let row = rows.row(id)
            for index in row.indices { row[index] = Float(random.normal()) }
            guard let start = row.baseAddress else { continue }
            Vector.normalize(start, count: row.count)
            Vector.scale(start, by: Float(norms / Double(found.count)), count: row.count)
        }
    }
}
