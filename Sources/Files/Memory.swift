import Glibc

/// Bytes of memory the machine has.
public func physicalMemory() -> Int { sysconf(CInt(_SC_PHYS_PAGES)) * sysconf(CInt(_SC_PAGESIZE)) }

/// The most memory this process has held, in bytes, by the system's account of it.
public func peakMemory() -> Int {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return usage.ru_maxrss << 10
}
