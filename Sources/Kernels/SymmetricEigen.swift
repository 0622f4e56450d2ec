/// The leading eigenvectors of a symmetric positive semi-definite matrix, by subspace iteration with a Rayleigh-Ritz step
/// (Saad, "Numerical Methods for Large Eigenvalue Problems", algorithm 5.3).
///
/// ```swift
/// let eigen = SymmetricEigen([2, 1, 1, 2], side: 2, count: 1)
/// print(eigen.values, eigen.vectors)        // [3.0], [[0.707, 0.707]]
/// ```
public struct SymmetricEigen {
    /// Eigenvalues in descending order.
    public private(set) var values: [Double] = []
    /// Unit eigenvectors, [count][side], each with a positive largest component; zeros where the eigenvalue is zero.
    public private(set) var vectors: [[Double]] = []

    /// Vectors iterated beyond those requested, so that each step shrinks the error by the ratio of eigenvalues far apart.
    private static let extra = 10
    private static let steps = 1000
    private static let tolerance = 1e-10

    /// Computes the `count` leading eigenvectors.
    /// - `matrix`: row-major, side * side.
    public init(_ matrix: [Double], side: Int, count: Int) {
        precondition(matrix.count == side * side && count >= 0 && count <= side)
        guard count > 0 else { return }
        let width = min(side, count + Self.extra)
        // Any start that is not orthogonal to the result works; this one is the same on every machine.
        var bits: UInt64 = 0x9E37_79B9_7F4A_7C15
        var basis = (0..<width).map { _ in
            (0..<side).map { _ -> Double in
                bits = bits &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Double(bits >> 11) * 0x1p-53 - 0.5
            }
        }
        Self.orthonormalise(&basis)
        for step in 1...Self.steps {
            let images = basis.map { vector in
                (0..<side).map { row in
                    var sum = 0.0
                    for column in 0..<side { sum += matrix[row * side + column] * vector[column] }
                    return sum
                }
            }
            let (ritz, rotation) = Self.jacobi(basis.map { vector in images.map { Self.dot(vector, $0) } })
            let vectors = Self.combine(basis, rotation)
            basis = Self.combine(images, rotation)
            let converged = (0..<count).allSatisfy { index in
                var error = 0.0
                for place in 0..<side {
                    let difference = basis[index][place] - ritz[index] * vectors[index][place]
                    error += difference * difference
                }
                return error.squareRoot() <= Self.tolerance * ritz[0]
            }
            if converged || step == Self.steps {
                values = Array(ritz[..<count])
                self.vectors = zip(vectors, values).map { vector, value in
                    guard value > 1e-12 * ritz[0], let largest = vector.max(by: { abs($0) < abs($1) }) else {
                        return vector.map { _ in 0 }
                    }
                    return vector.map { largest < 0 ? -$0 : $0 }
                }
                return
            }
            Self.orthonormalise(&basis)
        }
    }

    private static func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

    /// Returns the sums of `vectors` weighted by each column of `rotation`.
    private static func combine(_ vectors: [[Double]], _ rotation: [[Double]]) -> [[Double]] {
        rotation.indices.map { column in
            var sum = [Double](repeating: 0, count: vectors[0].count)
            for (row, vector) in vectors.enumerated() {
                for place in sum.indices { sum[place] += rotation[row][column] * vector[place] }
            }
            return sum
        }
    }

    /// Gram-Schmidt, applied twice; a vector that depends on the previous ones becomes zero.
    private static func orthonormalise(_ vectors: inout [[Double]]) {
        for index in vectors.indices {
            let length = dot(vectors[index], vectors[index]).squareRoot()
            for _ in 0..<2 {
                for earlier in 0..<index {
                    let part = dot(vectors[index], vectors[earlier])
                    for place in vectors[index].indices { vectors[index][place] -= part * vectors[earlier][place] }
                }
            }
            let left = dot(vectors[index], vectors[index]).squareRoot()
            let factor = left > 1e-14 * length ? 1 / left : 0
            for place in vectors[index].indices { vectors[index][place] *= factor }
        }
    }

    /// Returns all eigenvalues of a small symmetric matrix, largest first, and its eigenvectors as columns, by cyclic Jacobi
    /// rotations.
    private static func jacobi(_ matrix: [[Double]]) -> (values: [Double], vectors: [[Double]]) {
        let side = matrix.count
        var a = matrix
        var v = (0..<side).map { row in (0..<side).map { $0 == row ? 1.0 : 0 } }
        for _ in 0..<60 {
            var off = 0.0, all = 0.0
            for row in 0..<side {
                for column in 0..<side {
                    all += a[row][column] * a[row][column]
                    if row != column { off += a[row][column] * a[row][column] }
                }
            }
            if off <= 1e-30 * all { break }
            for p in 0..<side {
                for q in p + 1..<max(side, p + 1) where a[p][q] != 0 {
                    let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
                    let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
                    let c = 1 / (t * t + 1).squareRoot(), s = t * c
                    for k in 0..<side {
                        (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q])
                    }
                    for k in 0..<side {
                        (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k])
                        (v[k][p], v[k][q]) = (c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q])
                    }
                }
            }
        }
        let order = (0..<side).sorted { (a[$0][$0], $1) > (a[$1][$1], $0) }
        return (order.map { a[$0][$0] }, v.map { row in order.map { row[$0] } })
    }
}
