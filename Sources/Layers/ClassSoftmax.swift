internal import Kernels
internal import Parallel

/// The softmax over classes and its negative log-likelihood, with gradients:
///
///     log p(class | x) = x . W[class] + b[class] - log(sum over c of e^(x . W[c] + b[c]))
///
/// With logits too many to keep, loss and gradients are made chunk by chunk of the rows. Logits lie class by class, so
/// that the weights are packed for products as they are, and the sums over classes are vectors over rows.
public final class ClassSoftmax {
    public let inputs, classes: Int
    public let weights: ClassWeights
    private let memory: LogitsMemory
    private let sums: SoftmaxSums
    /// States, each times its factor: [chunk, inputs].
    private let scaled: FloatBuffer
    private let packed: PackedMatrix

    /// - Parameters:
    ///   - weight, bias: declared by the caller, who may use the weights elsewhere too.
    ///   - rows: the most that come at once.
    public init(weight: Parameter, bias: Parameter?, rows: Int, memory: LogitsMemory) {
        classes = weight.shape[0]
        inputs = weight.shape[1]
        weights = ClassWeights(weight: weight, bias: bias)
        self.memory = memory
        let chunk = min(rows, memory.rows(classes: classes))
        precondition(chunk > 0 || rows == 0, "the logits' memory holds no row of \(classes) classes")
        sums = SoftmaxSums(rows: chunk)
        scaled = FloatBuffer(count: chunk * inputs)
        packed = PackedMatrix(rows: inputs, columns: chunk)
    }

    /// The sum over rows of factor x -log p(class), and its gradients: adds those of weight and bias, which must not be
    /// sparse, and writes that of the states.
    ///
    /// - Parameters:
    ///   - states: [rows, inputs]
    ///   - targets: [rows]
    ///   - factors: what each row counts.
    func accumulate(
        _ states: Matrix, targets: UnsafePointer<Int32>, factors: RowFactors, statesGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute
    ) -> Double {
        let gradient = parameters.gradient(weight)
        let biasGradient = bias.map { parameters.gradient($0).start }
        let values = parameters.value(weight)
        return forEachChunk(states, targets, factors, parameters, compute) { chunk, logits in
            compute.enter(.loss)
            let scaled = Matrix(scaled, rows: chunk.count, columns: inputs)
            sums.exponentials(of: logits, bias: biasStart(parameters), compute)
            // e^(logit - highest) stays in place of the logits; the rest of the probability goes into the states.
            for row in 0..<chunk.count {
                let factor = Float(factors[chunk.lowerBound + row] / sums.total(row))
                sums.factors.start[row] = factor
                Vector.scaled(states.row(chunk.lowerBound + row), by: factor, into: scaled.row(row), count: inputs)
            }
            if let biasGradient { sums.addWeighted(logits, to: biasGradient, compute) }
            compute.enter(.outputProducts)
            compute.multiply(logits, scaled, into: gradient, adding: true)
            let below = statesGradient.rows(chunk)
            compute.multiply(logits.transposed, values, into: below)
            compute.enter(.loss)
            for row in 0..<chunk.count {
                let target = Int(targets[chunk.lowerBound + row])
                let factor = Float(factors[chunk.lowerBound + row])
                Vector.scale(below.row(row), by: sums.factors.start[row], count: inputs)
                guard factor != 0 else { continue }
                Vector.add(values.row(target), times: -factor, to: below.row(row), count: inputs)
                Vector.add(
                    states.row(chunk.lowerBound + row), times: -factor, to: gradient.row(target), count: inputs)
                biasGradient?[target] -= factor
            }
        }
    }

    /// [classes, inputs]
    public var weight: Parameter { weights.weight }
    /// [classes]
    public var bias: Parameter? { weights.bias }
    private var chunkRows: Int { sums.rows }

    private func biasStart(_ parameters: ParameterStore) -> UnsafePointer<Float>? {
        bias.map { UnsafePointer(parameters.value($0).start) }
    }

    /// Without the bias: [classes, rows].
    private func logits(_ states: Matrix, _ parameters: ParameterStore, _ compute: Compute) -> Matrix {
        compute.enter(.outputProducts)
        let logits = Matrix(memory.buffer, rows: classes, columns: states.rows)
        compute.pack(states.transposed, into: packed)
        compute.multiply(parameters.value(weight), packed, into: logits)
        compute.enter(.loss)
        return logits
    }

    /// Calls `body` with each chunk's rows and logits, which must make `sums` of them; returns the loss.
    private func forEachChunk(
        _ states: Matrix, _ targets: UnsafePointer<Int32>, _ factors: RowFactors, _ parameters: ParameterStore,
        _ compute: Compute, _ body: (_ chunk: Range<Int>, _ logits: Matrix) -> Void
    ) -> Double {
        let bias = biasStart(parameters)
        defer { compute.enter(.other) }
        var loss = 0.0, first = 0
        while first < states.rows {
            let chunk = first..<min(states.rows, first + chunkRows)
            let logits = logits(states.rows(chunk), parameters, compute)
            sums.highest(of: logits, bias: bias, compute)
            // Before their exponentials take their place.
            for row in 0..<chunk.count {
                let target = Int(targets[chunk.lowerBound + row])
                sums.targets.start[row] = logits.row(target)[row] + (bias?[target] ?? 0)
            }
            body(chunk, logits)
            for row in 0..<chunk.count {
                let factor = factors[chunk.lowerBound + row]
                if factor != 0 { loss += factor * (sums.logTotal(row) - Double(sums.targets.start[row])) }
            }
            first = chunk.upperBound
        }
        return loss
    }

    public var activationBytes: Int { sums.bytes + scaled.bytes + packed.bytes }
}
