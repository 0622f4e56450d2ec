import Glibc

/// A folder of numbered files, `0.npy`, `1.npy` and so on, that appears whole under its name or not at all: `commit` renames a
/// hidden folder beside the target. The hidden folder is removed if the process is interrupted or the object is destroyed before.
public final class OutputFolder {
    private let path: String
    private let temporary: TemporaryName
    /// Descriptor of the temporary folder, which also locks it.
    private let descriptor: CInt
    private let suffix: String
    private var count = 0

    /// Creates the temporary folder. Throws `ToolError` with status `cannotCreate` if a folder with contents has the name, or the
    /// folder cannot be created.
    /// - `suffix`: suffix of the files' names, such as `.npy`.
    public init(path: String, suffix: String) throws {
        guard !path.isEmpty else { throw ToolError(.cannotCreate, "the name of the output is empty") }
        var trimmed = path
        while trimmed.utf8.count > 1 && trimmed.ends(with: "/") { trimmed.unicodeScalars.removeLast() }
        self.path = trimmed
        self.suffix = suffix
        var status = stat()
        let isThere = trimmed.withFileName { lstat($0, &status) } == 0
        if isThere {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw ToolError.system(.cannotCreate, trimmed, "cannot make the folder", errno: EEXIST)
            }
            guard try directoryNames(trimmed).isEmpty else {
                throw ToolError(.cannotCreate, "\(trimmed): is a folder with files in it; remove it, or name another")
            }
        }
        let made = TemporaryName.make(beside: trimmed, folderOf: suffix) { path in
            guard mkdir(path, 0o777) == 0 else { return -1 }
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if descriptor < 0 { rmdir(path) }
            return descriptor
        }
        guard let made else { throw ToolError.system(.cannotCreate, trimmed, "cannot make the folder", errno: errno) }
        (temporary, descriptor) = made
        // An empty folder with the name is replaced at the end, and its permissions are kept.
        if isThere { fchmod(descriptor, status.st_mode & 0o777) }
    }

    deinit {
        temporary.remove()
        close(descriptor)
    }

    /// Returns the next file, which its writer commits. Throws `ToolError` with status `cannotCreate`.
    public func next() throws -> OutputFile {
        defer { count += 1 }
        let name = "\(count)\(suffix)"
        return try OutputFile(path: "\(temporary.path)/\(name)", name: "\(path)/\(name)", binary: true, grows: true)
    }

    /// Gives the folder its name. Throws `ToolError` with status `cannotCreate`.
    public func commit() throws {
        guard temporary.rename(to: path) else {
            throw ToolError.system(.cannotCreate, path, "cannot rename to it", errno: errno)
        }
        temporary.forget()
    }
}
