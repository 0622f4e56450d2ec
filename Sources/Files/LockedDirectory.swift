import Glibc

/// A directory in which one process at a time works. The lock is the system's (flock), on a file `lock` in it, and ends with the
/// process, however that ends.
public final class LockedDirectory {
    /// Path of the directory.
    public let path: String
    private let descriptor: Int32

    /// Creates the directory if it does not exist, and locks it. Throws `ToolError`: `cannotCreate`, or `inUse` if another process
    /// holds the lock.
    public init(path: String) throws {
        self.path = path
        guard path.withFileName({ mkdir($0, 0o777) }) == 0 || errno == EEXIST else {
            throw ToolError.system(.cannotCreate, path, "cannot make the directory", errno: errno)
        }
        let lock = "\(path)/lock"
        // In a folder that others can write to, a link could lead anywhere.
        let opened = lock.withFileName { open($0, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o666) }
        guard opened >= 0 else { throw ToolError.system(.cannotCreate, lock, "cannot create", errno: errno) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            throw ToolError(.inUse, "\(path): another process is writing this directory")
        }
        descriptor = opened
    }

    deinit {
        // A forked child may hold the file open for a moment longer.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Returns the names in the directory, sorted by their bytes. Throws `ToolError` with status `ioError`.
    public func names() throws -> [String] { try directoryNames(path) }

    /// Returns the path of a file in the directory.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Removes a file; a missing file is not an error.
    public func remove(_ name: String) { _ = file(name).withFileName { unlink($0) } }
}

/// Returns the names in a directory, sorted by their bytes. Throws `ToolError` with status `ioError`.
func directoryNames(_ path: String) throws -> [String] {
    guard let directory = path.withFileName({ opendir($0) }) else {
        throw ToolError.system(.ioError, path, "cannot read the directory", errno: errno)
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(fileName: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}
