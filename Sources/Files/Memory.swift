import Glibc

/// Bytes of memory that this process may have: those of the machine, or less where the system (`ulimit -v`, a container)
/// says so.
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

/// The most memory this process has held since it became this program, in bytes, by the system's account of it (`VmHWM`):
/// what `getrusage` says begins with that of the process which started it. Allocates nothing.
public func peakMemory() -> Int {
    // The line stands in the first half kibibyte, and a kibibyte is as much as is taken from the stack.
    let kibibytes = withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 16) { buffer -> Int? in
        let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard let start = buffer.baseAddress, case let count = read(file, start, buffer.count - 1), count > 0 else { return nil }
        start.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
        let text = start.assumingMemoryBound(to: CChar.self)
        return strstr(text, "VmHWM:").map { strtol($0 + 6, nil, 10) }
    }
    if let kibibytes { return kibibytes << 10 }
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return usage.ru_maxrss << 10
}
