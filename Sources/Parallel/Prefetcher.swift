import Glibc

/// Prepares items ahead of their use on a thread of its own, in order and in a fixed set of memory: an item is filled, exchanged
/// for a used one, and filled again.
public final class Prefetcher<Item> {
    private let queue: Queue
    /// Seconds that `next` has waited; 0 if items were always ready in time.
    public private(set) var waited = 0.0

    /// Starts the thread.
    /// - Parameters:
    ///   - items: the memory to fill; as many items are prepared ahead.
    ///   - fill: prepares the next item in place, on the other thread. `next` rethrows its errors.
    public init(_ items: [Item], fill: @escaping (inout Item) throws -> Void) {
        let queue = Queue(items, fill)
        self.queue = queue
        startThread { queue.run() }
    }

    /// Waits until the thread no longer calls `fill`.
    deinit { queue.close() }

    /// Exchanges `item` for the next one. Throws what `fill` has thrown.
    public func next(_ item: inout Item) throws {
        let start = monotonicSeconds()
        try queue.exchange(&item)
        waited += monotonicSeconds() - start
    }

    /// A ring of slots, of which `filled`, from `first` on, hold items ready for use.
    private final class Queue: @unchecked Sendable {
        private let monitor = Monitor()
        private let slots: UnsafeMutableBufferPointer<Item>
        private let fill: (inout Item) throws -> Void
        private var first = 0
        private var filled = 0
        private var failure: (any Error)?
        private var isClosed = false
        private var hasEnded = false

        init(_ items: [Item], _ fill: @escaping (inout Item) throws -> Void) {
            precondition(items.count > 1)
            slots = .allocate(capacity: items.count)
            _ = slots.initialize(from: items)
            self.fill = fill
        }

        deinit {
            slots.deinitialize()
            slots.deallocate()
        }

        func run() {
            while let slot = emptySlot() {
                // The slot belongs to this thread until it is counted as filled.
                let outcome = Result { try fill(&slots[slot]) }
                monitor.withLock {
                    if case .failure(let error) = outcome { failure = error } else { filled += 1 }
                    monitor.wakeAll()
                }
            }
            monitor.withLock {
                hasEnded = true
                monitor.wakeAll()
            }
        }

        /// Waits for a slot to fill and returns it; `nil` when no more will come.
        private func emptySlot() -> Int? {
            monitor.withLock {
                while filled == slots.count && !isClosed { monitor.wait() }
                return isClosed || failure != nil ? nil : (first + filled) % slots.count
            }
        }

        func exchange(_ item: inout Item) throws {
            try monitor.withLock {
                while filled == 0 {
                    if let failure { throw failure }
                    monitor.wait()
                }
                swap(&slots[first], &item)
                first = (first + 1) % slots.count
                filled -= 1
                monitor.wakeAll()
            }
        }

        func close() {
            monitor.withLock {
                isClosed = true
                monitor.wakeAll()
                while !hasEnded { monitor.wait() }
            }
        }
    }
}

/// Returns the seconds on a clock that never goes back.
public func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
