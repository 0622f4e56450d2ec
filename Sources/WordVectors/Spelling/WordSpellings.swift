import Kernels
import Shards

/// Words decoded to Unicode scalars, at most `MimickNetwork.longestWord` each. Bytes that are not UTF-8 become U+FFFD.
struct WordSpellings: Sendable {
    private var scalars: [UInt32] = []
    private var ends: [Int] = [0]

    /// Spelling `index` is that of the word `ids[index]`.
    init(_ words: WordTable, ids: [Int]) {
        ends.reserveCapacity(ids.count + 1)
        for id in ids { words.withWord(id) { append($0) } }
    }

    init(_ word: UnsafeRawBufferPointer) { append(word) }

    private mutating func append(_ word: UnsafeRawBufferPointer) {
        scalars += String(decoding: word, as: UTF8.self).unicodeScalars.prefix(MimickNetwork.longestWord).lazy.map(\.value)
        ends.append(scalars.count)
    }

    var count: Int { ends.count - 1 }
    func length(_ index: Int) -> Int { ends[index + 1] - ends[index] }
    subscript(index: Int) -> ArraySlice<UInt32> { scalars[ends[index]..<ends[index + 1]] }

    /// Returns these spellings with the number of each character instead of its scalar.
    func numbered(by characters: CharacterTable) -> WordSpellings {
        var result = self
        result.scalars = scalars.map { UInt32(characters.number(of: $0)) }
        return result
    }

    /// Divides the words `indices` into groups of equal length, so that a group is a dense batch without padding or masks: in
    /// ascending order of length, and in their own order within a group. Words without characters are left out.
    func groups(_ indices: [Int]) -> [[Int]] { Self.cut(byLength(indices)) }

    /// Divides the words `indices` into random groups of equal length, in random order.
    func groups(_ indices: [Int], shuffledBy random: inout Random) -> [[Int]] {
        var lengths = byLength(indices)
        for length in lengths.indices { random.shuffle(&lengths[length]) }
        var groups = Self.cut(lengths)
        random.shuffle(&groups)
        return groups
    }

    private func byLength(_ indices: [Int]) -> [[Int]] {
        var lengths = [[Int]](repeating: [], count: MimickNetwork.longestWord + 1)
        for index in indices { lengths[length(index)].append(index) }
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

/// The characters that a spelling model knows, as Unicode scalars; number 0 stands for all others.
///
/// Scalars rather than grapheme clusters, because they are the same in every version of Unicode and combine freely.
struct CharacterTable: Sendable {
    /// Known scalars in ascending order; number `i + 1` is `scalars[i]`.
    let scalars: [UInt32]
    private let numbers: [UInt32: Int32]

    /// Number of characters, including the unknown one.
    var count: Int { scalars.count + 1 }

    init(scalars: [UInt32]) {
        self.scalars = scalars.sorted()
        numbers = Dictionary(zip(self.scalars, 1...), uniquingKeysWith: { first, _ in first })
    }

    /// Creates a table of the scalars that occur at least `minimum` times in the given words.
    init(words: WordSpellings, ids: [Int], minimum: Int) {
        var counts: [UInt32: Int] = [:]
        for id in ids { for scalar in words[id] { counts[scalar, default: 0] += 1 } }
        self.init(scalars: counts.filter { $0.value >= minimum }.map(\.key))
    }

    func number(of scalar: UInt32) -> Int32 { numbers[scalar] ?? 0 }
}
