import Files
internal import Glibc

/// A picture before it is drawn: a script for gnuplot, and a table of its values.
package struct Plot {
    /// The names of the picture's files without their extensions: letters, digits and hyphens.
    package let name: String
    /// The sentence below the picture.
    let caption: String
    package let script: String
    /// The titles and rows of the table.
    package let columns: [String]
    package let rows: [[String]]

    /// The width in pixels, which is small so that letters can be read on a phone.
    private static let width = 480
    /// The height of a row of the legend in pixels; the actual height is 22.4.
    private static let legendRow = 23

    /// Makes a picture by a template of gnuplot's scripts.
    init(
        _ template: String, name: String, caption: String, height: Int, columns: [String], rows: [[String]], _ values: [String: Any?]
    ) {
        (self.name, self.caption, self.columns, self.rows) = (name, caption, columns, rows)
        script = Templates.render(template, values.merging(["width": Self.width, "height": height]) { $1 })
    }

    /// The table as tab-separated text.
    var table: String {
        ([columns] + rows).map { row in row.map(\.printable).joined(separator: "\t") + "\n" }.joined()
    }

    /// Returns rows of values for a block of data.
    static func data(_ rows: [[Double]]) -> String {
        rows.map { row in row.map { "\($0)" }.joined(separator: " ") + "\n" }.joined()
    }
}

/// A line of a picture.
struct PlotLine {
    let style: SystemStyles.Style
    /// The name in the legend; `nil` if the line is not in it.
    let name: String?
    /// The values x and y of each point; with `hasRange` also the lowest and highest y.
    let points: [[Double]]
    var hasRange = false
    var isThin = false

    fileprivate func values(_ number: Int) -> Templates.Values {
        Templates.present([
            "number": number, "name": name?.shortened(to: 52), "data": Plot.data(points), "hasRange": hasRange, "isThin": isThin,
            "form": isThin ? "lines" : hasRange ? "yerrorlines" : "linespoints",
            // A thin line with a name of its own must remain visible.
            "width": isThin ? (name == nil ? 0.6 : 1.2) : 2,
            "dash": style.dash, "point": style.point, "colour": style.colour,
        ])
    }
}

extension Plot {
    /// Makes a picture of lines over two axes, with a legend below them that has a row for each name.
    init(
        name: String, caption: String, title: String = "", x: Axis, y: Axis, _ lines: [PlotLine], columns: [String], rows: [[String]]
    ) {
        let names = lines.count { $0.name != nil }, keyTop = 330
        self.init(
            "lines", name: name, caption: caption, height: keyTop + Self.legendRow * names + 8, columns: columns, rows: rows,
            [
                "title": title, "top": title.isEmpty ? 16 : 36, "keyTop": keyTop, "names": max(1, names),
                "labelWidth": 8 * (y.tics.map(\.text.count).max() ?? 0), "axes": [x.values("x"), y.values("y")],
                "lines": lines.enumerated().map { $1.values($0) },
            ])
    }

    /// A score in a picture.
    struct Score {
        /// The subject of the score, which has a heading of its own, and the system that has the score.
        let group: String
        let system: BudgetedSystem
        let values: [Double]
        /// The median or the mean of the values.
        let middle: Double
    }

    /// Makes a picture of scores. For each group it has a row for each system, with all values, their middle, and a bar from the
    /// lowest to the highest. Returns `nil` if there are no scores.
    init?(
        name: String, caption: String, axis: String, middle: String, scores: [Score], styles: SystemStyles
    ) {
        let scores = scores.filter { !$0.values.isEmpty }, systems = distinct(scores.map(\.system))
        guard !scores.isEmpty else { return nil }
        var labels: [Templates.Values] = [], all = systems.map { _ in [[Double]]() }, middles = all, y = 12
        for group in distinct(scores.map(\.group)) {
            labels.append(["text": group.shortened(to: 56), "y": y + 8])
            y += 26
            for (number, system) in systems.enumerated() {
                guard let score = scores.first(where: { $0.group == group && $0.system == system }) else { continue }
                all[number] += score.values.map { [$0, Double(y)] }
                middles[number].append([score.middle, Double(y), score.values.min() ?? 0, score.values.max() ?? 0])
                y += 16
            }
            y += 4
        }
        self.init(
            "scores", name: name, caption: caption, height: y + 54 + Self.legendRow * systems.count + 14,
            columns: ["task", "system", "budget", middle, "lowest", "highest"],
            rows: scores.map { score in
                [score.group, score.system.name, score.system.budget ?? "", "\(score.middle)"]
                    + [score.values.min(), score.values.max()].map { "\($0 ?? 0)" }
            },
            [
                "bottom": y, "x": Axis(axis, scores.flatMap(\.values), logarithmic: false, fromZero: false).values("x"), "labels": labels,
                "systems": systems.enumerated().map { number, system in
                    [
                        "number": number, "title": system.title.shortened(to: 52), "colour": styles[system.name].colour,
                        // The shape tells which budget the systems share.
                        "point": system.budget == "time" ? 9 : 7, "all": Plot.data(all[number]), "middles": Plot.data(middles[number]),
                    ] as Templates.Values
                },
            ])
    }
}

/// An axis of a picture with round numbers.
package struct Axis {
    let label: String
    package let isLogarithmic: Bool
    package private(set) var low: Double
    package private(set) var high: Double
    package private(set) var tics: [(value: Double, text: String)]

    /// Makes an axis for `values`, which are finite, and above 0 if the axis is logarithmic.
    /// - `logarithmic`: true for a logarithmic axis; `nil` means logarithmic if the values span more than a decade.
    /// - `fromZero`: true if a linear axis begins at 0.
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

    /// Makes a logarithmic axis with numbers at `places` themselves, as far as there is room.
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

    /// Makes an axis of names at 1, 2, 3 ...
    init(_ label: String, names: [String]) {
        self.label = label
        isLogarithmic = false
        (low, high) = (0.5, Double(names.count) + 0.5)
        tics = names.enumerated().map { (Double($0 + 1), $1) }
    }

    /// Returns the values of the template for axis `x` or `y`.
    fileprivate func values(_ axis: String) -> Templates.Values {
        // gnuplot omits a tic at the very end of a logarithmic axis.
        let margin = isLogarithmic ? 1e-7 : 0
        return [
            "axis": axis, "label": label, "isLogarithmic": isLogarithmic, "low": low * (1 - margin), "high": high * (1 + margin),
            // gnuplot reads the texts of tics as formats.
            "tics": tics.map { ["value": $0.value, "text": $0.text.replacing("%", with: "%%")] as Templates.Values },
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

    /// Returns the least of 1, 2 and 5 times a power of ten that is not below `size`.
    private static func niceStep(_ size: Double) -> Double {
        guard size > 0 else { return 1 }
        let unit = pow(10, log10(size).rounded(.down))
        return [1, 2, 5].first { $0 * unit >= size * (1 - 1e-9) }.map { $0 * unit } ?? 10 * unit
    }
}

/// The colours of systems, the same in every picture and table of a report. They are the colours of Okabe and Ito that are visible on
/// white, which people with any kind of colour vision can distinguish, and then the same colours with other dashes. The shapes of the
/// points differ, too.
package struct SystemStyles {
    /// The look of a system.
    package struct Style {
        package let colour: String
        /// gnuplot's types of dashes and points.
        package let dash, point: Int
    }

    /// The name of the vectors with which the scores of models are compared.
    static let baseline = "word vectors"

    /// The style of the unigram model and of constant vectors, which systems must beat: grey and dashed.
    static let reference = Style(colour: "#777777", dash: 2, point: 7)

    private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]
    private static let points = [7, 5, 9, 13, 11]
    private let numbers: [String: Int]

    /// Assigns styles to systems.
    /// - `names`: the names of systems, in the order of the colours.
    package init(_ names: [String]) {
        var numbers: [String: Int] = [:]
        // A pipeline writes the name of the baseline with a hyphen.
        for name in names where name.replacing("-", with: " ") != Self.baseline && numbers[name] == nil { numbers[name] = numbers.count }
        self.numbers = numbers
    }

    init(_ runs: [ReportRun]) {
        self.init(
            runs.flatMap { run in
                let scored = run.qualities.map(\.system) + run.curves.map(\.system) + run.probes.map(\.system)
                    + run.tasks.map(\.system) + run.passes.map(\.system)
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
