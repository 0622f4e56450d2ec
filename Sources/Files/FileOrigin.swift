import Glibc
import Synchronization

/// Size and time of a file when it was opened for random access. In a process that serves a single run (`watchInputs`),
/// `checkUnchanged` detects before an output gets its name whether another process has written to the file.
final class FileOrigin: Sendable {
    private let name: String
    private let descriptor: CInt
    private let size, seconds, nanoseconds: Int

    /// The live objects, and the names of files that had changed when their objects were destroyed.
    private static let all = Mutex<(living: [ObjectIdentifier: Unmanaged<FileOrigin>], changed: Set<String>)>(([:], []))

    /// - Parameter descriptor: the open file, which must stay open as long as the object lives.
    init(name: String, descriptor: CInt) {
        var status = stat()
        fstat(descriptor, &status)
        self.name = name
        self.descriptor = descriptor
        (size, seconds, nanoseconds) = (Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        let reference = Unmanaged.passUnretained(self)
        Self.all.withLock { $0.living[ObjectIdentifier(self)] = reference }
    }

    deinit {
        let isChanged = hasChanged
        Self.all.withLock {
            $0.living.removeValue(forKey: ObjectIdentifier(self))
            if isChanged { $0.changed.insert(name) }
        }
    }

    private var hasChanged: Bool {
        var now = stat()
        return fstat(descriptor, &now) == 0
            && (now.st_size != size || now.st_mtim.tv_sec != seconds || now.st_mtim.tv_nsec != nanoseconds)
    }

    fileprivate static let areWatched = Atomic<Bool>(false)

    /// Throws `ToolError` with status `dataError` if inputs are watched and one of them has been written to since it was opened.
    static func checkUnchanged() throws {
        guard areWatched.load(ordering: .relaxed) else { return }
        let changed = all.withLock { all in
            let living = all.living.values.compactMap { $0._withUnsafeGuaranteedRef { $0.hasChanged ? $0.name : nil } }
            return (living + all.changed).min()
        }
        if let changed { throw ToolError(.dataError, "\(changed): was changed while it was being read; run this again") }
    }
}

/// From now on, prevents outputs from getting their names if an input has been written to since it was opened. For processes in
/// which all outputs are made from all inputs.
public func watchInputs() { FileOrigin.areWatched.store(true, ordering: .relaxed) }
