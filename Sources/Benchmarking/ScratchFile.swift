internal import Files
internal import Glibc

/// A file between two tools: it has no name, so nothing is left behind however the benchmark ends, and other processes open
/// it through this one's descriptor.
typealias ScratchFile = TemporaryFile

extension ScratchFile {
    /// What tools open to read it from its start, as long as this object lives.
    var path: String { "/proc/\(getpid())/fd/\(descriptor)" }
}
