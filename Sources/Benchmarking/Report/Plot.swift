import Files
internal import Glibc

/// A picture before it is drawn: commands for gnuplot, and a table of the numbers in it.
package struct Plot {
    /// The subject, which decides where a picture stands on a page.
    package enum Family { case time, memory, encoders, costs, curves, probes }

    package let family: Family
    /// The number of the section that it belongs to.
    let section: Int
    /// The names of its files without their endings: letters, digits and hyphens.
    package let name: String
    /// The sentence below it.
    let caption: String
    /// The width in pixels: narrow, so that letters can be read on a phone.
    static let width = 480
    let height: Int
    let commands: [String]
    /// The titles and rows of the table.
    package let columns: [String]
    package let rows: [[String]]

    /// All commands for gnuplot.
    package var script: String {
        let terminal =
            "set terminal svg size \(Self.width),\(height) fixed font 'sans-serif,13' background 'white' noenhanced"
        let common = [
            "set encoding utf8", terminal, "set border 3 lc rgb '#888888'",
            "set tics nomirror scale 0.5 textcolor rgb '#333333'",
        ]
        return (common + commands).joined(separator: "\n") + "\n"
    }

    /// The table as tab-separated text.
    var table: String {
        ([columns] + rows).map { row in row.map(\.printable).joined(separator: "\t") + "\n" }.joined()
    }

    /// Returns text for gnuplot, which neither runs nor replaces anything within single quotes. It comes from files of results, so an
    /// apostrophe becomes the typographic one: no text can end its quotes. What ends a section of XML is cut in two, because
    /// gnuplot does not escape it.
    package static func quoted(_ text: String) -> String {
        var safe = String.UnicodeScalarView()
        for scalar in text.printable.unicodeScalars { safe.append(scalar == "'" ? "\u{2019}" : scalar) }
        return "'\(String(safe).replacingBytes(of: "]]>", with: "]] >"))'"
    }

    /// Returns a command that gives data a name for several plot commands.
    static func dataBlock(_ name: String, _ rows: [[Double]]) -> String {
        let lines = rows.map { row in row.map { "\($0)" }.joined(separator: " ") + "\n" }.joined()
        return "$\(name) << END\n\(lines)END"
    }
}

/// Lines over two axes, and a legend below them with one line a name.
struct LineChart {
    struct Line {
        let style: SystemStyles.Style
        /// The name in the legend; `nil` if it is not in it.
        let name: String?
        /// x and y of each point; with `hasRange` also the lowest and highest y.
        let points: [[Double]]
        var hasRange = false
        var isThin = false

        /// The width in gnuplot's unit; a thin line with a name of its own must still be seen.
        fileprivate var width: Double { isThin ? (name == nil ? 0.6 : 1.2) : 2 }
    }

    let title: String
    let x: Axis
    let y: Axis
    let lines: [Line]

    private var names: Int { lines.count { $0.name != nil } }
    private static let frame = 330, lineHeight = 20

    /// The height in pixels.
    var height: Int { Self.frame + Self.lineHeight * names + 12 }

    var commands: [String] {
        let height = Double(height), width = Double(Plot.width)
        let labelWidth = 8 * Double(y.tics.map(\.text.count).max() ?? 0)
        var commands = [
            "set lmargin at screen \((38 + labelWidth) / width)", "set rmargin at screen \(1 - 24 / width)",
            "set tmargin at screen \(1 - (title.isEmpty ? 16 : 36) / height)", "set bmargin at screen \(1 - 274 / height)",
            "set title \(Plot.quoted(title)) offset 0, -0.4", "set grid lt 1 lw 0.5 lc rgb '#dddddd'",
            "set key at screen 0.03, screen \(1 - Double(Self.frame) / height) left top vertical maxrows \(max(1, names))"
                + " Left reverse samplen 2.5 spacing 1.15",
        ]
        commands += x.commands("x") + ["set xlabel offset 0, 0.4"] + y.commands("y")
        var plots: [String] = []
        for (number, line) in lines.enumerated() {
            commands.append(Plot.dataBlock("line\(number)", line.points))
            let form = line.isThin ? "lines" : line.hasRange ? "yerrorlines" : "linespoints"
            let points = line.isThin ? "" : " pt \(line.style.point) ps 0.7"
            plots.append(
                "$line\(number) using \(line.hasRange ? "1:2:3:4" : "1:2") with \(form) lw \(line.width)"
                    + " dt \(line.style.dash) lc rgb '\(line.style.colour)'\(points) "
                    + (line.name.map { "title \(Plot.quoted($0.shortened(to: 52)))" } ?? "notitle"))
        }
        commands.append("plot \(plots.joined(separator: ", "))")
        return commands
    }
}

/// One axis of a picture with round numbers.
package struct Axis {
    let label: String
    package let isLogarithmic: Bool
    package private(set) var low: Double
    package private(set) var high: Double
    package private(set) var tics: [(value: Double, text: String)]

    /// An axis for `values`, which are finite, and above 0 if it is logarithmic.
    /// - Parameters:
    ///   - logarithmic: true for a logarithmic axis; `nil`: if the values span more than a decade.
    ///   - fromZero: true if a linear axis begins at 0.
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

    /// Returns gnuplot's commands for axis `x` or `y`.
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

    /// Sets tics at 1, 2 and 5 of every decade, or at 1 alone if there are many.
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

    /// Returns the least of 1, 2 and 5 times a power of ten that is no smaller.
    private static func niceStep(_ size: Double) -> Double {
        guard size > 0 else { return 1 }
        let unit = pow(10, log10(size).rounded(.down))
        return [1, 2, 5].first { $0 * unit >= size * (1 - 1e-9) }.map { $0 * unit } ?? 10 * unit
    }
}

/// The colour of each system, the same in every picture and table of a report: those of Okabe and Ito that show on white, which
/// people with any kind of colour vision tell apart, and after them the same with other dashes. The points' shapes differ, too.
package struct SystemStyles {
    /// The look of a system.
    package struct Style {
        package let colour: String
        /// gnuplot's types of dashes and points.
        package let dash, point: Int
    }

    /// The name of the vectors that the scores of models are compared with.
    static let baseline = "word vectors"

    /// The style of the unigram model and of constant vectors, which systems must beat: gray and dashed.
    static let reference = Style(colour: "#777777", dash: 2, point: 7)

    private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]
    private static let points = [7, 5, 9, 13, 11]
    private let numbers: [String: Int]

    /// - Parameter names: the names of systems, in the order of the colours.
    package init(_ names: [String]) {
        var numbers: [String: Int] = [:]
        for name in names where name != Self.baseline && numbers[name] == nil { numbers[name] = numbers.count }
        self.numbers = numbers
    }

    init(_ runs: [ReportRun]) {
        self.init(
            runs.flatMap { run in
                let scored = run.qualities.map(\.system) + run.curves.map(\.system) + run.probes.map(\.system)
                return run.systems.map(\.name) + scored + run.ratios.flatMap { [$0.of, $0.to] } + run.leftOut.map(\.name)
            })
    }

    package subscript(name: String) -> Style {
        guard let number = numbers[name] else { return Style(colour: Self.reference.colour, dash: 1, point: 7) }
        return Style(
            colour: Self.colours[number % Self.colours.count], dash: number / Self.colours.count + 1,
            point: Self.points[number % Self.points.count])
    }
}
