/// The mean and scale by which directions of vectors are standardised so that a network can learn them: (vector / |vector| - mean)
/// x scale.
///
/// ```swift
/// let standard = DirectionStandard(table, ids: Array(0..<table.rows))
/// standard.standardize(table, into: targets)
/// ```
public struct DirectionStandard: Sendable, Equatable {
    /// The mean of the unit vectors, [dimension].
    public let mean: [Float]
    /// 1 / the root mean square of the directions after the mean is subtracted.
    public let scale: Float
    /// The mean norm of the vectors.
    public let norm: Float
    /// True if outputs are directions only, as after a fit by cosine: restored vectors then get the targets' mean norm.
    public var isDirection = false

    /// Creates a standard from its numbers.
    public init(mean: [Float], scale: Float, norm: Float, isDirection: Bool = false) {
        self.isDirection = isDirection
        self.mean = mean
        self.scale = scale
        self.norm = norm
    }

    /// Measures the rows `ids` of a matrix [rows, dimension]. None of them may be zero.
    public init(_ rows: Matrix, ids: [Int]) {
        let (direction, norm) = rows.meanDirection(of: ids)
        // Unit vectors have mean square 1, of which the mean vector accounts for its own square.
        let variance = 1 - direction.reduce(0) { $0 + $1 * $1 }
        mean = direction.map { Float($0) }
        scale = variance > 1e-6 ? Float((Double(rows.columns) / variance).squareRoot()) : 1
        self.norm = Float(norm)
    }

    /// Writes the standardised directions of `rows` [rows, dimension] to `target`, of the same shape. No row may be zero.
    public func standardize(_ rows: Matrix, into target: Matrix) {
        precondition(rows.rows == target.rows && rows.columns == mean.count && target.columns == mean.count)
        mean.withUnsafeBufferPointer { mean in
            for index in 0..<rows.rows {
                let row = rows.row(index), target = target.row(index)
                let norm = Float(Vector.norm(row, count: mean.count))
                for column in mean.indices { target[column] = (row[column] / norm - mean[column]) * scale }
            }
        }
    }

    /// Writes the vectors whose standardised directions are `values` [rows, dimension] to `target`, of the same shape.
    public func restore(_ values: Matrix, into target: Matrix) {
        precondition(values.rows == target.rows && values.columns == mean.count && target.columns == mean.count)
        mean.withUnsafeBufferPointer { mean in
            for index in 0..<values.rows {
                let values = values.row(index), target = target.row(index)
                var factor = 1 / scale
                if isDirection {
                    let length = Vector.norm(values, count: mean.count)
                    // Targets have unit variance in each component.
                    if length > 0 { factor *= Float(Double(mean.count).squareRoot() / length) }
                }
                for column in mean.indices { target[column] = (values[column] * factor + mean[column]) * norm }
            }
        }
    }

    /// Writes some columns of the unit vectors of the rows `ids`, minus their mean, to `target` [ids, columns].
    public func directions(of rows: Matrix, ids: [Int], columns: Range<Int>, into target: Matrix) {
        precondition(target.rows == ids.count && target.columns == columns.count && rows.columns == mean.count)
        for (index, id) in ids.enumerated() {
            let row = rows.row(id), target = target.row(index)
            let norm = Float(Vector.norm(row, count: rows.columns))
            for (place, column) in columns.enumerated() { target[place] = row[column] / norm - mean[column] }
        }
    }

    /// Writes vectors of mean norm to the columns `columns` of `target` [at least rows, dimension]. `values` [rows, columns] are
    /// their directions minus the mean.
    public func restoreDirections(_ values: Matrix, columns: Range<Int>, into target: Matrix) {
        precondition(values.columns == columns.count && values.rows <= target.rows && target.columns == mean.count)
        for index in 0..<values.rows {
            let values = values.row(index), target = target.row(index)
            for (place, column) in columns.enumerated() { target[column] = (values[place] + mean[column]) * norm }
        }
    }
}
