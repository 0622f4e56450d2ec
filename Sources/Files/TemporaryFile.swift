import Glibc
import Synchronization

/// A file without a name: it is unlinked as soon as it is created, so that nothing is left behind however the process ends. For
/// data that exceed memory: write the file once, then read it once.
public final class TemporaryFile {
    private let name: String
    /// Descriptor of the open file, for passing to another process; the object closes it.
    public let descriptor: Int32

    /// Creates the file. Throws `ToolError` with status `cannotCreate`.
    /// - Parameter directory: a directory with enough space; `nil` means `$TMPDIR`, or /tmp.
    public init(in directory: String? = nil) throws {
        let place = directory ?? temporaryDirectory
        name = "temporary file in \(place)"
        var template = "\(place)/contour-XXXXXX".fileNameBytes.map { CChar(bitPattern: $0) } + [0]
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw ToolError.system(.cannotCreate, place, "cannot make a temporary file", errno: errno) }
        unlink(template)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    /// Returns an output that appends to the file. It must not outlive this object; `commit` it to make sure that everything is
    /// written.
    public func output() -> OutputFile { OutputFile(name: name, descriptor: descriptor) }

    /// Returns a source that reads the file from its start. It must not outlive this object, and there may be only one at a time.
    public func source() throws -> FileSource {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw ToolError.system(.ioError, name, "cannot rewind", errno: errno)
        }
        return FileSource(name: name, descriptor: descriptor)
    }
}

/// `$TMPDIR`, or /tmp if it is unset or empty.
private var temporaryDirectory: String {
    let given = getenv("TMPDIR").map { String(fileName: $0) } ?? ""
    return given.isEmpty ? "/tmp" : given
}

/// The name of a file, or of a folder of numbered files, that must not outlive the process unless it is renamed: `remove` deletes
/// it, as does `removeTemporaryFiles` when a signal ends the process.
///
/// The name is random, so that no other process, dead or malicious, uses it. The file is locked (flock) as long as it is open: a
/// file that is not locked belongs to a process that was killed, and is removed by the next process with the same target.
final class TemporaryName: Sendable {
    let path: String
    /// The entry's text in the registry.
    private let entry: String
    /// Index of the entry in the registry. It is released only once, because another name may use it a moment later; -1 if the
    /// registry was full, -2 when there is nothing left to remove.
    private let slot: Atomic<Int>

    /// - Parameter suffix: suffix of the files `0`, `1`, … in a folder of this name; `nil` for a file.
    private init(_ path: String, folderOf suffix: String?) {
        self.path = path
        entry = suffix.map { "folder \(path)/\($0)" } ?? "file \(path)"
        slot = Atomic(TemporaryRegistry.shared.add(entry) ?? -1)
    }

    /// Creates a hidden file or folder in the directory of `target`, so that renaming is atomic, and removes those that killed
    /// processes have left for the same target.
    /// - Parameters:
    ///   - suffix: suffix of the files `0`, `1`, … in a folder; `nil` for a file.
    ///   - create: creates and opens a file or folder with the given name; a negative result is an error in `errno`.
    /// - Returns: the name, and the descriptor, which is locked until it is closed; `nil` for an error in `errno`.
    static func make(
        beside target: String, folderOf suffix: String? = nil, create: (UnsafePointer<CChar>) -> CInt
    ) -> (name: TemporaryName, descriptor: CInt)? {
        for _ in 0..<100 {
            let random = String(UInt64.random(in: 0...UInt64.max), radix: 16)
            let (directory, start) = pattern(target)
            let name = TemporaryName(
                directory + start + String(repeating: "0", count: digits - random.count) + random + ending, folderOf: suffix)
            let descriptor = name.path.withFileName(create)
            guard descriptor >= 0 else {
                let code = errno
                name.forget()
                errno = code
                if code == EEXIST { continue }
                return nil
            }
            // Before it was locked, another process may have taken it for a dead process's. On a file system without locks no
            // process removes files of others.
            var status = stat()
            if flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK || fstat(descriptor, &status) == 0 && status.st_nlink == 0 {
                close(descriptor)
                name.remove()
                continue
            }
            clear(beside: target, folderOf: suffix)
            return (name, descriptor)
        }
        errno = EEXIST
        return nil
    }

    private static let digits = 16, ending = ".tmp"

    /// Returns the directory of the names for a target, and their common prefix. A name has at most 255 bytes.
    private static func pattern(_ target: String) -> (directory: String, start: String) {
        let (directory, base) = pathParts(target)
        var start = ".\(base)."
        while start.utf8.count + digits + ending.utf8.count > 255 {
            start.unicodeScalars.removeLast(2)
            start += "."
        }
        return (directory, start)
    }

    /// Removes files or folders for this target that no process has locked.
    private static func clear(beside target: String, folderOf suffix: String?) {
        let (directory, start) = pattern(target)
        guard let names = try? directoryNames(directory.isEmpty ? "." : directory) else { return }
        for name in names where name.utf8.count == start.utf8.count + digits + ending.utf8.count {
            let middle = name.utf8.dropFirst(start.utf8.count).dropLast(ending.utf8.count)
            guard name.begins(with: start), name.ends(with: ending), middle.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
            else { continue }
            let kind = suffix == nil ? O_RDWR : O_RDONLY | O_DIRECTORY
            let descriptor = (directory + name).withFileName { open($0, kind | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { TemporaryName(directory + name, folderOf: suffix).remove() }
            close(descriptor)
        }
    }

    func remove() { giveBack(removing: true) }

    /// Gives the file its final name. Returns false with the reason in `errno` if that fails.
    func rename(to target: String) -> Bool {
        path.withFileName { name in target.withFileName { Glibc.rename(name, $0) } } == 0
    }

    /// The file has its final name, so there is nothing left to remove.
    func forget() { giveBack(removing: false) }

    private func giveBack(removing isUnfinished: Bool) {
        let slot = slot.exchange(-2, ordering: .relaxed)
        guard slot > -2 else { return }
        if isUnfinished { entry.withFileName { TemporaryRegistry.removeFiles($0) } }
        if slot >= 0 { TemporaryRegistry.shared.take(slot) }
    }
}

/// Removes every temporary file that is still being written. Safe to call from a signal handler.
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

    /// Returns the index used, or `nil` if all are in use; a killed process then leaves the file behind, which does no other harm.
    func add(_ path: String) -> Int? {
        guard let copy = path.withFileName({ strdup($0) }) else { return nil }
        let value = UInt(bitPattern: copy)
        for index in 0..<Self.capacity
        where slots[index].compareExchange(expected: 0, desired: value, ordering: .acquiringAndReleasing).exchanged {
            return index
        }
        free(copy)
        return nil
    }

    /// Empties an index.
    func take(_ index: Int) { if let entry = empty(index) { free(entry) } }

    func removeAll() {
        for index in 0..<Self.capacity {
            // Not freed: a signal handler must not call free(), and the process is about to end.
            if let entry = empty(index) { Self.removeFiles(entry) }
        }
    }

    /// Returns `nil` if the index is empty already.
    private func empty(_ index: Int) -> UnsafeMutablePointer<CChar>? {
        UnsafeMutablePointer(bitPattern: slots[index].exchange(0, ordering: .acquiringAndReleasing))
    }

    /// Removes the files of an entry: `file PATH`, or for `folder PATH/SUFFIX` the files `PATH/0SUFFIX`, `PATH/1SUFFIX`, … and the
    /// folder. Neither locks nor allocates.
    static func removeFiles(_ entry: UnsafePointer<CChar>) {
        guard entry[1] == CChar(UInt8(ascii: "o")) else {
            unlink(entry + 5)
            return
        }
        let path = entry + 7
        guard let slash = strrchr(path, CInt(UInt8(ascii: "/"))) else { return }
        let length = UnsafePointer(slash) - path + 1, suffix = strlen(slash + 1)
        // At most twenty digits, and the terminator.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: length + 20 + suffix + 1) { name in
            guard let end = name.baseAddress.map({ $0 + length + 20 }) else { return }
            memcpy(end, slash + 1, suffix + 1)
            var number = 0, start = end
            repeat {
                start = end
                var rest = number
                repeat {
                    start -= 1
                    start.pointee = CChar(rest % 10 + 48)
                    rest /= 10
                } while rest > 0
                start -= length
                memcpy(start, path, length)
                number += 1
            } while unlink(start) == 0
            start[length - 1] = 0
            rmdir(start)
        }
    }
}
