import Shards

/// Cuts words into units by merges: subword-nmt's `apply_bpe`. Every unit but a word's last carries `@@`, so that words can be
/// put together again.
///
/// A last unit that would end with `@@` itself, which subword-nmt takes no notice of, is cut before its last `@`.
public struct Segmenter: Sendable {
    private var symbols = WordTable()
    /// For a pair of symbols the number of its merge, and the symbol it becomes.
    private var merges: [UInt64: (rank: Int32, symbol: Int32)] = [:]

    public init(_ merges: Merges) {
        for (rank, pair) in merges.pairs.enumerated() {
            let left = Int32(pair.left.withUnsafeBytes { symbols.insert($0) })
            let right = Int32(pair.right.withUnsafeBytes { symbols.insert($0) })
            let merged = Int32((pair.left + pair.right).withUnsafeBytes { symbols.insert($0) })
            // The first of equal ones counts.
            if self.merges[Self.key(left, right)] == nil { self.merges[Self.key(left, right)] = (Int32(rank), merged) }
        }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Calls `body` with the units of a word, in their order.
    public func forEachUnit(of word: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var ends = boundaries(of: word)
        let last = ends.count > 1 ? ends[ends.count - 2] : 0
        let count = word.count
        if count - last >= 2 && word[count - 1] == UInt8(ascii: "@") && word[count - 2] == UInt8(ascii: "@") {
            ends.insert(count - 1, at: ends.count - 1)
        }
        var start = 0
        var unit: [UInt8] = []
        for end in ends {
            unit.removeAll(keepingCapacity: true)
            unit.append(contentsOf: word[start..<end])
            if end < count { unit.append(contentsOf: [UInt8(ascii: "@"), UInt8(ascii: "@")]) }
            unit.withUnsafeBytes(body)
            start = end
        }
    }

    /// Where the units of a word end.
    private func boundaries(of word: UnsafeRawBufferPointer) -> [Int] {
        var ends: [Int] = [], units: [Int32] = []
        forEachCharacter(of: word) { range, isLast in
            let symbol = isLast
                ? (Array(word[range]) + Merges.wordEnd).withUnsafeBytes { symbols.find($0) }
                : symbols.find(UnsafeRawBufferPointer(rebasing: word[range]))
            // Characters that no merge has are different from all others.
            units.append(symbol.map(Int32.init) ?? -1)
            ends.append(range.upperBound)
        }
        while units.count > 1 {
            var best: (rank: Int32, symbol: Int32)?, pair: (Int32, Int32) = (-1, -1)
            for place in 0..<units.count - 1 where units[place] >= 0 && units[place + 1] >= 0 {
                guard let merge = merges[Self.key(units[place], units[place + 1])], merge.rank < best?.rank ?? .max else { continue }
                best = merge
                pair = (units[place], units[place + 1])
            }
            guard let best else { break }
            var source = 0, target = 0
            while source < units.count {
                if source + 1 < units.count && units[source] == pair.0 && units[source + 1] == pair.1 {
                    units[target] = best.symbol
                    ends[target] = ends[source + 1]
                    source += 2
                } else {
                    units[target] = units[source]
                    ends[target] = ends[source]
                    source += 1
                }
                target += 1
            }
            units.removeLast(units.count - target)
            ends.removeLast(ends.count - target)
        }
        return ends
    }
}
