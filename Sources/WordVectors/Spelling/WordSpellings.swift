import Kernels
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

/// Words cut into groups of equal length, so that a group is one dense batch without padding or masks.
struct WordGroups {
    /// Indices of spellings; all of a group have the same number of characters, which is not zero.
    private(set) var groups: [[Int]] = []

    /// Groups in ascending order of length, and of index within.
    init(_ spellings: WordSpellings, _ indices: [Int]) {
        groups = Self.cut(Self.byLength(spellings, indices))
    }

    /// The same words in random groups, in random order.
    init(_ spellings: WordSpellings, _ indices: [Int], shuffledBy random: inout Random) {
        var lengths = Self.byLength(spellings, indices)
        for length in lengths.indices { random.shuffle(&lengths[length]) }
        groups = Self.cut(lengths)
        random.shuffle(&groups)
    }

    private static func byLength(_ spellings: WordSpellings, _ indices: [Int]) -> [[Int]] {
        var lengths = [[Int]](repeating: [], count: MimickNetwork.longestWord + 1)
        for index in indices { lengths[spellings.length(index)].append(index) }
        return lengths
    }

    private static func cut(_ lengths: [[Int]]) -> [[Int]] {
        lengths.dropFirst().flatMap { words in
            stride(from: 0, to: words.count, by: MimickNetwork.groupSize).map {
                Array(words[$0..<min(words.count, $0 + MimickNetwork.groupSize)])
            }
        }
    }
}

extension CharacterTable {
    /// The characters of a group's words, [time, group].
    func numbers(_ spellings: WordSpellings, _ group: [Int]) -> [Int32] {
        let time = group.first.map(spellings.length) ?? 0
        var numbers = [Int32](repeating: 0, count: time * group.count)
        for (column, index) in group.enumerated() {
            for (step, scalar) in spellings[index].enumerated() {
                numbers[step * group.count + column] = number(of: scalar)
            }
        }
        return numbers
    }
}
