internal import Files
internal import Glibc
internal import Kernels
internal import Parallel

/// What a benchmark runs on.
public enum Machine {
    /// The processor's name, with family and model where the kernel tells them: names of virtual ones say little.
    public static var processor: String {
        var fields: [String: String] = [:]
        if let file = try? FileSource(path: "/proc/cpuinfo") {
            let lines = LineReader(file)
            while (try? lines.next({ line in
                let pair = String(decoding: line, as: UTF8.self).split(separator: ":", maxSplits: 1)
                let trimmed = pair.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
                if trimmed.count == 2, fields[trimmed[0]] == nil { fields[trimmed[0]] = trimmed[1] }
            })) == true {}
        }
        guard let name = fields["model name"] else {
            return fields["CPU implementer"].map { "arm64, implementer \($0)" } ?? "unknown"
        }
        guard let family = fields["cpu family"], let model = fields["model"] else { return name }
        return "\(name), family \(family), model \(model)"
    }

    /// The vectors that Contour's kernels use on it.
    public static var kernels: String { ProcessorKernels.fastest.name }

    /// Bytes that a process may have.
    public static var memory: Int { memoryLimit() }

    /// Today, as year-month-day.
    public static var date: String {
        var moment = time(nil), parts = tm()
        localtime_r(&moment, &parts)
        func digits(_ number: CInt) -> String { (number < 10 ? "0" : "") + "\(number)" }
        return "\(parts.tm_year + 1900)-\(digits(parts.tm_mon + 1))-\(digits(parts.tm_mday))"
    }
}

/// Memory that a new process can have without others losing theirs, in bytes; `nil` where the system does not say.
func availableMemory() -> Int? {
    guard let file = try? FileSource(path: "/proc/meminfo") else { return nil }
    let lines = LineReader(file)
    var found: Int?
    while found == nil, (try? lines.next({ line in
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        if words.count > 1 && words[0] == "MemAvailable:" { found = Int(words[1]).map { $0 << 10 } }
    })) == true {}
    return found
}

/// Seconds of a clock that never jumps.
func now() -> Double { monotonicSeconds() }

/// The seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = now()
    try body()
    return now() - start
}
