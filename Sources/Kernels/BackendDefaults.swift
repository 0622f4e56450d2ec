/// Implementations for backends that compute in the host's memory and have finished an operation when it returns.
extension Backend {
    public func allocate(_ count: Int) -> FloatBuffer { FloatBuffer(count: count) }
    public func allocateShared(_ count: Int) -> FloatBuffer { FloatBuffer(count: count) }
    public func allocateWeights(_ count: Int) -> FloatBuffer { FloatBuffer(count: count) }
    public var weightBytes: Int { 4 }
    public func beginSquaredNorm(_ matrix: Matrix) {}
    public func wait() {}
    public func mark() -> any WorkMark { DoneWork() }
    public func follow(_ mark: any WorkMark) {}
    public func deliver(_ source: Matrix, to target: Matrix, after marks: [any WorkMark]) -> any WorkMark {
        copy(source, to: target)
        return mark()
    }
    public var freeBytes: Int { 0 }
    public var computesInHostMemory: Bool { true }
    public var factorElement: Matrix.Element { .float32 }
    public func repeating(_ key: RecordKey?, _ body: () -> Void) { body() }
    public var normSumRows: Int { 0 }
    public func stepParts(rows: Int, depth: Int, columns: Int) -> Int { 1 }
    public func multiply(_ left: Matrix, _ right: PackedFactor, intoParts parts: Matrix) {
        preconditionFailure("products are made whole here")
    }

    public func endStep(_ values: Matrix, _ ending: StepEnding, into output: Matrix) {
        if ending.clip < .infinity { clip(values, to: ending.clip) }
        if let norm = ending.norm {
            layerNorm(
                values, gain: norm.gain, bias: norm.bias, epsilon: norm.epsilon, into: output, statistics: norm.statistics)
        } else if ending.copies {
            copy(values, to: output)
        }
        if let factors = ending.factors { multiply(output, by: factors) }
    }

    public func endStepBackward(_ values: Matrix, _ ending: StepEnding, gradient: Matrix, into result: Matrix) {
        if let factors = ending.factors { multiply(gradient, by: factors) }
        if let norm = ending.norm {
            layerNormBackward(
                values, gain: norm.gain, statistics: norm.statistics, gradient: gradient, residual: nil,
                gainGradient: norm.gainGradient ?? norm.gain, biasGradient: norm.biasGradient ?? norm.bias)
        }
        if ending.clip < .infinity { maskClipped(gradient, by: values, bound: ending.clip) }
    }
}

/// Further operations, composed of those of the backend.
extension Backend {
    /// Attributes the time from now on to a phase, in the current part of the network.
    public func enter(_ phase: Phase) { enter(phase, of: nil) }

    /// result = left * right
    public func multiply(_ left: some Factor, _ right: some Factor, into result: Matrix) {
        multiply(left, right, into: result, adding: false)
    }

    /// result = left * right, with a right factor that is already packed.
    public func multiply(_ left: some Factor, _ right: PackedFactor, into result: Matrix) {
        multiply(left, right, into: result, adding: false)
    }

    /// target[i] = table[rows[i]]
    public func gather(_ rows: [Int], of table: Matrix, into target: Matrix) {
        let buffer = allocateShared(rows.count), numbers = Numbers(buffer, count: rows.count)
        for (index, row) in rows.enumerated() { numbers[index] = Int32(row) }
        gather(numbers, of: table, into: target)
        wait()
        withExtendedLifetime(buffer) {}
    }

    /// Packs a factor permanently, in memory of its own.
    public func packed(_ factor: some Factor) -> PackedFactor {
        let operand = factor.operand
        let memory = allocate(packedCount(rows: operand.rows, columns: operand.columns))
        var packed = pack(operand, into: Matrix(memory, rows: 1, columns: memory.count))
        packed.memory = memory
        return packed
    }

    /// Copies the host's floats, in row order, to `target`.
    public func write(_ values: [Float], to target: Matrix) {
        values.withUnsafeBufferPointer { write($0, to: target) }
    }

    /// Returns where each row's target stands among the columns of `right`; see `scoreSums`.
    /// - `targets`: a column for each row, [rows].
    public func candidateScores(
        _ left: Matrix, _ right: PackedFactor, prior: Matrix, scale: Float = 1, targets: [Int]
    ) -> [CandidateScores] {
        let values = values(left, right, at: targets), priors = read(prior)
        let own = zip(targets, values).map { ScoreTarget(value: $1, prior: priors[$0]) }
        let sums = scoreSums(left, right, prior: prior, scale: scale, targets: own, moments: false)
        return zip(own, sums).map { target, sums in
            CandidateScores(
                sums, targetScore: Double(target.prior.addingProduct(scale, target.value)), count: right.columns)
        }
    }

    /// Returns the mean and variance of each row's values under the softmax of its scores; see `scoreSums`.
    public func valueMoments(
        _ left: Matrix, _ right: PackedFactor, prior: Matrix, scale: Float
    ) -> [(mean: Double, variance: Double)] {
        let targets = [ScoreTarget](repeating: .none, count: left.rows)
        return scoreSums(left, right, prior: prior, scale: scale, targets: targets, moments: true).map { ($0.mean, $0.variance) }
    }
}
