public import Shards

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
        if UnitMark.isContinued(word[last...]) { ends.insert(count - 1, at: ends.count - 1) }
        var start = 0
        var unit: [UInt8] = []
        for end in ends {
            unit.removeAll(keepingCapacity: true)
            unit.append(contentsOf: word[start..<end])
            if end < count { unit.append(contentsOf: UnitMark.bytes) }
            unit.withUnsafeBytes(body)
            start = end
        }
    }

    /// Characters from which on a word's pairs are kept in order, and not looked through for each merge.
    static let longWord = 64

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
        if units.count > Self.longWord { return mergeLong(units, ends) }
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

    /// The same for a long word, in n log n steps: merges of each rank are made from left to right, before pairs that they make
    /// are looked at.
    private func mergeLong(_ symbols: [Int32], _ characterEnds: [Int]) -> [Int] {
        var units = symbols, ends = characterEnds
        let count = units.count
        // Neighbours by their places; a unit that has been merged into the one before it has none.
        var next = Array(1...count), previous = Array(-1..<count - 1)
        var waiting = PlacesByRank()
        func rank(_ place: Int) -> (rank: Int32, symbol: Int32)? {
            let second = next[place]
            guard second < count, units[place] >= 0, units[second] >= 0 else { return nil }
            return merges[Self.key(units[place], units[second])]
        }
        for place in 0..<count { if let merge = rank(place) { waiting.insert(merge.rank, place) } }
        var changed: [Int] = []
        while let first = waiting.popFirst() {
            changed.removeAll(keepingCapacity: true)
            var entry: (rank: Int32, place: Int)? = first
            while let (number, place) = entry {
                // What was merged meanwhile, or stands before another unit now, does not count.
                if next[place] >= 0, let merge = rank(place), merge.rank == number, changed.last != place {
                    let second = next[place], behind = next[second]
                    units[place] = merge.symbol
                    ends[place] = ends[second]
                    next[place] = behind
                    if behind < count { previous[behind] = place }
                    next[second] = -1
                    changed.append(place)
                }
                entry = waiting.firstRank == number ? waiting.popFirst() : nil
            }
            for place in changed {
                if let merge = rank(place) { waiting.insert(merge.rank, place) }
                if previous[place] >= 0, let merge = rank(previous[place]) { waiting.insert(merge.rank, previous[place]) }
            }
        }
        return (0..<count).filter { next[$0] >= 0 }.map { ends[$0] }
    }
}

/// The mark at the end of a unit that is not its word's last.
public enum UnitMark {
    static let bytes = Array("@@".utf8)

    /// Whether a unit goes on in the next one, by its bytes: a character before the mark may be one with it.
    public static func isContinued(_ unit: some BidirectionalCollection<UInt8>) -> Bool {
        unit.suffix(bytes.count).elementsEqual(bytes)
    }

    /// The words that units make together. What is left of a word whose last unit is missing is a word, too.
    public static func joined(_ units: [String]) -> [String] {
        var words: [String] = [], word = ""
        for unit in units {
            guard isContinued(unit.utf8) else {
                words.append(word + unit)
                word = ""
                continue
            }
            word += String(decoding: unit.utf8.dropLast(bytes.count), as: UTF8.self)
        }
        if !word.isEmpty { words.append(word) }
        return words
    }
}

/// Turns batches of words into batches of units. Each distinct word is cut once and remembered.
public struct BatchSegmenter {
    private let segmenter: Segmenter
    /// Words met, and for each the range of its units in `unitNumbers`, which are numbers in `units`.
    private var words = WordTable()
    private var ends: [Int] = []
    private var unitNumbers: [UInt32] = []
    private var units = WordTable()
    private var map: [UInt32] = []
    /// Numbers of units in the batch under way, if `batches` says that they are of it.
    private var numbers: [UInt32] = [], batches: [UInt32] = []
    private var batchNumber: UInt32 = 0

    /// Words remembered at most: then everything is forgotten, so that memory stays bounded.
    private static let mostWords = 2_000_000

    public init(_ merges: Merges) { segmenter = Segmenter(merges) }

    /// The units of a batch's words. Sentences stay sentences.
    public mutating func segment(_ batch: borrowing TokenBatch) -> TokenBatch {
        if words.count > Self.mostWords {
            words = WordTable()
            units = WordTable()
            numbers = []
            batches = []
            ends = []
            unitNumbers = []
        }
        let known = words.count
        words.insert(contentsOf: batch.words, map: &map)
        for word in known..<words.count {
            words.withWord(word) { word in
                segmenter.forEachUnit(of: word) { unitNumbers.append(UInt32(units.insert($0))) }
            }
            ends.append(unitNumbers.count)
        }
        numbers.append(contentsOf: repeatElement(0, count: units.count - numbers.count))
        batches.append(contentsOf: repeatElement(0, count: units.count - batches.count))
        batchNumber += 1
        var result = TokenBatch(), next = 0
        result.ids.reserveCapacity(batch.ids.count + batch.ids.count / 4)
        for length in batch.sentenceLengths {
            let before = result.ids.count
            for id in batch.ids[next..<next + Int(length)] {
                let word = Int(map[Int(id)])
                for place in (word == 0 ? 0 : ends[word - 1])..<ends[word] {
                    let unit = Int(unitNumbers[place])
                    if batches[unit] != batchNumber {
                        batches[unit] = batchNumber
                        numbers[unit] = UInt32(units.withWord(unit) { result.words.insert($0) })
                    }
                    result.ids.append(numbers[unit])
                }
            }
            result.sentenceLengths.append(UInt32(result.ids.count - before))
            next += Int(length)
        }
        return result
    }
}

/// Places of pairs, the lowest rank first, and of one rank from left to right: a binary heap.
private struct PlacesByRank {
    private var heap: [UInt64] = []

    var firstRank: Int32? { heap.first.map { Int32($0 >> 32) } }

    mutating func insert(_ rank: Int32, _ place: Int) {
        heap.append(UInt64(rank) << 32 | UInt64(place))
        var index = heap.count - 1
        while index > 0, heap[index] < heap[(index - 1) / 2] {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func popFirst() -> (rank: Int32, place: Int)? {
        guard let first = heap.first else { return nil }
        heap[0] = heap[heap.count - 1]
        heap.removeLast()
        var index = 0
        while 2 * index + 1 < heap.count {
            let left = 2 * index + 1, right = left + 1
            let least = right < heap.count && heap[right] < heap[left] ? right : left
            guard heap[least] < heap[index] else { break }
            heap.swapAt(least, index)
            index = least
        }
        return (Int32(first >> 32), Int(first & 0xFFFF_FFFF))
    }
}
