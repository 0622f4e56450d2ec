import Glibc
import Synchronization

/// The name of a file that must not outlive the process unless it is renamed: removed on `remove`, and by
/// `removeTemporaryFiles` when a signal ends the process.
final class TemporaryName: Sendable {
    let path: String
    private let slot: Int?

    private static let counter = Atomic<Int>(0)

    /// A hidden name in the directory of `target`, so that a rename is atomic.
    init(beside target: String) {
        let slash = target.lastIndex(of: "/")
        let directory = slash.map { target[...$0] } ?? ""
        let base = slash.map { target[target.index(after: $0)...] } ?? target[...]
        let number = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
        path = "\(directory).\(base).\(getpid())-\(number).tmp"
        slot = TemporaryRegistry.shared.add(path)
    }

    func remove() {
        guard let slot, TemporaryRegistry.shared.take(slot) else { return }
        unlink(path)
    }

    /// The file has its final name: nothing to remove any more.
    func forget() {
        if let slot { _ = TemporaryRegistry.shared.take(slot) }
    }
}

/// Removes every temporary file that is still open for writing. Safe to call from a signal handler.
public func removeTemporaryFiles() { TemporaryRegistry.shared.removeAll() }

/// C strings in a fixed array of atomics, because a signal handler may neither lock nor allocate.
private final class TemporaryRegistry: @unchecked Sendable {
    static let shared = TemporaryRegistry()
    private static let capacity = 256

    private let slots: UnsafeMutablePointer<Atomic<UInt>>

    private init() {
        slots = .allocate(capacity: Self.capacity)
        for index in 0..<Self.capacity { (slots + index).initialize(to: Atomic(0)) }
    }

    /// The slot taken, or nil when all are in use (the file is then left behind by a killed process, nothing worse).
    func add(_ path: String) -> Int? {
        guard let copy = strdup(path) else { return nil }
        let value = UInt(bitPattern: copy)
        for index in 0..<Self.capacity
        where slots[index].compareExchange(expected: 0, desired: value, ordering: .acquiringAndReleasing).exchanged {
            return index
        }
        free(copy)
        return nil
    }

    /// Empties a slot; false if that has been done before.
    func take(_ index: Int) -> Bool {
        guard let copy = UnsafeMutablePointer<CChar>(bitPattern: slots[index].exchange(0, ordering: .acquiringAndReleasing))
        else { return false }
        free(copy)
        return true
    }

    func removeAll() {
        for index in 0..<Self.capacity {
            // Not freed: free() is not allowed in a signal handler, and the process is about to end.
            if let path = UnsafeMutablePointer<CChar>(bitPattern: slots[index].exchange(0, ordering: .acquiringAndReleasing)) {
                unlink(path)
            }
        }
    }
}
