/// Levenshtein distances of one word to others, computed for all cells of a column at once in the bits of a machine word (Myers
/// 1999, in the form of Hyyrö 2003).
package struct EditDistance {
    /// Maximum number of characters in the word.
    package static let longest = UInt64.bitWidth

    private let count: Int
    /// Places of each character in the word, as bits.
    private var ascii = [UInt64](repeating: 0, count: 128)
    private var others: [UInt32: UInt64] = [:]

    /// - Parameter word: a word of at most `longest` characters.
    package init(_ word: ArraySlice<UInt32>) {
        precondition(word.count <= Self.longest, "a word has at most \(Self.longest) characters here")
        count = word.count
        for (place, character) in word.enumerated() {
            if character < 128 {
                ascii[Int(character)] |= 1 << UInt64(place)
            } else {
                others[character, default: 0] |= 1 << UInt64(place)
            }
        }
    }

    /// Returns the distance to a word of any length, or `limit` if it is not below `limit`.
    package func distance(to other: ArraySlice<UInt32>, below limit: Int) -> Int {
        guard count > 0 else { return min(other.count, limit) }
        // Bits of cells that exceed, or fall below, the cell above by one.
        var more = ~UInt64(0), less = UInt64(0), distance = count, remaining = other.count
        let last = UInt64(1) << UInt64(count - 1)
        for character in other {
            let places = character < 128 ? ascii[Int(character)] : others[character] ?? 0
            let vertical = places | less
            let horizontal = ((places & more) &+ more) ^ more | places
            var rises = less | ~(horizontal | more), falls = more & horizontal
            if rises & last != 0 { distance += 1 }
            if falls & last != 0 { distance -= 1 }
            remaining -= 1
            if distance - remaining >= limit { return limit }
            rises = rises << 1 | 1
            falls <<= 1
            more = falls | ~(vertical | rises)
            less = rises & vertical
        }
        return min(distance, limit)
    }
}
