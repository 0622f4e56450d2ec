import Shards

/// How often pairs of symbols occur, and where. Pairs that are too rare to be next are put aside.
struct PairCounts {
    private var numbers: [UInt64: Int32] = [:]
    private var left: [Int32] = [], right: [Int32] = []
    /// The count of a pair that is looked at, and of one that was put aside, when it was.
    private var values: [Int] = [], aside: [Int?] = []
    private var isLive: [Bool] = []
    private var live: [Int32] = []
    /// The pairs that are looked at, with values that they do not exceed but may have fallen below.
    private var queue = PairQueue()
    /// The value that counts in the queue, and the pairs that have a greater one by now or are not in the queue.
    private var queued: [Int] = [], raised: [Int32] = []
    /// Where pairs have been; at some places they may be no more, and some stand there twice.
    private var places: [[UInt32]] = []

    /// How often two pairs have been compared.
    var comparisons: Int { queue.comparisons }

    func value(_ pair: Int32) -> Int { values[Int(pair)] }
    func symbols(_ pair: Int32) -> (Int32, Int32) { (left[Int(pair)], right[Int(pair)]) }

    /// - Parameter place: where the pair is, if `count` is of a new occurrence.
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

    /// After the first counting: everything counted is known aside too.
    mutating func begin(_ table: WordTable) {
        for pair in live { aside[Int(pair)] = values[Int(pair)] }
        fillQueue(table)
    }

    private mutating func fillQueue(_ table: WordTable) {
        raised.removeAll(keepingCapacity: true)
        for pair in live { queued[Int(pair)] = values[Int(pair)] }
        let left = left, right = right
        queue.fill(live.map { PairQueue.Entry(value: values[Int($0)], pair: $0) }) { Self.follows($0, $1, left, right, table) }
    }

    mutating func clear(_ pair: Int32) { values[Int(pair)] = 0 }

    mutating func takePlaces(_ pair: Int32) -> [UInt32] {
        defer { places[Int(pair)] = [] }
        return places[Int(pair)]
    }

    /// The most frequent of the pairs looked at; of equals the last by their symbols.
    mutating func greatest(_ table: WordTable) -> Int32? {
        let left = left, right = right
        func order(_ pair: Int32, _ other: Int32) -> Bool { Self.follows(pair, other, left, right, table) }
        for pair in raised where isLive[Int(pair)] && values[Int(pair)] > queued[Int(pair)] {
            queued[Int(pair)] = values[Int(pair)]
            queue.insert(PairQueue.Entry(value: values[Int(pair)], pair: pair), order)
        }
        raised.removeAll(keepingCapacity: true)
        while let first = queue.first {
            let number = Int(first.pair)
            if !isLive[number] || queued[number] != first.value {
                queue.removeFirst(order)
            } else if values[number] < first.value {
                queued[number] = values[number]
                queue.lowerFirst(to: values[number], order)
            } else {
                return first.pair
            }
        }
        return nil
    }

    private static func follows(_ pair: Int32, _ other: Int32, _ left: [Int32], _ right: [Int32], _ table: WordTable) -> Bool {
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
            queued[number] = .min
            return true
        }
    }

    /// Looks at all pairs again.
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

/// Pairs with values, the greatest first: a binary heap, whose order among equal values the caller says.
private struct PairQueue {
    struct Entry {
        var value: Int
        let pair: Int32
    }

    private var heap: [Entry] = []
    /// How often two entries have been compared.
    private(set) var comparisons = 0
    /// Whether the first of two pairs of equal values goes before the second.
    typealias Order = (Int32, Int32) -> Bool

    var first: Entry? { heap.first }

    /// Replaces what is in the queue by entries in any order.
    mutating func fill(_ entries: [Entry], _ order: Order) {
        heap = entries
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(index, order) }
    }

    mutating func insert(_ entry: Entry, _ order: Order) {
        heap.append(entry)
        var index = heap.count - 1
        while index > 0, precedes(heap[index], heap[(index - 1) / 2], order) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func removeFirst(_ order: Order) {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        sink(0, order)
    }

    /// Gives the first pair a value that is not greater.
    mutating func lowerFirst(to value: Int, _ order: Order) {
        heap[0].value = value
        sink(0, order)
    }

    private mutating func precedes(_ left: Entry, _ right: Entry, _ order: Order) -> Bool {
        comparisons += 1
        return left.value == right.value ? order(left.pair, right.pair) : left.value > right.value
    }

    private mutating func sink(_ start: Int, _ order: Order) {
        var parent = start
        while 2 * parent + 1 < heap.count {
            var child = 2 * parent + 1
            if child + 1 < heap.count && precedes(heap[child + 1], heap[child], order) { child += 1 }
            guard precedes(heap[child], heap[parent], order) else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
