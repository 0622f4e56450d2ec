import Glibc
import Synchronization

/// A directory that is removed with everything in it when the object dies, or when the process ends, for an object in a static
/// property never dies.
public final class TemporaryDirectory: Sendable {
    public let path: String

    /// Those that are still there.
    private static let all: Mutex<Set<String>> = {
        atexit { for path in TemporaryDirectory.all.withLock({ $0 }) { removeTree(path) } }
        return Mutex([])
    }()

    /// In $TMPDIR, or in /tmp if there is none, or one whose name a shell or make would take apart: tests put paths into command
    /// lines.
    public init() throws {
        var base = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        if base.isEmpty || !base.utf8.allSatisfy({ isalnum(CInt($0)) != 0 || "/._-+".utf8.contains($0) }) { base = "/tmp" }
        var template = Array("\(base)/contour-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestSupportError.cannotMake("a directory in \(base)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        Self.all.withLock { [path] in _ = $0.insert(path) }
    }

    deinit {
        removeTree(path)
        Self.all.withLock { [path] in _ = $0.remove(path) }
    }

    /// The path of a file in the directory.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file and returns its path.
    @discardableResult
    public func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        guard let stream = fopen(file(name), "w") else { throw TestSupportError.cannotMake(name) }
        let written = fwrite(bytes, 1, bytes.count, stream)
        guard fclose(stream) == 0, written == bytes.count else { throw TestSupportError.cannotMake(name) }
        return file(name)
    }

    @discardableResult
    public func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

    /// The names in the directory, hidden ones included, sorted.
    public func entries() -> [String] { names(in: path).sorted() }
}

public enum TestSupportError: Error { case cannotMake(String), cannotRead(String) }

/// All bytes of a file.
public func contents(of path: String) throws -> [UInt8] {
    guard let stream = fopen(path, "r") else { throw TestSupportError.cannotRead(path) }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 { bytes += buffer[..<count] }
    return bytes
}

private func names(in path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}

private func removeTree(_ path: String) {
    for name in names(in: path) where unlink("\(path)/\(name)") != 0 { removeTree("\(path)/\(name)") }
    rmdir(path)
}
