@_spi(HostMemory) import Kernels
import Layers
import Testing

/// Gradients of some rows, added up over lanes.
struct RowGradientTests {
    private func table() -> ParameterStore {
        var plan = Plan(ProcessorBackend(), capacity: WindowCapacity(batch: 1, rows: 1), isTraining: true)
        _ = plan.parameter("rows", [200, 3], isSparse: true)
        return ParameterStore(plan.own, training: Adam(), backend: ProcessorBackend())
    }

    /// Touches rows in some order; the gradient of a row is its number and `shift`.
    private func touch(_ store: ParameterStore, _ numbers: [Int32], shift: Float) -> RowGradient {
        let table = store.sparseRows[0], memory = FloatBuffer(count: numbers.count), rows = Numbers(memory, count: numbers.count)
        for (index, number) in numbers.enumerated() { rows[index] = number }
        table.touch(rows)
        for (index, number) in numbers.enumerated() { table.gradient.rows(index..<index + 1).fill(Float(number) + shift) }
        let gradient = RowGradient(of: table)
        gradient.take(from: table)
        #expect(table.touchedCount == 0)
        return gradient
    }

    @Test func rowsAreSortedAndAdded() {
        let store = table()
        let one = touch(store, [130, 5, 64, 199], shift: 0.5), other = touch(store, [0, 64, 5, 63], shift: 0.25)
        #expect((0..<one.count).map { one.rows[$0] } == [5, 64, 130, 199])
        let sum = RowGradient(of: store.sparseRows[0])
        sum.add(one, other)
        #expect((0..<sum.count).map { sum.rows[$0] } == [0, 5, 63, 64, 130, 199])
        #expect((0..<sum.count).map { sum.gradient.row($0)[2] } == [0.25, 10.75, 63.25, 128.75, 130.5, 199.5])
        sum.put(into: store.sparseRows[0])
        #expect(store.sparseRows[0].touchedCount == 6 && store.sparseRows[0].gradient.row(3)[0] == 128.75)
    }

    @Test func nothingAndSomething() {
        let store = table(), none = touch(store, [], shift: 0), some = touch(store, [7], shift: 0)
        let sum = RowGradient(of: store.sparseRows[0])
        sum.add(none, some)
        #expect(sum.count == 1 && sum.rows[0] == 7)
        sum.add(none, none)
        #expect(sum.count == 0)
    }
}
