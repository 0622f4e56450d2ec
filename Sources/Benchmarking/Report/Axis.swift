internal import Glibc

/// One axis of a picture: what it shows, and numbers at it that people read at once.
package struct Axis {
    let label: String
    package let isLogarithmic: Bool
    package private(set) var low: Double
    package private(set) var high: Double
    package private(set) var tics: [(value: Double, text: String)]

    /// An axis for `values`, which are finite, and above 0 if it is logarithmic.
    /// - Parameters:
    ///   - logarithmic: `nil`: if the values span more than a decade.
    ///   - fromZero: a linear axis begins at 0.
    package init(_ label: String, _ values: [Double], logarithmic: Bool? = nil, fromZero: Bool = true) {
        self.label = label
        let least = values.min() ?? 0, most = values.max() ?? 1
        isLogarithmic = logarithmic ?? (least > 0 && most > 10 * least)
        if isLogarithmic {
            (low, high) = (least, most)
            tics = []
            setLogarithmicTics()
        } else {
            var bottom = fromZero ? min(0, least) : least
            let top = least == 0 && most == 0 ? 1 : max(most, bottom)
            if top == bottom { bottom -= 0.1 * abs(top) }
            let step = Self.niceStep((top - bottom) / 5)
            let first = (bottom / step).rounded(.down), last = max((top / step).rounded(.up), first + 1)
            (low, high) = (first * step, last * step)
            tics = stride(from: first, through: last, by: 1).map { ($0 * step, NumberText.short($0 * step)) }
        }
    }

    /// A logarithmic axis with numbers at `places` themselves, as far as they have room.
    package init(_ label: String, places: [Double]) {
        self.label = label
        isLogarithmic = true
        let least = places.min() ?? 1, most = places.max() ?? 1
        (low, high) = least == most ? (least / 2, most * 2) : (least / pow(most / least, 0.08), most * pow(most / least, 0.08))
        tics = []
        let room = 0.17 * log(high / low)
        for place in distinct(places).sorted(by: >) where tics.last.map({ log($0.value / place) >= room }) ?? true {
            tics.append((place, NumberText.short(place)))
        }
    }

    /// An axis of names at 1, 2, 3 ...
    init(_ label: String, names: [String]) {
        self.label = label
        isLogarithmic = false
        (low, high) = (0.5, Double(names.count) + 0.5)
        tics = names.enumerated().map { (Double($0 + 1), $1) }
    }

    /// gnuplot's commands for axis `x` or `y`.
    func commands(_ axis: String) -> [String] {
        // The names of tics are formats.
        let texts = tics.map { "\(Plot.quoted($0.text.replacing("%", with: "%%"))) \($0.value)" }.joined(separator: ", ")
        // gnuplot leaves out a tic at the very end of a logarithmic axis.
        let margin = isLogarithmic ? 1e-7 : 0
        return [
            "set \(axis)label \(Plot.quoted(label))", "\(isLogarithmic ? "set" : "unset") logscale \(axis)",
            "set \(axis)range [\(low * (1 - margin)):\(high * (1 + margin))]", "set \(axis)tics (\(texts))",
        ]
    }

    /// At 1, 2 and 5 of every decade, or at 1 alone if there are many.
    private mutating func setLogarithmicTics() {
        let least = low, most = high
        let decades = Int(log10(least).rounded(.down)) - 1...Int(log10(most).rounded(.up)) + 1
        let wide = most / least > 3000
        let places = decades.flatMap { decade in (wide ? [1.0] : [1, 2, 5]).map { $0 * pow(10, Double(decade)) } }
        low = places.last { $0 <= least * (1 + 1e-9) } ?? least
        high = places.first { $0 >= most * (1 - 1e-9) } ?? most
        if low == high {
            low = places.last { $0 < least * (1 - 1e-9) } ?? least / 2
            high = places.first { $0 > most * (1 + 1e-9) } ?? most * 2
        }
        tics = places.filter { (low * (1 - 1e-9)...high * (1 + 1e-9)).contains($0) }.map { ($0, NumberText.short($0)) }
    }

    /// The least of 1, 2 and 5 times a power of ten that is no smaller.
    private static func niceStep(_ size: Double) -> Double {
        guard size > 0 else { return 1 }
        let unit = pow(10, log10(size).rounded(.down))
        return [1, 2, 5].first { $0 * unit >= size * (1 - 1e-9) }.map { $0 * unit } ?? 10 * unit
    }
}
