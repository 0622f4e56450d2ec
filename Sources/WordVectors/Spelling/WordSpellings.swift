import Shards

/// Words decoded to Unicode scalars, cut at a greatest length.
struct WordSpellings: Sendable {
    private var scalars: [UInt32] = []
    private var ends: [Int] = [0]

    /// Spelling `index` is that of the word `ids[index]`.
    init(_ words: WordTable, ids: [Int], longest: Int) {
        ends.reserveCapacity(ids.count + 1)
        for id in ids {
            let start = scalars.count
            words.withWord(id) { word in
                WordVectors.forEachScalar(word) { if scalars.count - start < longest { scalars.append($0) } }
            }
            ends.append(scalars.count)
        }
    }

    init(_ word: UnsafeRawBufferPointer, longest: Int) {
        WordVectors.forEachScalar(word) { if scalars.count < longest { scalars.append($0) } }
        ends.append(scalars.count)
    }

    var count: Int { ends.count - 1 }
    func length(_ index: Int) -> Int { ends[index + 1] - ends[index] }
    subscript(index: Int) -> ArraySlice<UInt32> { scalars[ends[index]..<ends[index + 1]] }
    func forEachScalar(_ index: Int, _ body: (UInt32) -> Void) { self[index].forEach(body) }
}
