import Glibc

/// The destination of the bytes for a path once links are followed.
enum OutputPlace {
    /// A descriptor of this process: `-`, /dev/stdout, /dev/fd/3, or a link to one of them.
    case descriptor(CInt)
    /// A plain file, which may exist or not, with all links resolved.
    case file(String)
    /// A device or named pipe. It is written in place, because a rename would replace it by a file.
    case device(String)

    /// Follows the links of a path. Throws `ToolError` with status `cannotCreate` for links that form a cycle.
    init(_ path: String) throws {
        var place = path
        for _ in 0..<40 {
            if let number = Self.ownDescriptor(place) {
                self = .descriptor(number)
                return
            }
            guard let target = linkTarget(place) else {
                var status = stat()
                let isPlain = place.withFileName { stat($0, &status) } != 0 || status.st_mode & S_IFMT == S_IFREG
                self = isPlain ? .file(place) : .device(place)
                return
            }
            place = target.begins(with: "/") ? target : pathParts(place).folder + target
        }
        throw ToolError.system(.cannotCreate, path, "cannot create", errno: ELOOP)
    }

    /// Returns the number of the open descriptor that a path refers to, or `nil`.
    private static func ownDescriptor(_ path: String) -> CInt? {
        switch path {
        case "-", "/dev/stdout": return STDOUT_FILENO
        case "/dev/stderr": return STDERR_FILENO
        default: break
        }
        for folder in ["/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", "/proc/\(getpid())/fd/"] where path.begins(with: folder) {
            return CInt(Substring(path.utf8.dropFirst(folder.utf8.count)))
        }
        return nil
    }
}

/// Returns the path that a symbolic link points to; `nil` for anything else, with the reason in `errno`.
public func linkTarget(_ path: String) -> String? {
    var name = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = path.withFileName { readlink($0, &name, name.count) }
    return count > 0 ? String(fileName: name[..<count].map { UInt8(bitPattern: $0) }) : nil
}

/// Returns true if two paths name the same file, even through links or different spellings; neither has to exist. Standard input
/// and output are never the same as a path.
public func isSameFile(_ first: String, _ second: String) -> Bool {
    guard first != "-", second != "-" else { return false }
    var a = stat(), b = stat()
    if first.withFileName({ stat($0, &a) }) == 0, second.withFileName({ stat($0, &b) }) == 0 {
        return a.st_mode & S_IFMT == S_IFREG && a.st_dev == b.st_dev && a.st_ino == b.st_ino
    }
    return resolved(first).isIdentical(to: resolved(second))
}

/// Returns true if `path` is not a pipe, device or standard input (`-`), so that it can be read repeatedly. Also true if it does
/// not exist, which opening it will report.
public func isRegularFile(_ path: String) -> Bool {
    var status = stat()
    return path != "-" && (path.withFileName { stat($0, &status) } != 0 || status.st_mode & S_IFMT == S_IFREG)
}

/// Returns the path with its own links and those of its directory resolved.
private func resolved(_ path: String) -> String {
    guard case .file(let path)? = try? OutputPlace(path) else { return path }
    let (directory, name) = pathParts(path)
    guard let real = (directory.isEmpty ? "." : directory).withFileName({ realpath($0, nil) }) else { return path }
    defer { free(real) }
    return String(fileName: real) + "/" + name
}
