internal import CKernels
internal import Glibc
internal import Parallel
internal import Synchronization

/// Scaled dot-product attention of several heads over the sequences of a window (Vaswani et al. 2017, section 3.2):
///
///     output = dropout(softmax(Q K^T / sqrt(size))) V           for each sequence and head, all [steps, size]
///
/// Rows are time-major like those of a window: row t * batch + b is step t of sequence b. A row of the input holds query, key and
/// value of the first head, then those of the second, and so on: [rows, heads x 3 size]. A row of the output holds the heads side
/// by side: [rows, heads x size]. On the processor, sequences may also lie one after the other (`starts`).
///
/// ```swift
/// let attention = Attention(heads: 8, batch: 16, isCausal: true)
/// backend.attend(attention, input, into: output)
/// ```
public struct Attention: Sendable {
    /// Number of heads.
    public let heads: Int
    /// Number of sequences.
    public let batch: Int
    /// True if a step attends to itself and earlier steps only, false if it attends to all steps.
    public let isCausal: Bool
    /// Lengths of the sequences in steps, [batch]; `nil` means all steps. Output rows past the end of a sequence are zeros, and no
    /// step attends to them.
    public let lengths: Numbers?
    /// First row of each sequence, [batch], if sequences lie one after the other. `lengths` is then required, and together the
    /// lengths cover all rows.
    public let starts: Numbers?
    /// The dropout decision for each of the steps x steps attention weights of a sequence and head; `nil` means no dropout.
    public let dropout: DropoutDraw?

    /// Number of scores that a device holds at a time: whole heads up to this number, and at least one head.
    public static let mostDeviceScores = 1 << 24

    /// Describes attention over a window. `starts` requires `lengths`.
    public init(
        heads: Int, batch: Int, isCausal: Bool, lengths: Numbers? = nil, starts: Numbers? = nil, dropout: DropoutDraw? = nil
    ) {
        precondition(starts == nil || lengths != nil, "sequences one behind the other have lengths")
        (self.heads, self.batch, self.isCausal) = (heads, batch, isCausal)
        (self.lengths, self.starts, self.dropout) = (lengths, starts, dropout)
    }

    /// Size of one head, from an input of shape [rows, heads x 3 size].
    @_spi(HostMemory) public func size(_ input: Matrix) -> Int { input.columns / (3 * heads) }
}

extension ProcessorBackend {
    /// Scaled dot-product attention; see `Attention` for shapes.
    public func attend(_ attention: Attention, _ input: Matrix, into output: Matrix) {
        let shape = AttentionHeads(attention, input, kernels: kernels)
        precondition(output.rows == input.rows && output.columns == attention.heads * shape.size)
        operations += shape.productOperations * 2
        let tasks = min(pool.threads, shape.count)
        pool.run(
            AttentionForward(heads: shape, output: output, memory: scratch(tasks * shape.forwardFloats), tasks: tasks))
    }

    /// The backward pass of `attend`; see `Backend.attendBackward`.
    public func attendBackward(
        _ attention: Attention, _ input: Matrix, outputGradient: Matrix, into inputGradient: Matrix, biasGradient: Matrix
    ) {
        let shape = AttentionHeads(attention, input, kernels: kernels)
        precondition(outputGradient.rows == input.rows && inputGradient.columns == input.columns)
        precondition(biasGradient.columns == input.columns)
        operations += shape.productOperations * 5
        let tasks = min(pool.threads, shape.count), sumFloats = (attention.batch * input.columns).groups(of: 16) * 16
        let memory = scratch(sumFloats + tasks * shape.backwardFloats)
        let sums = Matrix(memory, rows: attention.batch, columns: input.columns, stride: input.columns)
        pool.run(
            AttentionBackward(
                heads: shape, outputGradient: outputGradient, inputGradient: inputGradient, sums: sums,
                memory: memory + sumFloats, tasks: tasks))
        addColumnSums(of: sums, to: biasGradient)
    }
}

/// The heads of all sequences of a window, each a task for one thread, and the memory that a task needs. Memory grows linearly with
/// the window, not quadratically: only the softmax of one block of queries exists at a time, and the backward pass recomputes it.
private struct AttentionHeads {
    let attention: Attention
    let input: Matrix
    let kernels: ProcessorKernels
    let steps, size: Int

    /// Queries in a block. Blocks start at the same steps in every sequence, so that no result depends on later steps.
    static let block = 64

    init(_ attention: Attention, _ input: Matrix, kernels: ProcessorKernels) {
        self.attention = attention
        self.input = input
        self.kernels = kernels
        size = attention.size(input)
        precondition(input.columns == 3 * attention.heads * size)
        if attention.starts != nil, let lengths = attention.lengths {
            steps = (0..<attention.batch).reduce(0) { max($0, Int(lengths[$1])) }
        } else {
            steps = input.rows / attention.batch
            precondition(input.rows == steps * attention.batch)
        }
    }

    var count: Int { attention.batch * attention.heads }
    var scale: Float { 1 / Float(size).squareRoot() }

    /// Multiplications and additions in a product of all queries with all keys.
    var productOperations: Double {
        2 * Double(count) * Double(size) * Double(steps) * Double(attention.isCausal ? steps + 1 : 2 * steps) / 2
    }

    func length(_ sequence: Int) -> Int { attention.lengths.map { min(Int($0[sequence]), steps) } ?? steps }

    /// Returns the queries (0), keys (1) or values (2) of one head for some steps of a sequence.
    func part(_ part: Int, of matrix: Matrix, _ sequence: Int, _ head: Int, _ steps: Range<Int>) -> Matrix {
        columns(of: matrix, sequence, (3 * head + part) * size, steps)
    }

    /// Returns `size` columns of some steps of a sequence.
    func columns(of matrix: Matrix, _ sequence: Int, _ first: Int, _ steps: Range<Int>) -> Matrix {
        Matrix(
            matrix.row(row(steps.lowerBound, sequence)) + first, rows: steps.count, columns: size,
            stride: (attention.starts == nil ? attention.batch : 1) * matrix.stride)
    }

    /// Returns the row of a step of a sequence.
    func row(_ step: Int, _ sequence: Int) -> Int {
        attention.starts.map { Int($0[sequence]) + step } ?? step * attention.batch + sequence
    }

    /// Calls `body` with each block of queries of a sequence.
    func forEachBlock(_ length: Int, _ body: (Range<Int>) -> Void) {
        var first = 0
        while first < length {
            body(first..<min(first + Self.block, length))
            first += Self.block
        }
    }

    /// Number of keys that at least one query of a block attends to.
    func keys(_ queries: Range<Int>, _ length: Int) -> Int { attention.isCausal ? queries.upperBound : length }

    /// Floats of a packed right factor of `depth` x `columns`.
    private func right(_ depth: Int, _ columns: Int) -> Int {
        RightPanels.size(depth: depth, columns: columns, width: kernels.columns).groups(of: 16) * 16
    }
    var keyFloats: Int { right(size, steps) }
    var valueFloats: Int { right(steps, size) }
    var queryFloats: Int { right(Self.block, size) }
    /// Floats of a packed left factor: a block of queries by all steps, or its transpose.
    var leftFloats: Int {
        max(
            LeftPanels.size(rows: Self.block, depth: max(steps, size)), LeftPanels.size(rows: steps, depth: Self.block)
        ).groups(of: 16) * 16
    }
    var scoreFloats: Int { (Self.block * stride).groups(of: 16) * 16 }
    /// Distance in floats between rows of scores.
    var stride: Int { steps.groups(of: 16) * 16 }

    var forwardFloats: Int { keyFloats + valueFloats + leftFloats + scoreFloats }
    var backwardFloats: Int { 2 * keyFloats + valueFloats + 2 * queryFloats + leftFloats + 2 * scoreFloats }

    /// Packs a right factor on one thread.
    func pack(_ factor: some Factor, at memory: UnsafeMutablePointer<Float>) -> RightPanels {
        let operand = factor.operand
        let panels = RightPanels(start: memory, depth: operand.rows, columns: operand.columns, kernels: kernels)
        panels.pack(FactorPart(factor: operand, row: 0, column: 0), panels: 0..<panels.count, steps: 0..<operand.rows)
        return panels
    }

    /// Computes result = left * right, or result += left * right, on one thread. `right` may be deeper than `left`.
    func multiply(
        _ left: some Factor, _ right: RightPanels, into result: Matrix, adding: Bool, packed memory: UnsafeMutablePointer<Float>
    ) {
        let left = left.operand, depth = left.columns
        var first = 0
        repeat {
            let count = min(ProcessorBackend.blockDepth, depth - first)
            let part = FactorPart(factor: left, row: 0, column: first)
            let panels = LeftPanels(memory, rows: left.rows, depth: count, kernels: kernels, order: part.leftOrder)
            panels.pack(part, panels: 0..<panels.count, steps: 0..<count)
            for panel in 0..<panels.count {
                let rows = panels.rows(panel), start = result.row(rows.lowerBound)
                kernels.multiplyStrip(
                    rows.count, result.columns, count, panels.panel(row: rows.lowerBound, height: rows.count, depth: 0),
                    panels.order == .steps, right.start + first * right.width, right.depth * right.width, start, result.stride,
                    ContourAddend(start: adding || first > 0 ? start : nil, stride: result.stride), ContourAhead())
            }
            first += count
        } while first < depth
    }

    /// Replaces each query's scores by their softmax over the keys it attends to, and all others by zeros.
    func softmax(_ scores: Matrix, _ queries: Range<Int>, _ length: Int) {
        let scale = SIMD8<Float>(repeating: scale)
        for (row, query) in queries.enumerated() {
            let count = attention.isCausal ? query + 1 : length, values = scores.row(row)
            var highest = SIMD8<Float>(repeating: -.infinity), index = 0
            while index + 8 <= count {
                let value = values[vector: index] * scale
                values[vector: index] = value
                highest = highest.replacing(with: value, where: value .> highest)
                index += 8
            }
            var top = highest.max()
            while index < count {
                values[index] *= scale[0]
                if values[index] > top { top = values[index] }
                index += 1
            }
            var sums = SIMD8<Float>(repeating: 0), rest: Float = 0
            index = 0
            while index + 8 <= count {
                let value = (values[vector: index] - top).exponential()
                values[vector: index] = value
                sums += value
                index += 8
            }
            while index < count {
                values[index] = SIMD8(repeating: values[index] - top).exponential()[0]
                rest += values[index]
                index += 1
            }
            Vector.scale(values, by: 1 / (sums.sum() + rest), count: count)
            (values + count).update(repeating: 0, count: scores.columns - count)
        }
    }

    /// Applies dropout to a block of attention weights or to their gradients.
    func drop(_ weights: Matrix, _ sequence: Int, _ head: Int, _ queries: Range<Int>) {
        guard let draw = attention.dropout else { return }
        for (row, query) in queries.enumerated() {
            let first = ((sequence * attention.heads + head) * steps + query) * steps, values = weights.row(row)
            draw.forEachFactor(weights.columns, at: first, by: kernels) { values[$0] *= $1 }
        }
    }

    /// Sets the rows past the end of a sequence to zero.
    func clearEnd(_ matrix: Matrix, _ sequence: Int, _ columns: Range<Int>, _ length: Int) {
        guard attention.starts == nil else { return }
        for step in length..<steps {
            (matrix.row(row(step, sequence)) + columns.lowerBound).update(repeating: 0, count: columns.count)
        }
    }
}

/// The heads that no task has started yet. Each task has memory of its own and takes one head after another.
private struct HeadQueue: ~Copyable {
    private let begun = Atomic<Int>(0)

    /// Returns the next head, or `nil` if none is left.
    func next(_ heads: AttentionHeads) -> (sequence: Int, head: Int)? {
        let index = begun.wrappingAdd(1, ordering: .relaxed).oldValue
        return index < heads.count ? (index / heads.attention.heads, index % heads.attention.heads) : nil
    }
}

private struct AttentionForward: ~Copyable, ParallelJob {
    let heads: AttentionHeads
    let output: Matrix
    let memory: UnsafeMutablePointer<Float>
    let tasks: Int
    let queue = HeadQueue()

    init(heads: AttentionHeads, output: Matrix, memory: UnsafeMutablePointer<Float>, tasks: Int) {
        (self.heads, self.output, self.memory, self.tasks) = (heads, output, memory, tasks)
    }

    func run(_ task: Int) {
        while let (sequence, head) = queue.next(heads) { attend(sequence, head, memory + task * heads.forwardFloats) }
    }

    private func attend(_ sequence: Int, _ head: Int, _ memory: UnsafeMutablePointer<Float>) {
        let heads = heads, input = heads.input, size = heads.size, length = heads.length(sequence)
        heads.clearEnd(output, sequence, head * size..<(head + 1) * size, length)
        guard length > 0 else { return }
        let left = memory + heads.keyFloats + heads.valueFloats, scores = left + heads.leftFloats
        let keys = heads.pack(heads.part(1, of: input, sequence, head, 0..<length).transposed, at: memory)
        let values = heads.pack(heads.part(2, of: input, sequence, head, 0..<length), at: memory + heads.keyFloats)
        heads.forEachBlock(length) { queries in
            let weights = Matrix(scores, rows: queries.count, columns: heads.keys(queries, length), stride: heads.stride)
            heads.multiply(
                heads.part(0, of: input, sequence, head, queries), keys, into: weights, adding: false, packed: left)
            heads.softmax(weights, queries, length)
            heads.drop(weights, sequence, head, queries)
            heads.multiply(
                weights, values, into: heads.columns(of: output, sequence, head * size, queries), adding: false, packed: left)
        }
    }
}

/// The backward pass. With P the softmax, M the dropout factors, and dO the gradient of the output:
///
///     dV = (P M)^T dO,  dP = M (dO V^T),  dS = P (dP - sum over keys of P dP) / sqrt(size),  dQ = dS K,  dK = dS^T Q
private struct AttentionBackward: ~Copyable, ParallelJob {
    let heads: AttentionHeads
    let outputGradient, inputGradient: Matrix
    /// Sums over the rows of each sequence's gradient: [batch, 3 heads x size].
    let sums: Matrix
    let memory: UnsafeMutablePointer<Float>
    let tasks: Int
    let queue = HeadQueue()

    init(
        heads: AttentionHeads, outputGradient: Matrix, inputGradient: Matrix, sums: Matrix, memory: UnsafeMutablePointer<Float>,
        tasks: Int
    ) {
        (self.heads, self.outputGradient, self.inputGradient, self.sums) = (heads, outputGradient, inputGradient, sums)
        (self.memory, self.tasks) = (memory, tasks)
    }

    func run(_ task: Int) {
        while let (sequence, head) = queue.next(heads) { goBack(sequence, head, memory + task * heads.backwardFloats) }
    }

    private func goBack(_ sequence: Int, _ head: Int, _ memory: UnsafeMutablePointer<Float>) {
        let heads = heads, input = heads.input, size = heads.size, length = heads.length(sequence)
        let columns = 3 * head * size..<3 * (head + 1) * size, sum = sums.row(sequence) + columns.lowerBound
        heads.clearEnd(inputGradient, sequence, columns, length)
        sum.update(repeating: 0, count: columns.count)
        guard length > 0 else { return }
        let valueMemory = memory + heads.keyFloats, rowMemory = valueMemory + heads.keyFloats
        let queryMemory = rowMemory + heads.valueFloats, gradientMemory = queryMemory + heads.queryFloats
        let left = gradientMemory + heads.queryFloats, scores = left + heads.leftFloats, slopes = scores + heads.scoreFloats
        let keys = heads.part(1, of: input, sequence, head, 0..<length)
        let keyColumns = heads.pack(keys.transposed, at: memory)
        let valueColumns = heads.pack(heads.part(2, of: input, sequence, head, 0..<length).transposed, at: valueMemory)
        let keyRows = heads.pack(keys, at: rowMemory)
        var isFirst = true
        heads.forEachBlock(length) { queries in
            let count = heads.keys(queries, length)
            let weights = Matrix(scores, rows: queries.count, columns: count, stride: heads.stride)
            let gradient = Matrix(slopes, rows: queries.count, columns: count, stride: heads.stride)
            let own = heads.part(0, of: input, sequence, head, queries)
            let above = heads.columns(of: outputGradient, sequence, head * size, queries)
            heads.multiply(own, keyColumns, into: weights, adding: false, packed: left)
            heads.softmax(weights, queries, length)
            heads.multiply(above, valueColumns, into: gradient, adding: false, packed: left)
            heads.drop(gradient, sequence, head, queries)
            for row in 0..<queries.count { bend(gradient.row(row), by: weights.row(row), count: count) }
            heads.drop(weights, sequence, head, queries)
            let queryRows = heads.pack(own, at: queryMemory), aboveRows = heads.pack(above, at: gradientMemory)
            // The first block of a causal head reaches only some of the keys; the gradients of the others start at zero.
            if isFirst && count < length {
                for part in 1...2 { heads.part(part, of: inputGradient, sequence, head, count..<length).fill(0) }
            }
            heads.multiply(
                gradient.transposed, queryRows, into: heads.part(1, of: inputGradient, sequence, head, 0..<count),
                adding: !isFirst, packed: left)
            heads.multiply(
                weights.transposed, aboveRows, into: heads.part(2, of: inputGradient, sequence, head, 0..<count),
                adding: !isFirst, packed: left)
            heads.multiply(
                gradient, keyRows, into: heads.part(0, of: inputGradient, sequence, head, queries), adding: false, packed: left)
            isFirst = false
        }
        for step in 0..<length {
            Vector.add(inputGradient.row(heads.row(step, sequence)) + columns.lowerBound, to: sum, count: columns.count)
        }
    }

    /// Turns the gradient of the attention weights into the gradient of the unscaled scores.
    private func bend(_ gradient: UnsafeMutablePointer<Float>, by weights: UnsafeMutablePointer<Float>, count: Int) {
        let mean = Float(Vector.dot(gradient, weights, count: count)), scale = heads.scale
        for index in 0..<count { gradient[index] = weights[index] * (gradient[index] - mean) * scale }
    }
}
