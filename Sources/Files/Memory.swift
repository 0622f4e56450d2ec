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

/// The most memory this process has held, in bytes, by the system's account of it.
public func peakMemory() -> Int {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return usage.ru_maxrss << 10
}
