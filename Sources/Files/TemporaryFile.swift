import Glibc

/// `$TMPDIR`, or /tmp if it is not set or empty.
private var temporaryDirectory: String {
    let given = getenv("TMPDIR").map { String(fileName: $0) } ?? ""
    return given.isEmpty ? "/tmp" : given
}

/// A file without a name: it is removed from its directory as soon as it is made, so nothing is left behind however the
/// process ends. For data that does not fit in memory: write it once, then read it once.
public final class TemporaryFile {
    private let name: String
    /// For handing it to another process; this one closes it when the object dies.
    public let descriptor: Int32

    /// - Parameter directory: where there is room; `nil` is `$TMPDIR`, or /tmp.
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
