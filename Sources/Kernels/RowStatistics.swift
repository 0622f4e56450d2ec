// Small operations on rows in the host's memory, on one thread: measurements of tables of word vectors, and changes of single
// vectors.
extension Matrix {
    /// The elements in row order.
    public var values: [Float] {
        [Float](unsafeUninitializedCapacity: rows * columns) { values, count in
            count = rows * columns
            guard let start = values.baseAddress else { return }
            for index in 0..<rows { (start + index * columns).update(from: row(index), count: columns) }
        }
    }

    /// True if no element is NaN or infinite.
    public var isFinite: Bool {
        isDense
            ? Vector.isFinite(start, count: rows * columns)
            : (0..<rows).allSatisfy { Vector.isFinite(row($0), count: columns) }
    }

    /// True if all elements are zero.
    public var isZero: Bool {
        for index in 0..<rows {
            let row = row(index)
            for column in 0..<columns where row[column] != 0 { return false }
        }
        return true
    }

    /// Euclidean norm of the first row; not finite if an element is not.
    public var norm: Double { Vector.norm(start, count: columns) }

    /// Multiplies all elements by `factor`.
    public func scale(by factor: Float) {
        for index in 0..<rows { Vector.scale(row(index), by: factor, count: columns) }
    }

    /// Fills each row with a direction uniform on the unit sphere.
    public func fillWithDirections(_ random: inout Random) {
        for index in 0..<rows {
            let row = row(index)
            for column in 0..<columns { row[column] = Float(random.normal()) }
            Vector.normalize(row, count: columns)
        }
    }

    /// Scales each row to unit norm. If a mean [columns] is given, it is then subtracted, and the rest scaled to unit norm again.
    /// Rows that are zero or not finite are left alone.
    public func normalize(less mean: [Float]? = nil) {
        precondition(mean.map { $0.count == columns } ?? true)
        for index in 0..<rows {
            let row = row(index)
            guard Vector.normalize(row, count: columns) > 0, let mean else { continue }
            mean.withUnsafeBufferPointer { mean in for column in 0..<columns { row[column] -= mean[column] } }
            Vector.normalize(row, count: columns)
        }
    }

    /// Replaces a unit vector v [1, columns] by the unit vector of (1 - share) v + share r, where r is a unit vector whose signs
    /// are random and determined by the seed.
    public func mixSigns(seed: UInt64, share: Float) {
        var random = Random(seed: seed, stream: "signs"), bits: UInt64 = 0
        let part = share / Float(columns).squareRoot(), row = row(0)
        for column in 0..<columns {
            if column % 64 == 0 { bits = random.next() }
            row[column] = (1 - share) * row[column] + (bits & 1 == 0 ? part : -part)
            bits >>= 1
        }
        Vector.normalize(row, count: columns)
    }

    /// Returns the mean of the rows `ids`, [columns]; zeros if there are no rows.
    public func mean(of ids: some Collection<Int>) -> [Float] {
        var sums = [Double](repeating: 0, count: columns)
        for id in ids {
            precondition(id >= 0 && id < rows)
            let row = row(id)
            for column in sums.indices { sums[column] += Double(row[column]) }
        }
        return sums.map { Float($0 / Double(max(1, ids.count))) }
    }

    /// Returns the mean of the unit vectors of the rows `ids`, [columns], and the mean norm. Rows of zeros are left out.
    public func meanDirection(of ids: some Collection<Int>) -> (direction: [Double], norm: Double) {
        var sums = [Double](repeating: 0, count: columns), norms = 0.0, count = 0
        for id in ids {
            precondition(id >= 0 && id < rows)
            let row = row(id), norm = Vector.norm(row, count: columns)
            guard norm > 0 else { continue }
            for column in sums.indices { sums[column] += Double(row[column]) / norm }
            norms += norm
            count += 1
        }
        return (sums.map { $0 / Double(max(1, count)) }, norms / Double(max(1, count)))
    }

    /// Returns the cosine of the angle between the first row and a vector [columns]; 0 if one is zero.
    public func cosine(_ vector: [Float]) -> Double {
        precondition(vector.count == columns)
        return Vector.cosine(vector, start, count: columns)
    }

    /// Returns the cosine between the first rows of two matrices, after `mean` [columns] is subtracted from their unit vectors; 0
    /// if nothing remains of one.
    public func cosine(_ other: Matrix, less mean: [Float]?) -> Double {
        precondition(other.columns == columns && mean.map { $0.count == columns } ?? true)
        func inverseNorm(_ row: UnsafeMutablePointer<Float>) -> Double {
            let square = (0..<columns).reduce(0) { $0 + Double(row[$1]) * Double(row[$1]) }
            return square > 0 ? 1 / square.squareRoot() : 0
        }
        let (one, two) = (start, other.start), (scaleOne, scaleTwo) = (inverseNorm(one), inverseNorm(two))
        var product = 0.0, squareOne = 0.0, squareTwo = 0.0
        for index in 0..<columns {
            let x = Double(one[index]) * scaleOne - Double(mean?[index] ?? 0)
            let y = Double(two[index]) * scaleTwo - Double(mean?[index] ?? 0)
            product += x * y
            squareOne += x * x
            squareTwo += y * y
        }
        // What remains of a vector equal to the mean is rounding error, which has no direction.
        return squareOne > 1e-9 && squareTwo > 1e-9 ? product / (squareOne * squareTwo).squareRoot() : 0
    }

    /// Returns the places of the greatest elements of the first row, in descending order and without `place`, and the number of
    /// elements greater than the one at `place`, or of all elements above -infinity if `place` is negative.
    /// - `count`: maximum number of places.
    public func greatest(_ count: Int, except place: Int) -> (places: [Int], greater: Int) {
        precondition(count > 0 && place < columns)
        let own = place >= 0 ? start[place] : -.infinity
        var greater = 0
        // The best so far in descending order; most elements are rejected by comparison with the last.
        var best: [(value: Float, place: Int)] = []
        for index in 0..<columns where index != place {
            let value = start[index]
            if value > own { greater += 1 }
            if best.count == count && value <= best[count - 1].value { continue }
            if best.count == count { best.removeLast() }
            best.insert((value, index), at: best.firstIndex { $0.value < value } ?? best.count)
        }
        return (best.map(\.place), greater)
    }
}

/// One vector made from the rows of several matrices: their mean, or the maximum of each column.
///
/// ```swift
/// var pool = RowPool(.mean, columns: 512)
/// pool.add(layers)
/// let vector = pool.result
/// ```
public struct RowPool {
    /// A way to combine rows into one.
    ///
    /// ```swift
    /// let kind = RowPool.Kind.greatest
    /// ```
    public enum Kind: Sendable {
        /// The mean of the rows, and the maximum of each column.
        case mean, greatest
    }

    private let kind: Kind
    private var rows = 0
    private var greatest: [Float]
    private var sums: [Double]

    /// Creates a pool without rows.
    public init(_ kind: Kind, columns: Int) {
        self.kind = kind
        greatest = [Float](repeating: 0, count: columns)
        sums = [Double](repeating: 0, count: columns)
    }

    /// Adds the rows of `matrix` [rows, columns].
    public mutating func add(_ matrix: Matrix) {
        precondition(matrix.rows == 0 || matrix.columns == sums.count)
        for index in 0..<matrix.rows {
            let row = matrix.row(index)
            switch kind {
            case .mean: for column in sums.indices { sums[column] += Double(row[column]) }
            case .greatest:
                for column in sums.indices where rows == 0 || row[column] > greatest[column] { greatest[column] = row[column] }
            }
            rows += 1
        }
    }

    /// The vector of the rows added so far, [columns]; zeros if there are none.
    public var result: [Float] { kind == .greatest ? greatest : sums.map { Float($0 / Double(max(1, rows))) } }
}
