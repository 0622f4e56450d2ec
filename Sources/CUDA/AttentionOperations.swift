@_spi(HostMemory) public import Kernels

// Attention: cuBLAS products for many heads at once, and what lies between them. Scores are computed for a limited number of heads
// at a time, so that memory is bounded whatever the window.
extension CUDABackend {
    /// The heads of all sequences, as kernels and products need them.
    private struct Heads {
        let attention: Attention
        let steps, size: Int

        init(_ attention: Attention, _ input: Matrix) {
            self.attention = attention
            steps = input.rows / attention.batch
            size = attention.size(input)
            precondition(attention.starts == nil, "sequences lie side by side on a GPU")
            precondition(input.rows == steps * attention.batch && input.columns == 3 * attention.heads * size)
        }

        var count: Int { attention.batch * attention.heads }
        /// Number of heads at a time.
        var most: Int { max(1, min(count, Attention.mostDeviceScores / (steps * steps))) }

        func forEachRun(_ body: (Range<Int>) -> Void) {
            for first in stride(from: 0, to: count, by: most) { body(first..<min(first + most, count)) }
        }

        func argument(_ heads: Range<Int>, lengths: DeviceAddress) -> DeviceHeads {
            DeviceHeads(
                lengths: lengths, first: Int32(heads.lowerBound), heads: Int32(attention.heads), steps: Int32(steps),
                isCausal: attention.isCausal ? 1 : 0, scale: 1 / Float(size).squareRoot())
        }
    }

    /// `Heads` in the layout of the kernels.
    private struct DeviceHeads: BitwiseCopyable {
        let lengths: DeviceAddress
        let first, heads, steps, isCausal: Int32
        let scale: Float
    }

    public func attend(_ attention: Attention, _ input: Matrix, into output: Matrix) {
        let heads = Heads(attention, input), own = half(input, .left), lengths = attention.lengths.map { resident($0, .numbers) } ?? 0
        let scores = scratchMatrix(.scores, rows: heads.most * heads.steps, columns: heads.steps)
        let room = room(.weights, scores)
        heads.forEachRun { run in
            let scores = scores.rows(0..<run.count * heads.steps), weights = room.rows(0..<scores.rows)
            multiply(part(0, of: own, heads, run), part(1, of: own, heads, run).transposed, square(scores, heads), heads, run)
            launch(
                .attentionWeights, blocks: warpBlocks(scores.rows), heads.argument(run, lengths: lengths), DeviceMatrix(scores),
                deviceDraw(attention.dropout), DeviceMatrix(weights))
            multiply(square(weights, heads), part(2, of: own, heads, run), part(0, of: output, heads, run, parts: 1), heads, run)
        }
    }

    public func attendBackward(
        _ attention: Attention, _ input: Matrix, outputGradient: Matrix, into inputGradient: Matrix, biasGradient: Matrix
    ) {
        let heads = Heads(attention, input), own = half(input, .left), above = half(outputGradient, .right)
        let lengths = attention.lengths.map { resident($0, .numbers) } ?? 0
        let scores = scratchMatrix(.scores, rows: heads.most * heads.steps, columns: heads.steps)
        let slopes = scratchMatrix(.slopes, rows: heads.most * heads.steps, columns: heads.steps)
        let weightRoom = room(.weights, scores), slopeRoom = room(.bentSlopes, slopes)
        heads.forEachRun { run in
            let rows = 0..<run.count * heads.steps, scores = scores.rows(rows), slopes = slopes.rows(rows)
            let weights = weightRoom.rows(rows), below = slopeRoom.rows(rows), gradient = part(0, of: above, heads, run, parts: 1)
            multiply(part(0, of: own, heads, run), part(1, of: own, heads, run).transposed, square(scores, heads), heads, run)
            multiply(gradient, part(2, of: own, heads, run).transposed, square(slopes, heads), heads, run)
            launch(
                .attentionSlopes, blocks: warpBlocks(scores.rows), heads.argument(run, lengths: lengths), DeviceMatrix(scores),
                DeviceMatrix(slopes), deviceDraw(attention.dropout), DeviceMatrix(weights), DeviceMatrix(below))
            let (weightSquare, slopeSquare) = (square(weights, heads), square(below, heads))
            multiply(slopeSquare, part(1, of: own, heads, run), part(0, of: inputGradient, heads, run), heads, run)
            multiply(slopeSquare.transposed, part(0, of: own, heads, run), part(1, of: inputGradient, heads, run), heads, run)
            multiply(weightSquare.transposed, gradient, part(2, of: inputGradient, heads, run), heads, run)
        }
        addColumnSums(of: inputGradient, to: biasGradient)
    }

    /// Returns dense scratch memory for a matrix in the precision of products.
    private func half(_ matrix: Matrix, _ use: Scratch) -> Matrix {
        precondition(matrix.isDense)
        guard precision == .bfloat16 && matrix.element == .float32 else { return matrix }
        let target = scratchMatrix(use, rows: matrix.rows, columns: matrix.columns, element: .bfloat16)
        launchElements(.toBFloat16s, matrix, DeviceMatrix(matrix), DeviceMatrix(target))
        return target
    }

    /// Returns memory for what replaces the scores: scratch memory in the precision of products, or the scores themselves if they
    /// have that precision.
    private func room(_ use: Scratch, _ scores: Matrix) -> Matrix {
        guard precision == .bfloat16 else { return scores }
        return scratchMatrix(use, rows: scores.rows, columns: scores.columns, element: .bfloat16)
    }

    /// A factor for each of some heads, or the result of a product.
    private struct Batched {
        let start: DeviceAddress
        let stride, step: Int
        let type: CInt
        var isTransposed = false

        var transposed: Batched {
            var result = self
            result.isTransposed.toggle()
            return result
        }
    }

    /// Returns part `part` of `parts` of each head's numbers in a row, [steps, size].
    private func part(_ part: Int, of matrix: Matrix, _ heads: Heads, _ run: Range<Int>, parts: Int = 3) -> Batched {
        precondition(matrix.isDense && matrix.columns == parts * heads.attention.heads * heads.size)
        let first = (run.lowerBound * parts + part) * heads.size
        return Batched(
            start: address(matrix.start) + UInt64(first * matrix.element.size), stride: heads.attention.batch * matrix.stride,
            step: parts * heads.size, type: type(matrix))
    }

    /// Returns the scores or weights of each head, [steps, steps].
    private func square(_ matrix: Matrix, _ heads: Heads) -> Batched {
        Batched(start: address(matrix.start), stride: heads.steps, step: heads.steps * heads.steps, type: type(matrix))
    }

    /// Multiplies for each of some heads; `result` is [steps, steps] if the right factor is transposed, otherwise [steps, size].
    private func multiply(_ left: Batched, _ right: Batched, _ result: Batched, _ heads: Heads, _ run: Range<Int>) {
        let columns = right.isTransposed ? heads.steps : heads.size, depth = right.isTransposed ? heads.size : heads.steps
        func factor(_ factor: Batched) -> CuBLAS.Factor {
            CuBLAS.Factor(start: factor.start, stride: factor.stride, isTransposed: factor.isTransposed, type: factor.type)
        }
        multiply(
            (factor(left), left.step), (factor(right), right.step), rows: heads.steps, columns: columns, depth: depth,
            into: (factor(result), result.step), count: run.count)
    }
}
