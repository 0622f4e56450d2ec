import Glibc
import Synchronization

/// The name of a file, or of a folder of numbered files, that must not outlive the process unless it is renamed: removed on
/// `remove`, and by `removeTemporaryFiles` when a signal ends the process.
final class TemporaryName: Sendable {
    let path: String
    /// As it stands in the registry.
    private let entry: String
    /// Given back once: it may be another's a moment later. Negative when it has been, or when there was none.
    private let slot: Atomic<Int>
    private let isFinal = Atomic<Bool>(false)

    private static let counter = Atomic<Int>(0)

    /// A hidden name in the directory of `target`, so that a rename is atomic.
    /// - Parameter suffix: of the files `0`, `1`, … with it in a folder of this name; `nil` for a file.
    init(beside target: String, folderOf suffix: String? = nil) {
        let slash = target.lastIndex(of: "/")
        let directory = slash.map { target[...$0] } ?? ""
        let base = slash.map { target[target.index(after: $0)...] } ?? target[...]
        let number = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
        let path = "\(directory).\(base).\(getpid())-\(number).tmp"
        self.path = path
        entry = suffix.map { "folder \(path)/\($0)" } ?? "file \(path)"
        slot = Atomic(TemporaryRegistry.shared.add(entry) ?? -1)
    }

    func remove() {
        guard !isFinal.exchange(true, ordering: .relaxed) else { return }
        entry.withCString { TemporaryRegistry.removeFiles($0) }
        giveBack()
    }

    /// The file has its final name: nothing to remove any more.
    func forget() {
        isFinal.store(true, ordering: .relaxed)
        giveBack()
    }

    private func giveBack() {
        let slot = slot.exchange(-1, ordering: .relaxed)
        if slot >= 0 { TemporaryRegistry.shared.take(slot) }
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

    /// Empties a slot.
    func take(_ index: Int) { if let entry = empty(index) { free(entry) } }

    func removeAll() {
        for index in 0..<Self.capacity {
            // Not freed: free() is not allowed in a signal handler, and the process is about to end.
            if let entry = empty(index) { Self.removeFiles(entry) }
        }
    }

    /// `nil` if that has been done before.
    private func empty(_ index: Int) -> UnsafeMutablePointer<CChar>? {
        UnsafeMutablePointer(bitPattern: slots[index].exchange(0, ordering: .acquiringAndReleasing))
    }

    /// Removes what an entry names: `file PATH`, or with `folder PATH/SUFFIX` the files `PATH/0SUFFIX`, `PATH/1SUFFIX`, … and the
    /// folder. Neither locks nor allocates.
    static func removeFiles(_ entry: UnsafePointer<CChar>) {
        guard entry[1] == CChar(UInt8(ascii: "o")) else {
            unlink(entry + 5)
            return
        }
        let path = entry + 7
        guard let slash = strrchr(path, CInt(UInt8(ascii: "/"))) else { return }
        let length = UnsafePointer(slash) - path + 1, suffix = strlen(slash + 1)
        // Twenty digits at most, and the end.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: length + 20 + suffix + 1) { name in
            guard let start = name.baseAddress else { return }
            memcpy(start, path, length)
            var number = 0
            repeat {
                var digits = 0, rest = number
                repeat {
                    digits += 1
                    rest /= 10
                } while rest > 0
                rest = number
                for place in (0..<digits).reversed() {
                    start[length + place] = CChar(rest % 10 + 48)
                    rest /= 10
                }
                memcpy(start + length + digits, slash + 1, suffix + 1)
                number += 1
            } while unlink(start) == 0
            start[length - 1] = 0
            rmdir(start)
        }
    }
}
