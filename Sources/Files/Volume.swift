import Glibc

/// A file system that files are to be made on.
public struct Volume: Hashable, Sendable {
    /// Tells it from others.
    public let number: UInt64
    /// Bytes that this user may still write there.
    public let free: Int

    public init(number: UInt64, free: Int) {
        self.number = number
        self.free = free
    }

    /// Where a file or folder of the name `path` is or will be; `-` is the file that standard output goes to. `nil` for pipes and
    /// devices, for a folder that is not there, and where the system knows no size.
    public init?(of path: String) {
        var status = stat(), space = statvfs()
        if path == "-" {
            guard fstat(STDOUT_FILENO, &status) == 0, status.st_mode & S_IFMT == S_IFREG, fstatvfs(STDOUT_FILENO, &space) == 0
            else { return nil }
        } else {
            if path.withFileName({ stat($0, &status) }) == 0, ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) { return nil }
            var name = path
            while name.utf8.count > 1 && name.ends(with: "/") { name.unicodeScalars.removeLast() }
            let folder = pathParts(name).folder.isEmpty ? "." : pathParts(name).folder
            guard folder.withFileName({ stat($0, &status) == 0 && statvfs($0, &space) == 0 }) else { return nil }
        }
        guard space.f_blocks > 0 else { return nil }
        number = UInt64(status.st_dev)
        free = Int(clamping: space.f_bavail.multipliedReportingOverflow(by: UInt(space.f_frsize)).partialValue)
    }
}
