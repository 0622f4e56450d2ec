import Parallel
public import Shards

/// Makes vectors for words that the pre-trained vectors do not have, from their spelling.
public protocol OutOfVocabularyGenerator: AnyObject, Sendable {
    /// Numbers in each vector.
    var dimension: Int { get }

    /// Writes the vector of `word` into `row`, [dimension]. False, with `row` undefined, if there is nothing to make
    /// one from. May be called from several threads at once.
    func vector(for word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) -> Bool

    /// Writes the vectors of the words `ids` into the rows of the same numbers. False where there is none; the row is
    /// zero then.
    func fill(_ ids: [Int], of words: WordTable, into rows: RowMatrix, threads: Int) -> [Bool]

    /// What words made by this generator are marked with in a table.
    var source: VectorSource { get }

    /// The generator as it travels in a table: `GeneratorTensors` makes it again from them.
    var fields: ShardFields { get }
    func forEachTensor(
        _ body: (_ name: String, _ shape: [Int], _ values: UnsafeBufferPointer<Float>) throws -> Void) throws
}

extension OutOfVocabularyGenerator {
    public func fill(_ ids: [Int], of words: WordTable, into rows: RowMatrix, threads: Int) -> [Bool] {
        let made = ChunkedFlags(count: ids.count, of: false)
        ThreadPool(threads: threads).forEach(made.chunks) { chunk in
            for index in made.range(chunk) {
                let row = rows.row(ids[index])
                made.flags[index] = words.withWord(ids[index]) { vector(for: $0, into: row) }
                if !made.flags[index] { row.update(repeating: 0) }
            }
        }
        return Array(made.flags)
    }
}
