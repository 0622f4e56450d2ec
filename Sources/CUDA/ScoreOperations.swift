@_spi(HostMemory) public import Kernels

/// Sums over all candidates at one row, in the layout of the kernel.
private struct DeviceScore: BitwiseCopyable {
    var highest = 0.0, zeroth = 0.0, first = 0.0, second = 0.0
    var higherValues: Int32 = 0, higherScores: Int32 = 0
}

// Scores of candidates: products of some rows at a time, which are scored in place.
extension CUDABackend {
    /// Number of floats in the products of a block.
    private static let blockFloats = 1 << 26

    /// Calls `body` with each block of rows and its products with all candidates.
    private func forEachBlock(_ left: Matrix, _ right: PackedFactor, _ body: (Range<Int>, Matrix) -> Void) {
        let height = max(1, min(left.rows, Self.blockFloats / max(1, right.columns)))
        for first in stride(from: 0, to: left.rows, by: height) {
            let rows = first..<min(first + height, left.rows)
            let products = scratchMatrix(.values, rows: rows.count, columns: right.columns)
            multiply(left.rows(rows), right, into: products, adding: false)
            body(rows, products)
        }
    }

    public func values(_ left: Matrix, _ right: PackedFactor, at columns: [Int]) -> [Float] {
        precondition(columns.count == left.rows && columns.allSatisfy { $0 < right.columns })
        guard left.rows > 0 else { return [] }
        let memory = allocateShared(2 * left.rows), places = Numbers(memory, count: left.rows)
        for (row, column) in columns.enumerated() { places[row] = Int32(column) }
        let values = memory.start + left.rows
        forEachBlock(left, right) { rows, products in
            launch(
                .pickValues, blocks: blocks(rows.count), DeviceMatrix(products), address(places.pointer + rows.lowerBound),
                address(values + rows.lowerBound))
        }
        wait()
        return Array(UnsafeBufferPointer(start: values, count: left.rows))
    }

    public func scoreSums(
        _ left: Matrix, _ right: PackedFactor, prior: Matrix, scale: Float, targets: [ScoreTarget], moments: Bool
    ) -> [ScoreSums] {
        precondition(targets.count == left.rows && prior.columns == right.columns)
        guard left.rows > 0 else { return [] }
        let floats = MemoryLayout<DeviceScore>.stride / 4 * left.rows
        let memory = allocateShared(2 * left.rows + floats)
        let scores = UnsafeMutableRawPointer(memory.start).bindMemory(to: DeviceScore.self, capacity: left.rows)
        let own = UnsafeMutableRawPointer(memory.start + floats).bindMemory(to: ScoreTarget.self, capacity: left.rows)
        for (row, target) in targets.enumerated() { own[row] = target }
        forEachBlock(left, right) { rows, products in
            launch(
                .addScores, blocks: rowBlocks(rows.count), DeviceMatrix(products), address(prior), scale,
                address(own + rows.lowerBound), address(scores + rows.lowerBound))
        }
        wait()
        return withExtendedLifetime(memory) {
            (0..<left.rows).map { row in
                let score = scores[row]
                return ScoreSums(
                    highest: score.highest, sums: (score.zeroth, score.first, score.second),
                    higherValues: Int(score.higherValues), higherScores: Int(score.higherScores))
            }
        }
    }
}
