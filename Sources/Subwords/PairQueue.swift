/// Pairs with values, the greatest first: a binary heap, whose order among equal values the caller says.
struct PairQueue {
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
