internal import Glibc

/// The text of numbers in a report.
package enum NumberText {
    /// Returns a number with separators of thousands: 1,234,567.
    package static func grouped(_ number: Int) -> String {
        let digits = Array(String(number.magnitude))
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    /// Returns a number with `decimals` decimals, and separators of thousands in its integer part.
    package static func fixed(_ number: Double, _ decimals: Int) -> String {
        guard number.isFinite, number.magnitude < 1e15 else { return "\(number)" }
        let scale = pow(10, Double(decimals))
        let scaled = (number.magnitude * scale).rounded()
        guard scaled < 9e18 else { return "\(number)" }
        let whole = grouped(Int((scaled / scale).rounded(.down)))
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + whole }
        let part = String(Int(scaled.truncatingRemainder(dividingBy: scale)))
        return "\(sign)\(whole).\(String(repeating: "0", count: max(0, decimals - part.count)))\(part)"
    }

    /// Returns a number with three digits or more, which is the precision that a noisy measurement deserves.
    package static func rounded(_ number: Double) -> String {
        let size = number.magnitude
        return fixed(number, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 || size == 0 ? 2 : 3)
    }

    /// Returns a number with at most six decimals, without trailing zeros, for tics of axes.
    package static func short(_ number: Double) -> String {
        var text = fixed(number, 6)
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }

    /// Returns a number of bytes in powers of 1000.
    package static func bytes(_ number: Int) -> String {
        for (unit, size) in [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where Double(number) >= size {
            let value = Double(number) / size
            return "\(fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)) \(unit)"
        }
        return "\(number) B"
    }

    /// Returns a fraction in percent.
    package static func percent(_ share: Double) -> String { fixed(100 * share, 1) + "%" }

    /// Returns a difference with its sign.
    package static func signed(_ number: Double, _ decimals: Int) -> String {
        let text = fixed(number, decimals)
        return number >= 0 ? "+\(text)" : text
    }
}

extension String {
    /// The string as one line that every format can hold, with spaces for control characters, and without noncharacters.
    package var printable: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .lineSeparator, .paragraphSeparator: " "
                    case .unassigned where scalar.value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(scalar.value): "\u{FFFD}"
                    default: scalar
                    }
                }))
    }

    /// Returns at most `count` characters. A longer string loses its middle, because names often differ at their ends.
    package func shortened(to count: Int) -> String {
        guard self.count > count else { return self }
        let end = count / 3
        return "\(prefix(count - 1 - end))…\(suffix(end))"
    }

    /// The string for names of files: the letters and digits of ASCII in lower case, with hyphens for all other characters between
    /// them.
    package var slug: String {
        lowercased().unicodeScalars.split { !("a"..."z").contains($0) && !("0"..."9").contains($0) }
            .map { String($0) }.joined(separator: "-")
    }
}
