internal import Kernels

/// The softmax over classes and its negative log-likelihood, with gradients:
///
///     log p(class | x) = x . W[class] + b[class] - log(sum over c of e^(x . W[c] + b[c]))
///
/// With logits too many to keep, loss and gradients are made chunk by chunk of the rows. Logits lie class by class, so
/// that the weights are packed for products as they are, and the sums over classes are vectors over rows.
public struct ClassSoftmax: Sendable {
    public let weights: ClassWeights
    private let chunks: LogitChunks

    /// - Parameters:
    ///   - weight, bias: declared by the caller, who may use the weights elsewhere too.
    ///   - rows: the most that come at once.
    init(weight: Parameter, bias: Parameter?, rows: Int, memory: LogitsMemory, in plan: inout Plan) {
        weights = ClassWeights(weight: weight, bias: bias)
        chunks = LogitChunks(classes: weight.shape[0], inputs: weight.shape[1], rows: rows, memory, in: &plan)
    }

    /// [classes, inputs]
    public var weight: Parameter { weights.weight }
    /// [classes]
    public var bias: Parameter? { weights.bias }

    /// Adds the sum over rows of factor x -log p(class) to `loss`, and its gradients: adds those of weight and bias, which must
    /// not be sparse, and writes that of the states.
    ///
    /// - Parameters:
    ///   - states: [rows, inputs]
    ///   - targets: [rows]
    ///   - factors: what each row counts: [rows].
    func accumulate(
        _ states: Matrix, targets: Numbers, factors: Scalars, statesGradient: Matrix, loss: Scalars, _ run: Run
    ) {
        let gradient = run.gradient(weight), biasGradient = bias.map(run.gradient)
        let values = run.value(weight), bias = bias.map(run.value)
        chunks.forEach(states, run) { chunk, states in
            let logits = chunks.logits(values, states, run)
            let targets = targets[chunk], below = statesGradient.rows(chunk)
            let pass = chunks.pass(states, targets: targets, bias: bias, factors: factors[chunk], run)
            run.backend.softmax(logits, pass, loss: loss)
            // e^(logit - highest) is in place of the logits; the rest of the probability is in the scaled states.
            if let biasGradient { run.backend.addClassSums(of: logits, pass, to: biasGradient) }
            run.enter(.outputProducts)
            run.backend.multiply(logits, pass.scaled, into: gradient, adding: true)
            run.backend.multiply(logits.transposed, values, into: below)
            run.enter(.loss)
            run.backend.addTargetGradients(
                pass, statesGradient: below, weights: values, rows: targets, gradient: gradient, biasGradient: biasGradient,
                slots: targets)
        }
        run.enter(.other)
    }
}

/// The memory of a softmax's pass over some rows at a time, as many as its logits have room for.
struct LogitChunks: Sendable {
    private let rows: Int
    private let logits: MatrixSlot
    /// States, each times its factor: [rows, inputs]; and packed, [inputs, rows].
    private let scaled, packed, sums: MatrixSlot

    init(classes: Int, inputs: Int, rows: Int, _ memory: LogitsMemory, in plan: inout Plan) {
        self.rows = min(rows, memory.rows(classes: classes))
        precondition(self.rows > 0 || rows == 0, "the logits' memory holds no row of \(classes) classes")
        logits = memory.slot
        scaled = plan.matrix(rows: self.rows, columns: inputs)
        packed = plan.packed(rows: inputs, columns: self.rows)
        sums = plan.matrix(rows: 1, columns: SoftmaxPass.memoryCount(rows: self.rows))
    }

    /// Calls `body` with the rows of each chunk and their states.
    func forEach(_ states: Matrix, _ run: Run, _ body: (_ chunk: Range<Int>, _ states: Matrix) -> Void) {
        for first in stride(from: 0, to: states.rows, by: max(1, rows)) {
            let chunk = first..<min(states.rows, first + rows)
            body(chunk, states.rows(chunk))
        }
    }

    /// The products of states with the weights of classes, [classes or fewer, inputs], in memory of their own: [classes, rows].
    func logits(_ weights: Matrix, _ states: Matrix, _ run: Run) -> Matrix {
        run.enter(.outputProducts)
        let logits = run.matrix(logits, rows: weights.rows, columns: states.rows)
        let packed = run.backend.pack(states.transposed, into: run.vector(packed))
        run.backend.multiply(weights, packed, into: logits)
        run.enter(.loss)
        return logits
    }

    func pass(_ states: Matrix, targets: Numbers, bias: Matrix?, factors: Scalars, _ run: Run) -> SoftmaxPass {
        SoftmaxPass(
            targets: targets, bias: bias, factors: factors, states: states, scaled: run.matrix(scaled, rows: states.rows),
            memory: run.vector(sums))
    }
}

/// Memory for the logits of a softmax over many classes, never more than was stated: rows are taken in chunks that fit.
/// Softmaxes that work one after the other may share it.
public struct LogitsMemory: Sendable {
    let slot: MatrixSlot

    /// Rows of a chunk, at least: a product with fewer would mostly pack its factors.
    static let leastRows = 32
    /// The memory that a softmax takes unless told otherwise.
    public static let defaultBytes = 512 << 20

    /// - Parameters:
    ///   - bytes: the most to take.
    ///   - classes: of the largest softmax that all rows go through.
    ///   - rows: the most that come at once.
    ///   - others: of the largest softmax that few of them go through: in chunks, if they are more.
    init(bytes: Int, classes: Int, rows: Int, others: Int = 0, in plan: inout Plan) {
        let fitting = max(Self.leastRows, bytes / (4 * max(1, classes)))
        slot = plan.matrix(rows: 1, columns: max(classes * min(rows, fitting), others * min(rows, Self.leastRows)))
    }

    /// Rows of a softmax over `classes` that fit.
    func rows(classes: Int) -> Int {
        let fitting = slot.count / classes
        // Whole panels of the product, unless there is less.
        return fitting > Self.leastRows ? fitting / Self.leastRows * Self.leastRows : fitting
    }
}
