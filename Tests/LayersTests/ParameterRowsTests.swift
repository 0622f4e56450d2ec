import Kernels
import Layers
import Testing

/// Sparse parameters beside dense ones of the same weights and gradients.
struct ParameterRowsTests {
    private struct Pair {
        let dense: ParameterStore, sparse: ParameterStore
        let denseWeight, sparseWeight: Parameter
        let compute = Compute()

        init(_ optimizer: any Optimizer) {
            var layout = ParameterLayout(), sparseLayout = ParameterLayout()
            denseWeight = layout.declare("table", [50, 3])
            sparseWeight = sparseLayout.declareSparse("table", rows: 50, columns: 3)
            dense = ParameterStore(layout, training: optimizer)
            sparse = ParameterStore(sparseLayout, training: optimizer)
            dense.value(denseWeight).fillWave(1)
            sparse.value(sparseWeight).fillWave(1)
        }

        /// The same gradient for both, in `rows`; returns both norms.
        func step(_ number: Int, rows: [Int], clip: Double? = nil, weightDecay: Float = 0) -> (Double, Double) {
            let table = sparse.rows(sparseWeight)
            for row in rows {
                table.touch(row)
                for column in 0..<3 {
                    let value = Float(row + 1) * 0.01 - Float(column) * 0.1
                    table.gradient(row)[column] += value
                    dense.gradient(denseWeight).row(row)[column] += value
                }
            }
            var update = ParameterStore.Update(step: number, rate: 0.1, clip: clip)
            update.weightDecay = weightDecay
            return (dense.update(update, compute: compute), sparse.update(update, compute: compute))
        }

        func row(_ index: Int) -> ([Float], [Float]) {
            let rows = [dense.value(denseWeight).row(index), sparse.value(sparseWeight).row(index)]
            return (Array(UnsafeBufferPointer(start: rows[0], count: 3)), Array(UnsafeBufferPointer(start: rows[1], count: 3)))
        }
    }

    /// Adagrad leaves rows without gradient alone, so nothing changes.
    @Test func adagradIsTheSame() {
        let pair = Pair(Adagrad())
        for (number, rows) in [[3, 7, 3], [7, 49], [0]].enumerated() {
            let norms = pair.step(number + 1, rows: rows, clip: 0.05)
            #expect(norms.0 > 0.05 && abs(norms.0 - norms.1) < 1e-6 * norms.0)
        }
        for index in 0..<50 {
            let (dense, sparse) = pair.row(index)
            for (own, other) in zip(dense, sparse) { #expect(abs(own - other) < 1e-6) }
        }
        #expect(pair.sparse.rows(pair.sparseWeight).touched.isEmpty)
    }

    /// Adam's moments wait in a row that is not touched, and the row stays where it is.
    @Test func adamIsLazy() {
        let pair = Pair(Adam())
        _ = pair.step(1, rows: [3, 7])
        #expect(pair.row(3).0 == pair.row(3).1)
        let before = pair.row(3).1
        _ = pair.step(2, rows: [7])
        #expect(pair.row(3).1 == before)
        #expect(pair.row(3).0 != before)
        #expect(pair.row(7).0 == pair.row(7).1)
    }

    @Test func weightDecayTouchesTouchedRows() {
        let pair = Pair(Adagrad())
        let before = pair.row(4).1
        _ = pair.step(1, rows: [3], weightDecay: 0.5)
        #expect(pair.row(4).1 == before)
        #expect(pair.row(4).0 != before)
        #expect(pair.row(3).0 == pair.row(3).1)
    }

    /// A bias of which few numbers are touched is a bias: spared.
    @Test func weightDecaySparesSparseBiases() {
        var layout = ParameterLayout()
        let weight = layout.declareSparse("weight", rows: 4, columns: 2), bias = layout.declareSparse("bias", rows: 4, columns: 1)
        let store = ParameterStore(layout, training: Adagrad())
        for parameter in [weight, bias] {
            store.value(parameter).fill(1)
            store.rows(parameter).touch(2)
        }
        var update = ParameterStore.Update(step: 1, rate: 0.5, clip: nil)
        update.weightDecay = 0.5
        store.update(update, compute: Compute())
        #expect(store.value(weight).row(2)[0] == 0.75 && store.value(weight).row(1)[0] == 1)
        #expect(store.value(bias).row(2)[0] == 1)
    }

    /// More rows than there was room for: gradients move and keep their values.
    @Test func manyRows() {
        var layout = ParameterLayout()
        let weight = layout.declareSparse("table", rows: 5000, columns: 2)
        let store = ParameterStore(layout, training: Adagrad())
        let table = store.rows(weight)
        for row in 0..<5000 {
            table.touch(row)
            table.gradient(row)[1] = Float(row)
        }
        #expect((0..<5000).allSatisfy { table.gradient($0)[1] == Float($0) && table.gradient($0)[0] == 0 })
        let expected = (0..<5000).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let norm = store.update(.init(step: 1, rate: 0.1, clip: nil), compute: Compute())
        #expect(abs(norm - expected) < 1e-6 * expected)
        table.touch(17)
        #expect(table.gradient(17)[1] == 0)
    }
}
