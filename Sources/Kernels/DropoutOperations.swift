internal import CKernels
internal import Parallel

/// The random decisions of dropout, computed where they are used rather than drawn one after another.
///
/// An element is kept or dropped by the seed, the layer, the training step and its position alone. Neither the number of threads nor what
/// was computed before plays a part, so that a resumed run drops the same units.
///
/// ```swift
/// let draw = DropoutDraw(rate: 0.1, seed: 1, site: 0, step: 100)
/// backend.drop(source, draw, into: target)
/// ```
public struct DropoutDraw: Sendable {
    /// Probability that an element becomes zero, in 0 ..< 1.
    public let rate: Float
    /// Seed, site and step combined; the key of the random numbers.
    @_spi(HostMemory) public let site: UInt64
    @_spi(HostMemory) public let step: UInt64
    private let key: UInt64
    /// An element is dropped if its 32 random bits are below this.
    @_spi(HostMemory) public let threshold: UInt32

    /// - `site`: a number for the layer, unique in the network.
    /// - `step`: the training step.
    public init(rate: Float, seed: UInt64, site: Int, step: Int) {
        precondition(rate >= 0 && rate < 1)
        self.rate = rate
        threshold = UInt32(Double(rate) * 0x1p32)
        self.site = SplitMix64.mix(SplitMix64.mix(seed) ^ UInt64(bitPattern: Int64(site)))
        self.step = UInt64(bitPattern: Int64(step))
        key = SplitMix64.mix(self.site ^ self.step)
    }

    /// Returns the factor of the element at `position`: 0 with probability `rate`, otherwise 1 / (1 - rate).
    public func factor(at position: Int) -> Float {
        let half = bits(position & ~1) >> (position % 2 == 0 ? 0 : 32)
        return UInt32(truncatingIfNeeded: half) < threshold ? 0 : 1 / (1 - rate)
    }

    /// Random bits of the element at `position`, which must be even, and of the next one: 32 each.
    func bits(_ position: Int) -> UInt64 { SplitMix64.mix(key &+ UInt64(position) &* 0xD134_2543_DE82_EF95) }

    /// Calls `body` with the index and the factor of each of `count` elements starting at `position`.
    @inline(__always)
    func forEachFactor(
        _ count: Int, at position: Int, by kernels: ProcessorKernels, _ body: (_ index: Int, _ factor: Float) -> Void
    ) {
        // 1,024 bytes is the most that Swift allocates on the stack here.
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { space in
            guard let factors = space.baseAddress else { return }
            var first = 0
            while first < count {
                // The kernel must start at an even position.
                let skipped = (position + first) % 2, run = min(count - first, space.count - skipped)
                kernels.drop(
                    key, UInt64(position + first - skipped), threshold, 1 / (1 - rate), factors, skipped + run)
                for index in 0..<run { body(first + index, factors[skipped + index]) }
                first += run
            }
        }
    }
}

extension ProcessorBackend {
    public func fill(_ mask: Matrix, with draw: DropoutDraw) {
        precondition(mask.isDense)
        pool.run(MaskRows(mask: mask, draw: draw, kernels: kernels))
    }

    public func drop(_ source: Matrix, _ draw: DropoutDraw?, into target: Matrix) {
        precondition(source.rows == target.rows && source.columns == target.columns)
        pool.run(DroppedRows(source: source, target: target, draw: draw, kernels: kernels))
    }

    public func addResidual(_ input: Matrix, bias: Matrix, _ draw: DropoutDraw?, to values: Matrix) {
        precondition(input.rows == values.rows && input.columns == values.columns && bias.columns == values.columns)
        pool.run(ResidualRows(input: input, values: values, bias: bias.start, draw: draw, kernels: kernels))
    }

    public func addResidualBackward(_ gradient: Matrix, _ draw: DropoutDraw?, into target: Matrix, biasGradient: Matrix) {
        precondition(gradient.rows == target.rows && gradient.columns == target.columns && biasGradient.columns == target.columns)
        let dropped = DroppedRows(source: gradient, target: target, draw: draw, kernels: kernels)
        run(ResidualRowsBackward(dropped: dropped), addingTo: biasGradient.start)
    }
}

private struct MaskRows: RowJob {
    let mask: Matrix
    let draw: DropoutDraw
    let kernels: ProcessorKernels

    var rows: Int { mask.rows }
    var columns: Int { mask.columns }

    func run(row: Int) {
        let target = mask.row(row)
        draw.forEachFactor(columns, at: row * columns, by: kernels) { target[$0] = $1 }
    }
}

private struct DroppedRows: RowJob {
    let source, target: Matrix
    let draw: DropoutDraw?
    let kernels: ProcessorKernels

    var rows: Int { source.rows }
    var columns: Int { source.columns }

    func run(row: Int) {
        let source = source.row(row), target = target.row(row)
        if let draw {
            draw.forEachFactor(columns, at: row * columns, by: kernels) { target[$0] = source[$0] * $1 }
        } else if source != target {
            target.update(from: source, count: columns)
        }
    }
}

private struct ResidualRows: RowJob {
    let input, values: Matrix
    let bias: UnsafeMutablePointer<Float>
    let draw: DropoutDraw?
    let kernels: ProcessorKernels

    var rows: Int { values.rows }
    var columns: Int { values.columns }

    func run(row: Int) {
        let input = input.row(row), values = values.row(row)
        if let draw {
            draw.forEachFactor(columns, at: row * columns, by: kernels) { values[$0] = input[$0] + (values[$0] + bias[$0]) * $1 }
        } else {
            for index in 0..<columns { values[index] = input[index] + (values[index] + bias[index]) }
        }
    }
}

/// Computes gradients of rows behind dropout, as `DroppedRows` does, and their sum: the gradient of the bias added before dropout.
private struct ResidualRowsBackward: SummedRowJob {
    let dropped: DroppedRows

    var rows: Int { dropped.rows }
    var columns: Int { dropped.columns }

    func run(row: Int, sums: UnsafeMutablePointer<Float>) {
        dropped.run(row: row)
        Vector.add(dropped.target.row(row), to: sums, count: columns)
    }
}
