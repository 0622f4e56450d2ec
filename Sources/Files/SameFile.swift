import Glibc

/// Whether two paths name the same existing regular file, through links too. Standard input and output are never the
/// same as a path.
public func isSameFile(_ first: String, _ second: String) -> Bool {
    var a = stat(), b = stat()
    guard first != "-", second != "-", stat(first, &a) == 0, stat(second, &b) == 0 else { return first == second && first != "-" }
    return a.st_mode & S_IFMT == S_IFREG && a.st_dev == b.st_dev && a.st_ino == b.st_ino
}
