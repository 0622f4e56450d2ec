import Shards

/// The orders in which words with counts are kept.
enum WordOrder: Sendable {
    /// By bytes: the order in which counts of the same word meet.
    case bytes
    /// By count, greatest first, and equal counts by bytes: the order of a vocabulary.
    case frequency

    /// The ids 0, 1, 2, … of words in this order.
    ///
    /// Sorts keys of the first eight bytes, and looks at words only where those are equal.
    func sorted(count: Int, counts: [UInt64], word: (Int) -> UnsafeRawBufferPointer) -> [UInt32] {
        var keys = (0..<count).map { id in
            SortKey(count: self == .frequency ? counts[id] : 0, prefix: prefix(word(id)), id: UInt32(id))
        }
        keys.sort { left, right in
            if left.count != right.count { return left.count > right.count }
            if left.prefix != right.prefix { return left.prefix < right.prefix }
            return word(Int(left.id)).lexicographicallyPrecedes(word(Int(right.id)))
        }
        return keys.map(\.id)
    }

    /// Whether a word with its count comes before another. Never for equal ones.
    func precedes(
        _ left: UnsafeRawBufferPointer, _ leftCount: UInt64, _ right: UnsafeRawBufferPointer, _ rightCount: UInt64
    ) -> Bool {
        if self == .frequency && leftCount != rightCount { return leftCount > rightCount }
        return left.lexicographicallyPrecedes(right)
    }
}

private struct SortKey {
    var count: UInt64
    var prefix: UInt64
    var id: UInt32
}

/// The first eight bytes as a number that orders like them.
private func prefix(_ word: UnsafeRawBufferPointer) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<min(8, word.count) { value |= UInt64(word[index]) << UInt64(56 - 8 * index) }
    return value
}
