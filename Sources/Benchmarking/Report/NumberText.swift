/// Numbers as a report shows them.
package enum NumberText {
    /// With separators of thousands: 1,234,567.
    package static func grouped(_ number: Int) -> String {
        let digits = Array(String(number.magnitude))
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    /// With as many decimals as asked for, the whole part grouped.
    package static func fixed(_ number: Double, _ decimals: Int) -> String {
        guard number.isFinite, number.magnitude < 1e15 else { return "\(number)" }
        let scale = power(decimals)
        let scaled = (number.magnitude * scale).rounded()
        guard scaled < 9e18 else { return "\(number)" }
        let whole = grouped(Int((scaled / scale).rounded(.down)))
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + whole }
        let part = String(Int(scaled.truncatingRemainder(dividingBy: scale)))
        return "\(sign)\(whole).\(String(repeating: "0", count: max(0, decimals - part.count)))\(part)"
    }

    /// With three digits or more, as many as a noisy measurement deserves.
    package static func rounded(_ number: Double) -> String {
        let size = number.magnitude
        return fixed(number, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 || size == 0 ? 2 : 3)
    }

    /// Without zeros at its end, for tics of axes: at most six decimals.
    package static func short(_ number: Double) -> String {
        var text = fixed(number, 6)
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }

    /// Bytes, in powers of 1000.
    package static func bytes(_ number: Int) -> String {
        for (unit, size) in [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where Double(number) >= size {
            let value = Double(number) / size
            return "\(fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)) \(unit)"
        }
        return "\(number) B"
    }

    /// A share of 1 in percent.
    package static func percent(_ share: Double) -> String { fixed(100 * share, 1) + "%" }

    /// A cosine loss, from 0 to 2.
    package static func loss(_ loss: Double) -> String { fixed(loss, 3) }

    /// A difference, with its sign.
    package static func signed(_ number: Double, _ decimals: Int) -> String {
        let text = fixed(number, decimals)
        return number >= 0 ? "+\(text)" : text
    }

    private static func power(_ exponent: Int) -> Double { (0..<exponent).reduce(1) { power, _ in 10 * power } }
}

extension Spread {
    /// The median, and the range behind it if the two differ in the text.
    func text(_ form: (Double) -> String) -> (median: String, range: String?) {
        let low = form(lowest), high = form(highest)
        return (form(median), low == high ? nil : "\(low) to \(high)")
    }
}

extension String {
    /// One line that every format can hold: spaces for control characters, none of those that no text may contain.
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

    /// At most `count` characters: what is too long loses its middle, because names often differ at their ends.
    package func shortened(to count: Int) -> String {
        guard self.count > count else { return self }
        let end = count / 3
        return "\(prefix(count - 1 - end))…\(suffix(end))"
    }

    /// The letters and digits of ASCII, small, and hyphens for what lies between them: for names of files and anchors.
    package var slug: String {
        var text = ""
        for scalar in lowercased().unicodeScalars {
            if ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) {
                text.unicodeScalars.append(scalar)
            } else if !text.isEmpty && !text.hasSuffix("-") {
                text += "-"
            }
        }
        if text.hasSuffix("-") { text.removeLast() }
        return text
    }
}
