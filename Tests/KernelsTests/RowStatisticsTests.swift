import Kernels
import Parallel
import Testing

/// Operations on rows beside their definitions.
@Suite struct RowStatisticsTests {
    private func rows(_ rows: [[Float]]) -> RowMatrix {
        let matrix = RowMatrix(count: rows.count, dimension: rows[0].count)
        matrix.matrix.copy(from: rows.flatMap(\.self))
        return matrix
    }

    @Test func meansCountEachRowOnceAndDirectionsLeaveZerosOut() {
        let matrix = rows([[3, 4], [0, 0], [0, -2], [100, 100]])
        #expect(matrix.matrix.mean(of: [0, 1, 2]) == [1, 2 / 3])
        let (direction, norm) = matrix.matrix.meanDirection(of: [0, 1, 2])
        #expect(zip(direction, [0.3, -0.1]).allSatisfy { abs($0 - $1) < 1e-12 } && norm == 3.5)
        #expect(matrix.matrix.mean(of: []) == [0, 0] && matrix.matrix.meanDirection(of: [1]).direction == [0, 0])
    }

    @Test func unitVectorsLessAMean() {
        let matrix = rows([[3, 4], [0, 0], [0.6, -0.8]])
        matrix.matrix.normalize(less: [0.6, 0])
        #expect(zip(matrix.matrix.values, [0, 1, 0, 0, 0, -1]).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test func cosines() {
        let matrix = rows([[2, 0], [3, 3], [0, 0], [0.5, 0]])
        #expect(abs(matrix.row(0).cosine(matrix.row(1), less: nil) - 0.5.squareRoot()) < 1e-9)
        #expect(matrix.row(0).cosine(matrix.row(2), less: nil) == 0)
        // Nothing is left of the mean itself.
        #expect(matrix.row(0).cosine(matrix.row(1), less: [1, 0]) == 0)
        #expect(abs(matrix.row(1).cosine([0, 7]) - 0.5.squareRoot()) < 1e-6 && matrix.row(2).cosine([0, 7]) == 0)
    }

    @Test func theGreatestElementsAndTheRankOfOne() {
        let matrix = rows([[5, 1, 7, 7, -2, 6]])
        #expect(matrix.row(0).greatest(3, except: 5) == ([2, 3, 0], 2))
        #expect(matrix.row(0).greatest(2, except: -1).places == [2, 3])
        #expect(matrix.row(0).greatest(9, except: 2) == ([3, 5, 0, 1, 4], 0))
    }

    @Test func poolsOfSeveralMatrices() {
        for (kind, expected) in [(RowPool.Kind.mean, [-2, -1] as [Float]), (.greatest, [-1, 1])] {
            var pool = RowPool(kind, columns: 2)
            #expect(pool.result == [0, 0])
            let (first, last) = (rows([[-3, 1], [-2, -4]]), rows([[-1, 0]]))
            pool.add(first.matrix)
            pool.add(last.matrix)
            #expect(pool.result == expected)
            withExtendedLifetime((first, last)) {}
        }
    }

    @Test func finiteAndZeroLookAtAllRows() {
        let matrix = rows([[0, 0, 0], [0, 0, .nan]])
        #expect(matrix.row(0).isFinite && matrix.row(0).isZero && !matrix.matrix.isFinite && !matrix.matrix.isZero)
        // A part of rows has gaps.
        #expect(matrix.matrix.columns(0..<2).isFinite && matrix.matrix.columns(0..<2).isZero)
        #expect(!matrix.matrix.columns(1..<3).isFinite)
    }

    /// A^T W A + P times what is found is A^T W T.
    @Test(arguments: [1, 3]) func ridgeRegressionSolvesItsEquations(threads: Int) {
        var random = Random(seed: 3, stream: "ridge")
        let dense = (0..<40).map { _ in (0..<9).map { _ in random.uniform() < 0.4 ? Double(Float(random.normal())) : 0 } }
        var sparse = SparseMatrix()
        for row in dense {
            for (column, value) in row.enumerated() where value != 0 { sparse.append(column: Int32(column), value: Float(value)) }
            sparse.endRow()
        }
        let weights = (0..<40).map { 1 + Float($0 % 3) }, penalties = (0..<9).map { 0.5 + Float($0) / 10 }
        let targets = rows((0..<40).map { _ in (0..<35).map { _ in Float(random.normal()) } })
        let solution = RidgeRegression(
            sparse, weights: weights, penalties: penalties, steps: 200, tolerance: 1e-7, pool: ThreadPool(threads: threads)
        ).solve(targets.matrix)
        let found = Matrix(solution, rows: 9, columns: 35).values, wanted = targets.matrix.values
        for unknown in 0..<9 {
            for column in 0..<35 {
                var left = Double(penalties[unknown]) * Double(found[unknown * 35 + column])
                for row in 0..<40 {
                    let product = (0..<9).reduce(0.0) { $0 + dense[row][$1] * Double(found[$1 * 35 + column]) }
                    left += Double(weights[row]) * dense[row][unknown] * (product - Double(wanted[row * 35 + column]))
                }
                #expect(abs(left) < 1e-3)
            }
        }
        withExtendedLifetime(solution) {}
    }
}
