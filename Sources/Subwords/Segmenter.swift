public import Shards

/// Splits words into units by merges, like subword-nmt's `apply_bpe`. Every unit except the last of a word ends in `@@`, so that
/// words can be restored.
///
/// A last unit that would itself end in `@@`, a case that subword-nmt ignores, is split before its last `@`.
public struct Segmenter: Sendable {
    private var symbols = WordTable()
    /// For each pair, the rank of its merge and the symbol it becomes.
    private var merges: [UInt64: (rank: Int32, symbol: Int32)] = [:]

    /// Creates a segmenter.
    public init(_ merges: Merges) {
        for (rank, pair) in merges.pairs.enumerated() {
            let left = Int32(pair.left.withUnsafeBytes { symbols.insert($0) })
            let right = Int32(pair.right.withUnsafeBytes { symbols.insert($0) })
            let merged = Int32((pair.left + pair.right).withUnsafeBytes { symbols.insert($0) })
            // The first of equal merges takes effect.
            if self.merges[Self.key(left, right)] == nil { self.merges[Self.key(left, right)] = (Int32(rank), merged) }
        }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Calls `body` with the units of a word, in order.
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

    /// Finds the ends of a word's units in O(n log n) steps: merges of each rank are made from left to right before the pairs that
    /// they form are examined.
    private func boundaries(of word: UnsafeRawBufferPointer) -> [Int] {
        var ends: [Int] = [], units: [Int32] = []
        forEachCharacter(of: word) { range, isLast in
            let symbol = isLast
                ? (Array(word[range]) + Merges.wordEnd).withUnsafeBytes { symbols.find($0) }
                : symbols.find(UnsafeRawBufferPointer(rebasing: word[range]))
            // Characters without merges differ from all others.
            units.append(symbol.map(Int32.init) ?? -1)
            ends.append(range.upperBound)
        }
        let count = units.count
        // Neighbours by place; a unit that was merged into the previous one has none.
        var next = Array(1..<count + 1), previous = Array(-1..<count - 1)
        var waiting = Heap<(rank: Int32, place: Int)>()
        func merge(_ place: Int) -> (rank: Int32, symbol: Int32)? {
            let second = next[place]
            guard second < count, units[place] >= 0, units[second] >= 0 else { return nil }
            return merges[Self.key(units[place], units[second])]
        }
        func isBefore(_ one: (rank: Int32, place: Int), _ other: (rank: Int32, place: Int)) -> Bool {
            (one.rank, one.place) < (other.rank, other.place)
        }
        func wait(_ place: Int) {
            if let merge = merge(place) { waiting.insert((merge.rank, place), by: isBefore) }
        }
        for place in 0..<count { wait(place) }
        var changed: [Int] = []
        while let rank = waiting.first?.rank {
            changed.removeAll(keepingCapacity: true)
            while waiting.first?.rank == rank, let (_, place) = waiting.popFirst(by: isBefore) {
                // Skip pairs that were merged meanwhile, or that are now followed by another unit.
                guard next[place] >= 0, let merge = merge(place), merge.rank == rank, changed.last != place else { continue }
                let second = next[place], behind = next[second]
                units[place] = merge.symbol
                ends[place] = ends[second]
                next[place] = behind
                if behind < count { previous[behind] = place }
                next[second] = -1
                changed.append(place)
            }
            for place in changed {
                wait(place)
                if previous[place] >= 0 { wait(previous[place]) }
            }
        }
        return (0..<count).filter { next[$0] >= 0 }.map { ends[$0] }
    }
}

/// The mark at the end of each unit that is not the last of its word.
public enum UnitMark {
    /// UTF-8 of the mark.
    public static let bytes = Array("@@".utf8)

    /// Returns true if a unit continues in the next one. Compares bytes, because the mark may form one Character with what precedes
    /// it.
    @inlinable
    public static func isContinued(_ unit: some BidirectionalCollection<UInt8>) -> Bool {
        unit.suffix(bytes.count).elementsEqual(bytes)
    }

    /// Joins units to words. A word whose last unit is missing is kept without it.
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

/// Turns batches of words into batches of units. Each distinct word is split once and remembered.
public struct BatchSegmenter {
    private let segmenter: Segmenter
    /// Words seen, and for each the range of its units in `unitNumbers`, which holds indices into `units`.
    private var words = WordTable()
    private var ends: [Int] = []
    private var unitNumbers: [UInt32] = []
    private var units = WordTable()
    private var map: [UInt32] = []
    /// Ids of units in the current batch, valid if `batches` says so.
    private var numbers: [UInt32] = [], batches: [UInt32] = []
    private var batchNumber: UInt32 = 0

    /// Maximum number of words remembered; beyond it everything is forgotten, so that memory is limited.
    private static let mostWords = 2_000_000

    /// Creates a segmenter of batches.
    public init(_ merges: Merges) { segmenter = Segmenter(merges) }

    /// Returns a batch of the units of a batch's words, with the same sentences.
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
