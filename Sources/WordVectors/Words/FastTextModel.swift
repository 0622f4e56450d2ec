import Shards

/// A fastText model to be asked for single words: the file stays mapped, in memory is an index of its dictionary.
final class FastTextModel: WordVectorModel, @unchecked Sendable {
    let dimension: Int
    private let nGrams: (any OutOfVocabularyGenerator)?
    private let file: FastTextFile
    private let words: WordTable
    /// The number of the dictionary's entry for each of `words`; of equal words the last, as in fastText.
    private let entries: [Int32]

    init(_ file: FastTextFile) throws {
        self.file = file
        dimension = file.dimension
        nGrams = file.ownGenerator()
        var words = WordTable(capacity: file.entryCount)
        var entries: [Int32] = []
        entries.reserveCapacity(file.entryCount)
        try file.forEachEntry { entry, word in
            let id = words.insert(word)
            if id == entries.count { entries.append(Int32(entry)) } else { entries[id] = Int32(entry) }
        }
        self.words = words
        self.entries = entries
    }

    func generator() -> (any OutOfVocabularyGenerator)? { nGrams }

    func known(_ word: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) throws -> VectorSource? {
        guard let id = words.find(word) else { return nil }
        try file.vector(of: word, entry: Int(entries[id]), into: row)
        return .pretrained
    }
}
