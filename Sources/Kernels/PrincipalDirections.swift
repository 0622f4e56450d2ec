/// Leading principal directions of rows, and their removal from rows (Mu and Viswanath 2018).
extension ProcessorBackend {
    /// Number of rows multiplied at once.
    private static let covarianceRows = 4096

    /// Returns the leading principal directions of the rows `ids` of a matrix [rows, columns] after `mean` [columns] is subtracted:
    /// `count` unit vectors [columns], ordered from the largest variance down.
    public func principalDirections(of rows: Matrix, ids: [Int], less mean: [Float], count: Int) -> [[Float]] {
        let side = rows.columns, block = Self.covarianceRows
        let memory = FloatBuffer(count: block * side), square = FloatBuffer(count: side * side)
        // The sum over rows of (v - mean)(v - mean)^T.
        var sums = [Double](repeating: 0, count: side * side)
        for first in stride(from: 0, to: ids.count, by: block) {
            let part = Matrix(memory, rows: min(block, ids.count - first), columns: side)
            for place in 0..<part.rows {
                let row = rows.row(ids[first + place]), target = part.row(place)
                for column in mean.indices { target[column] = row[column] - mean[column] }
            }
            multiply(part.transposed, part, into: Matrix(square, rows: side, columns: side))
            for index in sums.indices { sums[index] += Double(square.start[index]) }
        }
        return SymmetricEigen(sums, side: side, count: count).vectors.map { $0.map { Float($0) } }
    }
}

extension Matrix {
    /// Subtracts `offset` [columns], unless empty, from each row that is not zero, and then the row's component along each of
    /// `directions`, unit vectors [columns], in order.
    public func subtract(_ offset: [Float], directions: [[Float]]) {
        for index in 0..<rows {
            let row = row(index)
            guard (0..<columns).contains(where: { row[$0] != 0 }) else { continue }
            for column in offset.indices { row[column] -= offset[column] }
            for direction in directions {
                let part = Float(Vector.dot(direction, row, count: columns))
                Vector.add(direction, times: -part, to: row, count: columns)
            }
        }
    }
}
