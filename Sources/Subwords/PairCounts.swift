import Shards

/// Counts and places of pairs of symbols. Pairs too rare to be merged next are set aside.
struct PairCounts {
    private var numbers: [UInt64: Int32] = [:]
    private var left: [Int32] = [], right: [Int32] = []
    /// Counts of active pairs, and counts of pairs set aside, as of that time.
    private var values: [Int] = [], aside: [Int?] = []
    private var isLive: [Bool] = []
    private var live: [Int32] = []
    /// Active pairs, with values that are upper bounds of their counts.
    private var queue = Heap<PairOrder.Entry>()
    /// The value of each pair in the queue, and the pairs that are not in the queue or have greater values by now.
    private var queued: [Int] = [], raised: [Int32] = []
    /// Places where pairs have occurred; some may no longer hold them, and some are listed twice.
    private var places: [[UInt32]] = []

    /// Number of comparisons of two pairs so far.
    private(set) var comparisons = 0

    func value(_ pair: Int32) -> Int { values[Int(pair)] }
    func symbols(_ pair: Int32) -> (Int32, Int32) { (left[Int(pair)], right[Int(pair)]) }

    /// - Parameter place: place of a new occurrence, if `count` is for one.
    mutating func add(_ count: Int, to first: Int32, _ second: Int32, at place: Int?) {
        let number = Int(number(first, second))
        if !isLive[number] {
            isLive[number] = true
            values[number] = 0
            live.append(Int32(number))
            raised.append(Int32(number))
        }
        let before = values[number]
        values[number] += count
        if before <= queued[number] && values[number] > queued[number] { raised.append(Int32(number)) }
        if let place { places[number].append(UInt32(place)) }
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
        queued.append(.min)
        places.append([])
        return number
    }

    /// Call this after the first counting: the counts then also serve as those set aside.
    mutating func begin(_ table: WordTable) {
        for pair in live { aside[Int(pair)] = values[Int(pair)] }
        fillQueue(table)
    }

    private mutating func fillQueue(_ table: WordTable) {
        raised.removeAll(keepingCapacity: true)
        for pair in live { queued[Int(pair)] = values[Int(pair)] }
        var order = PairOrder(left: left, right: right, table: table)
        queue = Heap(live.map { (values[Int($0)], $0) }) { order.precedes($0, $1) }
        comparisons += order.comparisons
    }

    mutating func clear(_ pair: Int32) { values[Int(pair)] = 0 }

    mutating func takePlaces(_ pair: Int32) -> [UInt32] {
        defer { places[Int(pair)] = [] }
        return places[Int(pair)]
    }

    /// Returns the most frequent active pair; among equals, the last by symbols.
    mutating func greatest(_ table: WordTable) -> Int32? {
        var order = PairOrder(left: left, right: right, table: table)
        defer { comparisons += order.comparisons }
        for pair in raised where isLive[Int(pair)] && values[Int(pair)] > queued[Int(pair)] {
            queued[Int(pair)] = values[Int(pair)]
            queue.insert((values[Int(pair)], pair)) { order.precedes($0, $1) }
        }
        raised.removeAll(keepingCapacity: true)
        while let (value, pair) = queue.first {
            let number = Int(pair)
            if !isLive[number] || queued[number] != value {
                queue.popFirst { order.precedes($0, $1) }
            } else if values[number] < value {
                queued[number] = values[number]
                queue.replaceFirst(with: (values[number], pair)) { order.precedes($0, $1) }
            } else {
                return pair
            }
        }
        return nil
    }

    mutating func putAside(below threshold: Double) {
        live.removeAll { pair in
            let number = Int(pair)
            guard Double(values[number]) < threshold else { return false }
            aside[number] = values[number] < 0 ? (aside[number] ?? 0) + values[number] : values[number]
            isLive[number] = false
            queued[number] = .min
            return true
        }
    }

    /// Makes all pairs active again.
    mutating func restore(_ table: WordTable) {
        live.removeAll(keepingCapacity: true)
        for number in left.indices {
            isLive[number] = aside[number] != nil
            queued[number] = .min
            guard let value = aside[number] else { continue }
            values[number] = value
            live.append(Int32(number))
        }
        fillQueue(table)
    }
}

/// The order of pairs in the queue: descending by value, and for equal values descending by symbols.
private struct PairOrder {
    typealias Entry = (value: Int, pair: Int32)

    let left, right: [Int32]
    let table: WordTable
    private(set) var comparisons = 0

    mutating func precedes(_ entry: Entry, _ other: Entry) -> Bool {
        comparisons += 1
        guard entry.value == other.value else { return entry.value > other.value }
        let pair = Int(entry.pair), other = Int(other.pair)
        return follows(left[pair], left[other]) ?? follows(right[pair], right[other]) ?? false
    }

    /// Returns `nil` for equal symbols.
    private func follows(_ first: Int32, _ second: Int32) -> Bool? {
        guard first != second else { return nil }
        return table.withWord(Int(second)) { second in
            table.withWord(Int(first)) { second.lexicographicallyPrecedes($0) }
        }
    }
}
