import Glibc
import Synchronization

/// A file without a name: it is removed from its directory as soon as it is made, so nothing is left behind however the
/// process ends. For data that does not fit in memory: write it once, then read it once.
public final class TemporaryFile {
    private let name: String
    /// The open file, for handing it to another process; the object closes it.
    public let descriptor: Int32

    /// - Parameter directory: a directory with room; `nil` is `$TMPDIR`, or /tmp.
    /// Throws `ToolError` with status `cannotCreate`.
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

    /// Appends to the file. The output lives no longer than this object; `commit` it to have everything written.
    public func output() -> OutputFile { OutputFile(name: name, descriptor: descriptor) }

    /// Reads the file from its start. The source lives no longer than this object, and there is one at a time.
    public func source() throws -> FileSource {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw ToolError.system(.ioError, name, "cannot rewind", errno: errno)
        }
        return FileSource(name: name, descriptor: descriptor)
    }
}

/// `$TMPDIR`, or /tmp if it is not set or empty.
private var temporaryDirectory: String {
    let given = getenv("TMPDIR").map { String(fileName: $0) } ?? ""
    return given.isEmpty ? "/tmp" : given
}

/// The name of a file, or of a folder of numbered files, that must not outlive the process unless it is renamed: removed on
/// `remove`, and by `removeTemporaryFiles` when a signal ends the process.
///
/// It is drawn at random, so that no other process, dead or malicious, has it already. Its file is locked (flock) as long as it
/// is open: what is not locked belongs to a process that was killed, and the next one with the same target removes it.
final class TemporaryName: Sendable {
    let path: String
    /// The text in the registry.
    private let entry: String
    /// The entry's place in the registry, given back once, because it may be another's a moment later: -1 if there was none, -2
    /// when there is nothing to remove any more.
    private let slot: Atomic<Int>

    /// - Parameter suffix: the ending of the files `0`, `1`, … in a folder of this name; `nil` for a file.
    private init(_ path: String, folderOf suffix: String?) {
        self.path = path
        entry = suffix.map { "folder \(path)/\($0)" } ?? "file \(path)"
        slot = Atomic(TemporaryRegistry.shared.add(entry) ?? -1)
    }

    /// Makes a hidden file or folder in the directory of `target`, so that a rename is atomic, and removes those that killed
    /// processes have left of the same target.
    /// - Parameters:
    ///   - suffix: the ending of the files `0`, `1`, … in a folder; `nil` for a file.
    ///   - create: a function that makes and opens a file or folder of the name given; a negative result is an error in
    ///     `errno`.
    /// - Returns: the name, and the descriptor, which is locked until it is closed; `nil`: an error, in `errno`.
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
            // Another process may have taken it for a dead one's before it was locked. A file system without locks has no
            // process that clears away.
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

    /// The directory of the names for a target, and what they begin with there. A name has 255 bytes at most.
    private static func pattern(_ target: String) -> (directory: String, start: String) {
        let (directory, base) = pathParts(target)
        var start = ".\(base)."
        while start.utf8.count + digits + ending.utf8.count > 255 {
            start.unicodeScalars.removeLast(2)
            start += "."
        }
        return (directory, start)
    }

    /// Removes the files, or folders, of this target that no process holds.
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

    /// Gives the file its final name, or says false, and why in `errno`.
    func rename(to target: String) -> Bool {
        path.withFileName { name in target.withFileName { Glibc.rename(name, $0) } } == 0
    }

    /// The file has its final name: nothing to remove any more.
    func forget() { giveBack(removing: false) }

    private func giveBack(removing isUnfinished: Bool) {
        let slot = slot.exchange(-2, ordering: .relaxed)
        guard slot > -2 else { return }
        if isUnfinished { entry.withFileName { TemporaryRegistry.removeFiles($0) } }
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
        guard let copy = path.withFileName({ strdup($0) }) else { return nil }
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
