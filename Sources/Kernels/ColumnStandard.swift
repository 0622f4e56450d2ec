internal import Parallel

extension ProcessorBackend {
    /// Standardises the columns of each matrix in `targets` [any rows, columns]: subtracts the mean and divides by the standard
    /// deviation of the rows `rows` of `reference`, [rows, columns]. Columns that are constant in `reference` become zero.
    public func standardizeColumns(of targets: [Matrix], by reference: Matrix, rows: [Int]) {
        let block = 64
        pool.forEach((reference.columns + block - 1) / block) { index in
            let first = index * block, count = min(block, reference.columns - first)
            var means = [Double](repeating: 0, count: count), squares = means
            for row in rows {
                let values = reference.row(row) + first
                for column in 0..<count { means[column] += Double(values[column]) }
            }
            for column in 0..<count { means[column] /= Double(max(1, rows.count)) }
            for row in rows {
                let values = reference.row(row) + first
                for column in 0..<count {
                    let difference = Double(values[column]) - means[column]
                    squares[column] += difference * difference
                }
            }
            let factors = (0..<count).map { column in
                let deviation = (squares[column] / Double(max(1, rows.count))).squareRoot()
                // After the mean is subtracted, a constant column holds only rounding errors of its mean.
                return deviation > 1e-6 * abs(means[column]) ? 1 / deviation : 0
            }
            for target in targets {
                for row in 0..<target.rows {
                    let values = target.row(row) + first
                    for column in 0..<count { values[column] = Float((Double(values[column]) - means[column]) * factors[column]) }
                }
            }
        }
    }
}
