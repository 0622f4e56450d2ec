import Files

/// A picture before it is drawn: commands for gnuplot, and a table of the numbers in it.
package struct Plot {
    /// What it shows, which decides where it stands on a page.
    package enum Family { case time, memory, encoders, costs, curves, probes }

    package let family: Family
    /// The number of the section that it belongs to.
    let section: Int
    /// The names of its files without their endings: letters, digits and hyphens.
    package let name: String
    /// One sentence.
    let caption: String
    /// Pixels. Pictures are narrow, so that their letters can be read on a phone.
    static let width = 480
    let height: Int
    let commands: [String]
    /// The titles and rows of the table.
    package let columns: [String]
    package let rows: [[String]]

    /// Everything that gnuplot is told.
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

    /// Text for gnuplot, which neither runs nor replaces anything within single quotes. It comes from files of results, so an
    /// apostrophe becomes the typographic one: no text can end its quotes. What ends a section of XML is cut in two, because
    /// gnuplot does not escape it.
    package static func quoted(_ text: String) -> String {
        var safe = String.UnicodeScalarView()
        for scalar in text.printable.unicodeScalars { safe.append(scalar == "'" ? "\u{2019}" : scalar) }
        return "'\(String(safe).replacingBytes(of: "]]>", with: "]] >"))'"
    }

    /// A name for data of several plot commands.
    static func dataBlock(_ name: String, _ rows: [[Double]]) -> String {
        let lines = rows.map { row in row.map { "\($0)" }.joined(separator: " ") + "\n" }.joined()
        return "$\(name) << END\n\(lines)END"
    }
}

/// Lines over two axes, and a legend below them with one line a name.
struct LineChart {
    struct Line {
        let style: SystemStyles.Style
        /// For the legend; `nil`: not in it.
        let name: String?
        /// x and y of each point; with `hasRange` also the lowest and highest y.
        let points: [[Double]]
        var hasRange = false
        var isThin = false

        /// A thin line with a name of its own must still be seen.
        fileprivate var width: Double { isThin ? (name == nil ? 0.6 : 1.2) : 2 }
    }

    let title: String
    let x: Axis
    let y: Axis
    let lines: [Line]

    private var names: Int { lines.count { $0.name != nil } }
    private static let frame = 330, lineHeight = 20

    /// Pixels.
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
