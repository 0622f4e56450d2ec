/// The characters a spelling model knows, as Unicode scalars; number 0 stands for all others.
///
/// Scalars, not grapheme clusters, because they are the same under every version of Unicode and combine freely.
struct CharacterTable: Sendable, Equatable {
    /// Known scalars in ascending order; number `i + 1` is `scalars[i]`.
    let scalars: [UInt32]
    /// For scalars below 128, the number.
    private let ascii: [Int32]

    /// Numbers in all, the unknown character's included.
    var count: Int { scalars.count + 1 }

    init(scalars: [UInt32]) {
        self.scalars = scalars.sorted()
        var ascii = [Int32](repeating: 0, count: 128)
        for (index, scalar) in self.scalars.enumerated() where scalar < 128 { ascii[Int(scalar)] = Int32(index + 1) }
        self.ascii = ascii
    }

    /// The scalars that occur at least `minimum` times in the words given.
    init(words: WordSpellings, ids: [Int], minimum: Int) {
        var counts: [UInt32: Int] = [:]
        for id in ids {
            words.forEachScalar(id) { counts[$0, default: 0] += 1 }
        }
        self.init(scalars: counts.filter { $0.value >= minimum }.keys.sorted())
    }

    func number(of scalar: UInt32) -> Int32 {
        if scalar < 128 { return ascii[Int(scalar)] }
        var low = 0, high = scalars.count
        while low < high {
            let middle = (low + high) / 2
            if scalars[middle] < scalar { low = middle + 1 } else { high = middle }
        }
        return low < scalars.count && scalars[low] == scalar ? Int32(low + 1) : 0
    }
}

/// The scalars of one word; bytes that are not UTF-8 read as U+FFFD.
func forEachScalar(_ word: UnsafeRawBufferPointer, _ body: (UInt32) -> Void) {
    var codec = UTF8()
    var iterator = word.makeIterator()
    while true {
        switch codec.decode(&iterator) {
        case .scalarValue(let scalar): body(scalar.value)
        case .error: body(0xFFFD)
        case .emptyInput: return
        }
    }
}
