import Shards

/// How often pairs of symbols occur, and in which words. Pairs that are too rare to be next are put aside.
struct PairCounts {
    private var numbers: [UInt64: Int32] = [:]
    private var left: [Int32] = [], right: [Int32] = []
    /// The count of a pair that is looked at, and of one that was put aside, when it was.
    private var values: [Int] = [], aside: [Int?] = []
    private var isLive: [Bool] = []
    private var live: [Int32] = []
    /// Words that have had the pair; some may have it no more, some stand there twice.
    private var words: [[Int32]] = []

    func value(_ pair: Int32) -> Int { values[Int(pair)] }
    func symbols(_ pair: Int32) -> (Int32, Int32) { (left[Int(pair)], right[Int(pair)]) }

    /// - Parameter word: one that has the pair, if `count` is of new occurrences.
    mutating func add(_ count: Int, to first: Int32, _ second: Int32, word: Int?) {
        let number = Int(number(first, second))
        if !isLive[number] {
            isLive[number] = true
            values[number] = 0
            live.append(Int32(number))
        }
        values[number] += count
        if let word, words[number].last != Int32(word) { words[number].append(Int32(word)) }
    }

    private mutating func number(_ first: Int32, _ second: Int32) -> Int32 {
        let key = UInt64(UInt32(bitPattern: first)) << 32 | UInt64(UInt32(bitPattern: second))
        if let number = numbers[key] { return number }
        let number = Int32(left.count)
        numbers[key] = number
        left.append(first)
        right.append(second)
        values.append(0)
        aside.append(nil)
        isLive.append(false)
        words.append([])
        return number
    }

    /// After the first counting: everything counted is known aside too.
    mutating func begin() { for pair in live { aside[Int(pair)] = values[Int(pair)] } }

    mutating func clear(_ pair: Int32) { values[Int(pair)] = 0 }

    mutating func takeWords(_ pair: Int32) -> [Int32] {
        defer { words[Int(pair)] = [] }
        return words[Int(pair)]
    }

    /// The most frequent of the pairs looked at; of equals the last by their symbols.
    func greatest(_ table: WordTable) -> Int32? {
        guard var best = live.first else { return nil }
        for pair in live.dropFirst() where values[Int(pair)] >= values[Int(best)] {
            if values[Int(pair)] > values[Int(best)] || follows(pair, best, table) { best = pair }
        }
        return best
    }

    private func follows(_ pair: Int32, _ other: Int32, _ table: WordTable) -> Bool {
        func compare(_ first: Int32, _ second: Int32) -> Bool? {
            guard first != second else { return nil }
            return table.withWord(Int(second)) { second in
                table.withWord(Int(first)) { second.lexicographicallyPrecedes($0) }
            }
        }
        return compare(left[Int(pair)], left[Int(other)]) ?? compare(right[Int(pair)], right[Int(other)]) ?? false
    }

    mutating func putAside(below threshold: Double) {
        live.removeAll { pair in
            let number = Int(pair)
            guard Double(values[number]) < threshold else { return false }
            aside[number] = values[number] < 0 ? (aside[number] ?? 0) + values[number] : values[number]
            isLive[number] = false
            return true
        }
    }

    /// Looks at all pairs again.
    mutating func restore() {
        live.removeAll(keepingCapacity: true)
        for number in left.indices {
            isLive[number] = aside[number] != nil
            guard let value = aside[number] else { continue }
            values[number] = value
            live.append(Int32(number))
        }
    }
}
