import Kernels

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
