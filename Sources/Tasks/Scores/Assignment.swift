/// The assignment of rows to columns, at most one to one, with the largest total weight (Kuhn 1955, Munkres 1957), found by shortest
/// augmenting paths (Jonker and Volgenant 1987) in rows² × columns steps.
public struct Assignment: Sendable {
    /// The column of each row; `nil` for a row without a column, if there are fewer columns than rows.
    public let columns: [Int?]
    /// The sum of the weights of all assigned pairs.
    public let weight: Double

    /// Solves an assignment.
    /// - `weights`: the weights row by row, all rows of the same length. No weight is negative.
    public init(weights: [[Double]]) {
        let rows = weights.count, width = weights.first?.count ?? 0
        guard rows > 0 && width > 0 else {
            (columns, weight) = (Array(repeating: nil, count: rows), 0)
            return
        }
        let isTall = rows > width
        let short = min(rows, width), long = max(rows, width)
        // Costs are negative weights. Each row of the shorter side gets a column of the longer side.
        var costs = [Double](repeating: 0, count: short * long)
        for row in 0..<rows {
            for column in 0..<width { costs[isTall ? column * long + row : row * long + column] = -weights[row][column] }
        }
        let partners = Self.partners(costs, short, long)
        var columns = [Int?](repeating: nil, count: rows), weight = 0.0
        for (index, partner) in partners.enumerated() {
            let (row, column) = isTall ? (partner, index) : (index, partner)
            columns[row] = column
            weight += weights[row][column]
        }
        (self.columns, self.weight) = (columns, weight)
    }

    /// Returns the column, of `long`, for each of `short` rows, at the least total cost.
    private static func partners(_ costs: [Double], _ short: Int, _ long: Int) -> [Int] {
        let none = -1
        var rowPrices = [Double](repeating: 0, count: short), columnPrices = [Double](repeating: 0, count: long)
        var columns = [Int](repeating: none, count: short), rows = [Int](repeating: none, count: long)
        var distances = [Double](repeating: 0, count: long), origins = [Int](repeating: none, count: long)
        var isDone = [Bool](repeating: false, count: long), visited: [Int] = []
        for newRow in 0..<short {
            for column in 0..<long { (distances[column], isDone[column]) = (.infinity, false) }
            visited.removeAll(keepingCapacity: true)
            // The shortest path, in reduced costs, from the new row to a column without a row.
            var row = newRow, end = none, reached = 0.0
            while end == none {
                let base = reached - rowPrices[row], line = row * long
                var nearest = none, least = Double.infinity
                for column in 0..<long where !isDone[column] {
                    let distance = base + costs[line + column] - columnPrices[column]
                    if distance < distances[column] { (distances[column], origins[column]) = (distance, row) }
                    // Among equally near columns, one without a row ends the search.
                    if distances[column] < least || distances[column] == least && rows[column] == none {
                        (least, nearest) = (distances[column], column)
                    }
                }
                reached = least
                isDone[nearest] = true
                visited.append(nearest)
                if rows[nearest] == none { end = nearest } else { row = rows[nearest] }
            }
            rowPrices[newRow] += reached
            for column in visited {
                let change = reached - distances[column]
                if rows[column] != none { rowPrices[rows[column]] += change }
                columnPrices[column] -= change
            }
            // Along the path back, each row takes the new column and gives up its old one.
            var column = end
            while column != none {
                let row = origins[column], given = columns[row]
                (rows[column], columns[row]) = (row, column)
                column = row == newRow ? none : given
            }
        }
        return columns
    }
}
