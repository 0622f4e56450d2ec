/// A binary heap, whose first element in an order is available at once. The order is passed to every call and must always be the
/// same.
///
/// ```swift
/// var heap = Heap([3, 1, 2], by: <)
/// let least = heap.popFirst(by: <)        // 1
/// ```
public struct Heap<Element> {
    @usableFromInline var elements: [Element]

    /// Creates an empty heap.
    @inlinable
    public init() { elements = [] }

    /// Creates a heap from elements in any order.
    @inlinable
    public init(_ elements: [Element], by precedes: (Element, Element) -> Bool) {
        self.elements = elements
        for index in stride(from: elements.count / 2 - 1, through: 0, by: -1) { sink(index, precedes) }
    }

    /// The first element in the order; `nil` if the heap is empty.
    @inlinable
    public var first: Element? { elements.first }

    /// Adds an element.
    @inlinable
    public mutating func insert(_ element: Element, by precedes: (Element, Element) -> Bool) {
        elements.append(element)
        var index = elements.count - 1
        while index > 0, precedes(elements[index], elements[(index - 1) / 2]) {
            elements.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// Removes the first element and returns it; `nil` if the heap is empty.
    @inlinable @discardableResult
    public mutating func popFirst(by precedes: (Element, Element) -> Bool) -> Element? {
        guard !elements.isEmpty else { return nil }
        elements.swapAt(0, elements.count - 1)
        defer { sink(0, precedes) }
        return elements.removeLast()
    }

    /// Replaces the first element, possibly by a changed version of itself.
    @inlinable
    public mutating func replaceFirst(with element: Element, by precedes: (Element, Element) -> Bool) {
        elements[0] = element
        sink(0, precedes)
    }

    @inlinable
    mutating func sink(_ start: Int, _ precedes: (Element, Element) -> Bool) {
        var parent = start
        while 2 * parent + 1 < elements.count {
            var child = 2 * parent + 1
            if child + 1 < elements.count && precedes(elements[child + 1], elements[child]) { child += 1 }
            guard precedes(elements[child], elements[parent]) else { return }
            elements.swapAt(child, parent)
            parent = child
        }
    }
}
