/// Rows whose sums make the vectors of words, [count, dimension]: the words' and n-grams' rows of a fastText model, in a
/// mapped file or in memory.
protocol SummableRows: Sendable {
    var count: Int { get }
    var dimension: Int { get }

    /// `sum`, [dimension], += each of the rows `numbers`, one after the other: the order decides the last bits, and it is
    /// fastText's.
    func add(_ numbers: UnsafeBufferPointer<Int>, to sum: UnsafeMutableBufferPointer<Float>)
}

extension SummableRows {
    func add(_ row: Int, to sum: UnsafeMutableBufferPointer<Float>) {
        withUnsafePointer(to: row) { add(UnsafeBufferPointer(start: $0, count: 1), to: sum) }
    }

    /// Adds the rows that `produce` names to `sum`, and returns how many they are.
    func addAll(
        to sum: UnsafeMutableBufferPointer<Float>, _ produce: (_ row: (Int) -> Void) -> Void
    ) -> Int {
        // Several at a time, so that the waits for memory overlap.
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 32) { waiting in
            var filled = 0, total = 0
            func flush() {
                add(UnsafeBufferPointer(rebasing: waiting[..<filled]), to: sum)
                total += filled
                filled = 0
            }
            produce { row in
                waiting[filled] = row
                filled += 1
                if filled == waiting.count { flush() }
            }
            flush()
            return total
        }
    }
}

/// row *= factor
func scale(_ row: UnsafeMutableBufferPointer<Float>, by factor: Float) {
    for index in row.indices { row[index] *= factor }
}
