/// The colour of each system, the same in every picture and table of a report.
///
/// Colours are those of Okabe and Ito that show on white, which people with any kind of colour vision tell apart; when
/// they are used up, they come again with other dashes. The shape of the points differs as well.
package struct SystemStyles {
    /// How a system is drawn.
    package struct Style {
        package let colour: String
        /// gnuplot's types of dashes and points.
        package let dash, point: Int
    }

    /// What the scores of models are compared with.
    static let baseline = "word vectors"

    /// What systems must be better than, the unigram model or a constant vector: gray, and dashed.
    static let reference = Style(colour: "#777777", dash: 2, point: 7)

    private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]
    private static let points = [7, 5, 9, 13, 11]
    private let numbers: [String: Int]

    /// - Parameter names: of systems, in the order of the colours.
    package init(_ names: [String]) {
        var numbers: [String: Int] = [:]
        for name in names where name != Self.baseline && numbers[name] == nil { numbers[name] = numbers.count }
        self.numbers = numbers
    }

    init(_ runs: [ReportRun]) {
        var names: [String] = []
        for run in runs {
            names += run.systems.map(\.name)
            names += run.qualities.map(\.system)
            names += run.curves.map(\.system)
            names += run.probes.map(\.system)
            for ratio in run.ratios { names += [ratio.of, ratio.to] }
            names += run.leftOut.map(\.name)
        }
        self.init(names)
    }

    package subscript(name: String) -> Style {
        guard let number = numbers[name] else { return Style(colour: Self.reference.colour, dash: 1, point: 7) }
        return Style(
            colour: Self.colours[number % Self.colours.count], dash: number / Self.colours.count + 1,
            point: Self.points[number % Self.points.count])
    }
}
