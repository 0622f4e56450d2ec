import Files
import Glibc

/// Messages of a tool on stderr while it works: a progress line that is overwritten on a terminal, and summaries at the end.
public struct Report: Sendable {
    private let quiet: Bool
    private let terminal: Bool

    /// Creates messages, which `quiet` suppresses.
    public init(quiet: Bool) {
        self.quiet = quiet
        terminal = isatty(STDERR_FILENO) == 1
    }

    /// True if progress is shown: only on a terminal, and not with `--quiet`.
    public var showsProgress: Bool { terminal && !quiet }

    /// Overwrites the progress line.
    public func progress(_ text: @autoclosure () -> String) {
        if showsProgress { writeToStandardError("\r\u{1B}[K" + String(printable(text()).prefix(Self.columns - 1))) }
    }

    /// Width of the terminal. A longer line would wrap, and only its end would be overwritten.
    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
        return Int(size.ws_col)
    }

    /// Prints lines to keep, after erasing the progress line.
    public func print(_ text: @autoclosure () -> String) {
        if !quiet { writeToStandardError((terminal ? "\r\u{1B}[K" : "") + printable(text(), keepsLines: true) + "\n") }
    }
}

/// Returns a number without its decimals, limited to the range of Int: a speed exceeds it if almost no time has passed.
public func whole(_ number: Double) -> Int { number.isNaN ? 0 : Int(max(-9e18, min(9e18, number))) }

/// Returns a number with thousands separators: 1,234,567.
public func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return text
}

/// Returns a number in at most five characters: 9999, 12.3K, 124K, 1.23M.
public func short(_ number: Int) -> String {
    guard number.magnitude >= 10_000 else { return "\(number)" }
    var value = Double(number), units = "KMGTP"[...]
    repeat {
        value /= 1000
        units = units.dropFirst()
    } while value.magnitude >= 999.5 && units.count > 1
    let unit = "KMGTP".dropLast(units.count).last.map { String($0) } ?? ""
    return fixed(value, value.magnitude < 9.995 ? 2 : value.magnitude < 99.95 ? 1 : 0) + unit
}

/// Returns a number with a fixed number of decimals, without Foundation.
public func fixed(_ number: Double, _ decimals: Int) -> String {
    guard number.isFinite else { return "\(number)" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (number.magnitude * scale).rounded()
    guard scaled < 9e15 else { return "\(number)" }
    let whole = Int(scaled) / Int(scale)
    let part = String(Int(scaled) % Int(scale))
    let sign = number < 0 && scaled > 0 ? "-" : ""
    return decimals == 0
        ? "\(sign)\(whole)" : "\(sign)\(whole).\(String(repeating: "0", count: decimals - part.count))\(part)"
}

/// Returns a duration in readable form: `2 d 3 h`, `5 h 12 min`, `3 min 20 s`.
/// - `tenths`: true to give few seconds with one decimal.
public func spelt(seconds: Double, tenths: Bool = false) -> String {
    let total = Int(max(0, seconds).rounded())
    let (days, hours, minutes) = (total / 86400, total / 3600 % 24, total / 60 % 60)
    if days > 0 { return "\(days) d \(hours) h" }
    if hours > 0 { return "\(hours) h \(minutes) min" }
    if minutes > 0 { return "\(minutes) min \(total % 60) s" }
    return tenths && seconds < 9.95 ? "\(fixed(max(0, seconds), 1)) s" : "\(total) s"
}
