import Glibc

/// Returns the bytes of memory that this process may use: the machine's memory, or less if the system (`ulimit -v`, a container)
/// sets a limit.
public func memoryLimit() -> Int {
    var limit = sysconf(CInt(_SC_PHYS_PAGES)) * sysconf(CInt(_SC_PAGESIZE))
    var resource = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &resource) == 0, resource.rlim_cur < rlim_t(limit) {
        limit = Int(resource.rlim_cur)
    }
    if let file = try? FileSource(path: "/sys/fs/cgroup/memory.max") {
        _ = try? LineReader(file).next { line in
            if let most = Int(String(decoding: line, as: UTF8.self)) { limit = min(limit, most) }
        }
    }
    return limit
}

/// Returns the peak memory of this process in bytes since it started this program, as counted by the system (`VmHWM`); `getrusage`
/// would count from the process that started it. Allocates nothing.
public func peakMemory() -> Int {
    if let bytes = processStatus("VmHWM:") { return bytes }
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return usage.ru_maxrss << 10
}

/// Returns the size of this process's address space in bytes; `nil` if the system does not report it. Allocates nothing.
public func addressSpace() -> Int? { processStatus("VmSize:") }

/// Returns a size in bytes that the system reports for this process in kibibytes.
private func processStatus(_ name: String) -> Int? {
    // The sizes are in the first half kibibyte; at most a kibibyte is allocated on the stack.
    withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 16) { buffer in
        let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard let start = buffer.baseAddress, case let count = read(file, start, buffer.count - 1), count > 0 else { return nil }
        start.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
        let text = start.assumingMemoryBound(to: CChar.self)
        return name.withCString { strstr(text, $0) }.map { strtol($0 + name.utf8.count, nil, 10) << 10 }
    }
}

/// A file system on which files are to be created.
public struct Volume: Hashable, Sendable {
    /// Identifies the file system.
    public let number: UInt64
    /// Bytes that this user can still write there.
    public let free: Int

    /// Creates a volume from its numbers.
    public init(number: UInt64, free: Int) {
        self.number = number
        self.free = free
    }

    /// Finds the file system of the file or folder `path`, which need not exist; `-` is the file that standard output goes to.
    /// Returns `nil` for pipes, devices and missing folders, and if the system reports no size.
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
