import Glibc

/// Whether two paths name the same file, through links and other spellings too; neither need exist yet. Standard input and
/// output are never the same as a path.
public func isSameFile(_ first: String, _ second: String) -> Bool {
    guard first != "-", second != "-" else { return false }
    var a = stat(), b = stat()
    if first.withFileName({ stat($0, &a) }) == 0, second.withFileName({ stat($0, &b) }) == 0 {
        return a.st_mode & S_IFMT == S_IFREG && a.st_dev == b.st_dev && a.st_ino == b.st_ino
    }
    return resolved(first).isIdentical(to: resolved(second))
}

/// Whether `path` is a file that can be read again and again: not a pipe, nor standard input, `-`. What is not there is none
/// of these, and opening it says so.
public func isRegularFile(_ path: String) -> Bool {
    var status = stat()
    return path != "-" && (path.withFileName { stat($0, &status) } != 0 || status.st_mode & S_IFMT == S_IFREG)
}

/// The path with its own links and those of its directory resolved.
private func resolved(_ path: String) -> String {
    guard case .file(let path)? = try? OutputPlace(path) else { return path }
    let (directory, name) = pathParts(path)
    guard let real = (directory.isEmpty ? "." : directory).withFileName({ realpath($0, nil) }) else { return path }
    defer { free(real) }
    return String(fileName: real) + "/" + name
}
