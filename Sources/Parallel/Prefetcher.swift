import Glibc

/// Makes items ahead of their use on a thread of its own, in order, in memory that goes round: a fixed number of items
/// is filled, handed over by exchange, and filled again.
public final class Prefetcher<Item> {
    private let queue: Queue
    /// Seconds that `next` has waited for its items: 0 where the data is always there in time.
    public private(set) var waited = 0.0

    /// - Parameters:
    ///   - items: the memory to fill; as many are made ahead.
    ///   - fill: the function that makes the next item, in place, on the other thread. What it throws, `next` throws.
    public init(_ items: [Item], fill: @escaping (inout Item) throws -> Void) {
        let queue = Queue(items, fill)
        self.queue = queue
        startThread { queue.run() }
    }

    /// Returns when the thread no longer calls `fill`.
    deinit { queue.close() }

    /// Exchanges `item` for the next one.
    public func next(_ item: inout Item) throws {
        let start = monotonicSeconds()
        try queue.exchange(&item)
        waited += monotonicSeconds() - start
    }

    /// Slots in a ring: `filled` of them, from `first` on, hold items ready for use.
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

        /// The next slot to fill, once there is one; `nil` when there will be none.
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

/// Seconds on a clock that only goes forward.
public func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
