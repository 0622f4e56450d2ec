/// The lines of learning curves, one for each system. With several seeds, the line is their mean, and each seed has a thin line.
struct LearningCurves {
    struct Point {
        let system: String
        let seed: String?
        /// The value by which points of different seeds are matched for a mean: a number of words, or of passes.
        let place: Int?
        let x, y: Double
    }

    private(set) var lines: [PlotLine] = []
    /// The rows of the picture's table: system, seed, x, y.
    private(set) var rows: [[String]] = []

    /// Makes the lines of points.
    /// - `unit`: the amount of x that is 1 in the picture.
    init(_ points: [Point], unit: Double = 1, _ styles: SystemStyles) {
        for system in distinct(points.map(\.system)) {
            let own = points.filter { $0.system == system }, style = styles[system]
            let seeds = distinct(own.map(\.seed)).map { seed in own.filter { $0.seed == seed }.sorted { $0.x < $1.x } }
            let mean = Self.mean(seeds, system)
            // Seeds without a common place have no mean, so that each is a line of its own.
            let isAlone = seeds.count == 1 || mean.isEmpty
            for (number, seed) in (isAlone ? seeds : seeds + [mean]).enumerated() {
                let isLine = isAlone || number == seeds.count
                lines.append(
                    PlotLine(
                        style: style, name: isLine && number % seeds.count == 0 ? system : nil, points: seed.map { [$0.x / unit, $0.y] },
                        isThin: !isLine))
                rows += seed.map { [system, $0.seed ?? "", "\($0.x)", "\($0.y)"] }
            }
        }
    }

    /// Returns the means at the places that all seeds have in common.
    private static func mean(_ seeds: [[Point]], _ system: String) -> [Point] {
        let places = distinct(seeds.flatMap { $0.compactMap(\.place) }).filter { place in
            seeds.allSatisfy { seed in seed.contains { $0.place == place } }
        }
        return places.sorted().map { place in
            let there = seeds.compactMap { seed in seed.last { $0.place == place } }
            return Point(
                system: system, seed: "mean", place: place, x: there.map(\.x).mean ?? 0, y: there.map(\.y).mean ?? 0)
        }
    }
}
