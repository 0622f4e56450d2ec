internal import Files
internal import Glibc
internal import Kernels
internal import Parallel

/// The machine on which a benchmark runs.
public enum Machine {
    /// The name of the processor, with family and model if the kernel reports them, because the names of virtual processors say
    /// little.
    public static var processor: String {
        let fields = fields(of: "/proc/cpuinfo")
        guard let name = fields["model name"] else {
            return fields["CPU implementer"].map { "arm64, implementer \($0)" } ?? "unknown"
        }
        guard let family = fields["cpu family"], let model = fields["model"] else { return name }
        return "\(name), family \(family), model \(model)"
    }

    /// The vector instructions that Contour's kernels use on this machine.
    public static var kernels: String { ProcessorKernels.fastest.name }

    /// The memory that a new process can have without others losing theirs, in bytes; `nil` if the system does not report it.
    static var availableMemory: Int? {
        fields(of: "/proc/meminfo")["MemAvailable"]?.split(separator: " ").first.flatMap { Int($0) }.map { $0 << 10 }
    }

    /// Returns the first value of each name in a file whose lines have a name, a colon and a value; empty if it cannot be read.
    private static func fields(of path: String) -> [String: String] {
        guard let file = try? FileSource(path: path) else { return [:] }
        var fields: [String: String] = [:]
        let lines = LineReader(file)
        while (try? lines.next({ line in
            let pair = String(decoding: line, as: UTF8.self).split(separator: ":", maxSplits: 1)
            let trimmed = pair.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            if trimmed.count == 2, fields[trimmed[0]] == nil { fields[trimmed[0]] = trimmed[1] }
        })) == true {}
        return fields
    }

    /// The current date as year-month-day.
    public static var date: String {
        var moment = time(nil), parts = tm()
        localtime_r(&moment, &parts)
        func digits(_ number: CInt) -> String { (number < 10 ? "0" : "") + "\(number)" }
        return "\(parts.tm_year + 1900)-\(digits(parts.tm_mon + 1))-\(digits(parts.tm_mday))"
    }
}

/// Returns the time in seconds, by a monotonic clock.
func now() -> Double { monotonicSeconds() }

/// Returns the time of `body` in seconds.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = now()
    try body()
    return now() - start
}
