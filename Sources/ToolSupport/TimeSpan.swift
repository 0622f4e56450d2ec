public import ArgumentParser

/// A length of time: `90s`, `15m`, `2h`, `1.5d`; a plain number is seconds. A negative one can be read, so that whoever gives it is
/// told the least that is allowed; its options parse `.unconditional`, or it would be taken for another option.
public struct TimeSpan: ExpressibleByArgument, Sendable, Equatable, CustomStringConvertible {
    public let seconds: Double

    public init(seconds: Double) { self.seconds = seconds }

    private static let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]

    public init?(argument: String) {
        var digits = argument[...]
        var factor = 1.0
        if digits.first == "-" {
            factor = -1
            digits = digits.dropFirst()
        }
        if let last = digits.last, let unit = Self.units[last] {
            factor *= unit
            digits = digits.dropLast()
        }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
            let number = Double(digits), number * abs(factor) < 1e10
        else { return nil }
        seconds = number * factor
    }

    public var description: String {
        for (unit, length) in [("d", 86400.0), ("h", 3600), ("m", 60)]
        where seconds >= length && seconds.truncatingRemainder(dividingBy: length) == 0 {
            return "\(Int(seconds / length))\(unit)"
        }
        return seconds == seconds.rounded() ? "\(Int(seconds))s" : "\(seconds)s"
    }

    public var defaultValueDescription: String { description }
}

/// A length of time for people: `2 d 3 h`, `5 h 12 min`, `3 min 20 s`.
/// - Parameter tenths: whether few seconds are told to a tenth.
public func spelt(seconds: Double, tenths: Bool = false) -> String {
    let total = Int(max(0, seconds).rounded())
    let (days, hours, minutes) = (total / 86400, total / 3600 % 24, total / 60 % 60)
    if days > 0 { return "\(days) d \(hours) h" }
    if hours > 0 { return "\(hours) h \(minutes) min" }
    if minutes > 0 { return "\(minutes) min \(total % 60) s" }
    return tenths && seconds < 9.95 ? "\(fixed(max(0, seconds), 1)) s" : "\(total) s"
}
