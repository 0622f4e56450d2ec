import Files
import Parallel
import Shards

/// A fastText model file (.bin, or quantised .ftz), mapped: only the rows that are asked for are read from disk.
///
/// A word's vector is the mean of its own row and the rows of its character n-grams, summed in fastText's order, so it
/// equals what `fasttext print-word-vectors` prints. Of equal words in the dictionary the last wins, as there.
final class FastTextFile: VectorFile {
    let name: String
    let format = VectorFormat.fastText
    var dimension: Int { header.dimension }
    private let file: MappedFile
    private let header: FastTextHeader

    static func recognises(_ head: [UInt8]) -> Bool {
        guard head.count >= 4 else { return false }
        let magic = head.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
        return Int32(littleEndian: magic) == FastTextHeader.magic
    }

    /// Checks all counts of the file, and steps through its dictionary, before anything is allocated for them.
    init(path: String) throws {
        file = try MappedFile(path: path)
        name = path
        header = try FastTextHeader(file.bytes, name: path, owner: file)
    }

    func lookUp(_ words: WordTable, noticing others: WordTable, threads: Int) throws -> VectorLookup {
        var lookup = try VectorLookup(words: words.count, others: others.count, dimension: dimension, file: name)
        let entries = try findEntries(words, others, &lookup)
        let rows = lookup.rows
        let summary = ChunkedFlags(count: words.count, of: Outcome.none)
        ThreadPool(threads: threads).forEach(summary.chunks) { chunk in
            for id in summary.range(chunk) where entries[id] >= 0 {
                summary.flags[id] = words.withWord(id) { word in
                    makeVector(word, entry: Int(entries[id]), into: rows.row(id))
                }
            }
        }
        for id in 0..<words.count {
            switch summary.flags[id] {
            case .none: break
            case .zero: lookup.counts.zeroVectors += 1
            case .made:
                lookup.found[id] = true
                lookup.counts.found += 1
            case .notFinite:
                throw words.withWord(id) { notFinite($0) }
            }
        }
        return lookup
    }

    /// The vectors of words that the dictionary does not have, from their n-grams; `nil` if the model has no n-grams.
    /// The generator keeps the file mapped and reads its rows there.
    func ownGenerator() -> (any OutOfVocabularyGenerator)? {
        let hash = header.subwords.hash
        guard hash.buckets > 0, hash.maximum >= max(1, hash.minimum), header.rows.count > header.words else {
            return nil
        }
        return NGramGenerator(header.subwords, rows: LaterRows(rows: header.rows, first: header.words))
    }

    /// Entries of the dictionary, words and labels.
    var entryCount: Int { header.entries }

    /// Calls `body` with the number and the bytes of each entry of the dictionary, in order.
    func forEachEntry(_ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws {
        var cursor = BinaryCursor(file.bytes, name: name)
        try cursor.skip(header.entriesOffset, "the header")
        for entry in 0..<header.entries {
            let word = try cursor.readString("the dictionary")
            try cursor.skip(9, "the dictionary")
            try body(entry, word)
        }
    }

    /// Writes the vector of the dictionary's entry `entry`, whose word is `word`, into `row`, [dimension]; may be zero.
    /// Throws `ToolError` with status `dataError` if it is not finite.
    func vector(of word: UnsafeRawBufferPointer, entry: Int, into row: UnsafeMutableBufferPointer<Float>) throws {
        row.update(repeating: 0)
        guard makeVector(word, entry: entry, into: row) != .notFinite else { throw notFinite(word) }
    }

    private func notFinite(_ word: UnsafeRawBufferPointer) -> ToolError {
        .data(name, "word \(quoted(word))", "the vector is not finite")
    }

    /// For each word the number of its entry in the dictionary, -1 where there is none.
    private func findEntries(_ words: WordTable, _ others: WordTable, _ lookup: inout VectorLookup) throws -> [Int32] {
        var entries = [Int32](repeating: -1, count: words.count)
        try forEachEntry { entry, word in
            lookup.counts.inFile += 1
            if !isUTF8(word) {
                lookup.counts.invalidWords += 1
            } else if let id = words.find(word) {
                if entries[id] >= 0 { lookup.counts.duplicates += 1 }
                entries[id] = Int32(entry)
            } else if let id = others.find(word) {
                lookup.noticed[id] = true
            }
        }
        return entries
    }

    private func makeVector(
        _ word: UnsafeRawBufferPointer, entry: Int, into row: UnsafeMutableBufferPointer<Float>
    ) -> Outcome {
        guard entry < header.rows.count else { return .zero }
        let used = header.rows.addAll(to: row) { add in
            add(entry)
            header.subwords.forEach(word) { add(header.words + $0) }
        }
        scale(row, by: Float(1 / Double(used)))
        if row.contains(where: { !$0.isFinite }) { return .notFinite }
        return row.contains { $0 != 0 } ? .made : .zero
    }
}

/// What became of a word's vector.
private enum Outcome: Sendable { case none, made, zero, notFinite }
