@_spi(HostMemory) import Kernels
import Layers
import Testing

extension ParameterRows {
    /// Touches rows; returns where in `gradient` each of them is.
    @discardableResult
    func touch(_ rows: [Int]) -> [Int] {
        let numbers = OwnedNumbers(rows.map(Int32.init)), places = OwnedNumbers(rows.map { _ in -1 })
        touch(numbers.numbers, places: places.numbers)
        return places.numbers.values.map(Int.init)
    }
}

/// Sparse parameters beside dense ones of the same weights and gradients.
struct ParameterRowsTests {
    private struct Pair {
        let dense, sparse: LayerFixture<Parameter>

        init(_ optimizer: any Optimizer, _ backend: TestedBackend) {
            dense = LayerFixture(rows: 1, training: optimizer, on: backend.make(1)) { $0.parameter("table", [50, 3]) }
            sparse = LayerFixture(rows: 1, training: optimizer, on: backend.make(1)) {
                $0.parameter("table", [50, 3], isSparse: true)
            }
            for fixture in [dense, sparse] { fixture.parameters.value(fixture.layer).fillWave(1) }
        }

        /// The same gradient for both, in `rows`; returns both norms.
        func step(_ number: Int, rows: [Int], clip: Double? = nil, weightDecay: Float = 0) -> (Double, Double) {
            let table = sparse.parameters.rows(sparse.layer)
            for (row, place) in zip(rows, table.touch(rows)) {
                for column in 0..<3 {
                    let value = Float(row + 1) * 0.01 - Float(column) * 0.1
                    table.gradient.row(place)[column] += value
                    dense.parameters.gradient(dense.layer).row(row)[column] += value
                }
            }
            var update = ParameterStore.Update(step: number, rate: 0.1, clip: clip)
            update.weightDecay = weightDecay
            return (dense.parameters.update(update), sparse.parameters.update(update))
        }

        func row(_ index: Int) -> ([Float], [Float]) {
            (dense.parameters.value(dense.layer).values(index), sparse.parameters.value(sparse.layer).values(index))
        }
    }

    /// Adagrad leaves rows without gradient alone, so nothing changes.
    @Test(arguments: backends) func adagradIsTheSame(backend: TestedBackend) {
        let pair = Pair(Adagrad(), backend)
        for (number, rows) in [[3, 7, 3], [7, 49], [0]].enumerated() {
            let norms = pair.step(number + 1, rows: rows, clip: 0.05)
            #expect(norms.0 > 0.05 && abs(norms.0 - norms.1) < 1e-6 * norms.0)
        }
        for index in 0..<50 {
            let (dense, sparse) = pair.row(index)
            for (own, other) in zip(dense, sparse) { #expect(abs(own - other) < 1e-6) }
        }
        let table = pair.sparse.parameters.rows(pair.sparse.layer)
        #expect(table.touchedCount == 0 && table.touchedRows.count == 0 && table.updatedCount == 1)
    }

    /// Adam's moments wait in a row that is not touched, and the row stays where it is.
    @Test(arguments: backends) func adamIsLazy(backend: TestedBackend) {
        let pair = Pair(Adam(), backend)
        _ = pair.step(1, rows: [3, 7])
        #expect(pair.row(3).0 == pair.row(3).1)
        let before = pair.row(3).1
        _ = pair.step(2, rows: [7])
        #expect(pair.row(3).1 == before)
        #expect(pair.row(3).0 != before)
        #expect(pair.row(7).0 == pair.row(7).1)
    }

    @Test(arguments: backends) func weightDecayTouchesTouchedRows(backend: TestedBackend) {
        let pair = Pair(Adagrad(), backend)
        let before = pair.row(4).1
        _ = pair.step(1, rows: [3], weightDecay: 0.5)
        #expect(pair.row(4).1 == before)
        #expect(pair.row(4).0 != before)
        #expect(pair.row(3).0 == pair.row(3).1)
    }

    /// A bias of which few numbers are touched is a bias: spared.
    @Test(arguments: backends) func weightDecaySparesSparseBiases(backend: TestedBackend) {
        let fixture = LayerFixture(rows: 1, training: Adagrad(), on: backend.make(1)) {
            ($0.parameter("weight", [4, 2], isSparse: true), $0.parameter("bias", [4, 1], isSparse: true))
        }
        let store = fixture.parameters, (weight, bias) = fixture.layer
        for parameter in [weight, bias] {
            store.value(parameter).fill(1)
            store.rows(parameter).touch([2])
        }
        var update = ParameterStore.Update(step: 1, rate: 0.5, clip: nil)
        update.weightDecay = 0.5
        store.update(update)
        #expect(store.value(weight).row(2)[0] == 0.75 && store.value(weight).row(1)[0] == 1)
        #expect(store.value(bias).row(2)[0] == 1)
    }

    /// More rows than there was room for: gradients move and keep their values.
    @Test(arguments: backends) func manyRows(backend: TestedBackend) {
        let fixture = LayerFixture(rows: 1, training: Adagrad(), on: backend.make(1)) {
            $0.parameter("table", [5000, 2], isSparse: true)
        }
        let table = fixture.parameters.rows(fixture.layer)
        for row in 0..<5000 {
            let place = table.touch([row])[0]
            table.gradient.row(place)[1] = Float(row)
        }
        let again = table.touch(Array(0..<5000))
        #expect((0..<5000).allSatisfy { table.gradient.values(again[$0]) == [0, Float($0)] })
        #expect(table.touchedCount == 5000)
        let expected = (0..<5000).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let norm = fixture.parameters.update(.init(step: 1, rate: 0.1, clip: nil))
        #expect(abs(norm - expected) < 1e-6 * expected)
        let place = table.touch([17])[0]
        #expect(table.gradient.values(place) == [0, 0])
    }

    /// Rows in the order of their first touch, each once; places without a row stay as they were.
    @Test func negativeRowsAreNone() {
        let fixture = LayerFixture(rows: 1) { $0.parameter("table", [5, 2], isSparse: true) }
        let table = fixture.parameters.rows(fixture.layer)
        let rows = OwnedNumbers([4, -1, 0, 4, 2]), places = OwnedNumbers([-1, -1, -1, -1, -1])
        table.touch(rows.numbers, places: places.numbers)
        #expect(places.numbers.values == [0, -1, 1, 0, 2])
        #expect(table.touchedRows.values == [4, 0, 2])
        #expect(table.gradient.rows == 3 && table.gradient.columns == 2)
    }
}
