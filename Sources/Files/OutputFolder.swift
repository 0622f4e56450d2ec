import Glibc

/// A folder of numbered files, `0.npy`, `1.npy` and so on, that appears whole under its name or not at all.
///
/// Its files are written in a hidden folder beside the target, which `commit` renames. If the process is interrupted, or the
/// object dies before `commit`, all of it is removed.
public final class OutputFolder {
    private let path: String
    private let temporary: TemporaryName
    private let suffix: String
    private var count = 0

    /// - Parameter suffix: of the files, `.npy` for example.
    /// Throws `ToolError` with status `cannotCreate` if there is such a folder with something in it, or it cannot be made.
    public init(path: String, suffix: String) throws {
        guard !path.isEmpty else { throw ToolError(.cannotCreate, "the name of the output is empty") }
        var trimmed = path
        while trimmed.count > 1 && trimmed.hasSuffix("/") { trimmed.removeLast() }
        self.path = trimmed
        self.suffix = suffix
        guard rmdir(trimmed) == 0 || errno == ENOENT else {
            let isFolder = errno == ENOTEMPTY || errno == EEXIST
            throw isFolder
                ? ToolError(.cannotCreate, "\(trimmed): is a folder with files in it; remove it, or name another")
                : ToolError.system(.cannotCreate, trimmed, "cannot make the folder", errno: errno)
        }
        temporary = TemporaryName(beside: trimmed, folderOf: suffix)
        guard mkdir(temporary.path, 0o777) == 0 else {
            let code = errno
            temporary.forget()
            throw ToolError.system(.cannotCreate, trimmed, "cannot make the folder", errno: code)
        }
    }

    deinit { temporary.remove() }

    /// The next file, for its writer to commit. Throws `ToolError` with status `cannotCreate`.
    public func next() throws -> OutputFile {
        defer { count += 1 }
        let name = "\(count)\(suffix)"
        return try OutputFile(path: "\(temporary.path)/\(name)", name: "\(path)/\(name)", binary: true, grows: true)
    }

    /// Gives the folder its name. Throws `ToolError` with status `cannotCreate`.
    public func commit() throws {
        guard rename(temporary.path, path) == 0 else {
            throw ToolError.system(.cannotCreate, path, "cannot rename to it", errno: errno)
        }
        temporary.forget()
    }
}
