internal import Kernels

/// A softmax over classes and its negative log-likelihood, with gradients:
///
///     log p(class | x) = x . W[class] + b[class] - log(sum over c of e^(x . W[c] + b[c]))
///
/// If the logits are too many to keep, loss and gradients are computed for chunks of the rows. Logits are stored class by class, so
/// that weights are packed for products as they are, and sums over classes are vector operations over rows.
///
/// ```swift
/// let output = SoftmaxOutput("output", inputs: 512, classes: 10_000, rows: 320, in: &plan)
/// let softmax: ClassSoftmax = output.softmax
/// ```
public struct ClassSoftmax: Sendable {
    /// The weights and biases of the classes.
    public let weights: ClassWeights
    private let chunks: LogitChunks

    /// Declares scratch memory.
    /// - Parameters:
    ///   - weight, bias: declared by the caller, who may also use the weights elsewhere.
    ///   - rows: maximum number of rows in one pass.
    init(weight: Parameter, bias: Parameter?, rows: Int, memory: LogitsMemory, in plan: inout Plan) {
        weights = ClassWeights(weight: weight, bias: bias)
        chunks = LogitChunks(classes: weight.shape[0], inputs: weight.shape[1], rows: rows, memory, in: &plan)
    }

    /// Weights, [classes, inputs].
    public var weight: Parameter { weights.weight }
    /// Biases, [classes].
    public var bias: Parameter? { weights.bias }

    /// Adds the sum over rows of factor x -log p(class) to `loss`. Adds to the gradients of weight and bias, which must not be
    /// sparse, and writes that of the states.
    ///
    /// - Parameters:
    ///   - states: [rows, inputs]
    ///   - targets: [rows]
    ///   - factors: factor of each row, [rows].
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
            // The logits now hold e^(logit - highest); the rest of the probability is a factor of the scaled states.
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

/// Scratch memory for a softmax over some rows at a time, as many as the memory for logits holds.
struct LogitChunks: Sendable {
    private let rows: Int
    private let logits: MatrixSlot
    /// States times their factors, [rows, inputs], and the same packed, [inputs, rows].
    private let scaled, packed, sums: MatrixSlot

    init(classes: Int, inputs: Int, rows: Int, _ memory: LogitsMemory, in plan: inout Plan) {
        self.rows = min(rows, memory.rows(classes: classes))
        precondition(self.rows > 0 || rows == 0, "the logits' memory holds no row of \(classes) classes")
        logits = memory.slot
        scaled = plan.matrix(rows: self.rows, columns: inputs)
        packed = plan.packed(rows: inputs, columns: self.rows)
        sums = plan.matrix(rows: 1, columns: SoftmaxPass.memoryCount(rows: self.rows))
    }

    /// Calls `body` with the row range and the states of each chunk.
    func forEach(_ states: Matrix, _ run: Run, _ body: (_ chunk: Range<Int>, _ states: Matrix) -> Void) {
        for first in stride(from: 0, to: states.rows, by: max(1, rows)) {
            let chunk = first..<min(states.rows, first + rows)
            body(chunk, states.rows(chunk))
        }
    }

    /// Returns the products of states with the weights of at most all classes, [classes or fewer, inputs], in memory of their own:
    /// [classes, rows].
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

/// Memory for the logits of a softmax over many classes, of a stated size at most: rows are processed in chunks that fit. Softmaxes
/// that work one after another may share it.
///
/// ```swift
/// let bytes = LogitsMemory.defaultBytes      // 512 MiB
/// ```
public struct LogitsMemory: Sendable {
    let slot: MatrixSlot

    /// Minimum number of rows in a chunk: with fewer, a product spends most of its time on packing.
    static let leastRows = 32
    /// Default size in bytes.
    public static let defaultBytes = 512 << 20

    /// Declares the memory.
    /// - Parameters:
    ///   - bytes: maximum size.
    ///   - classes: number of classes of the largest softmax that all rows go through.
    ///   - rows: maximum number of rows in one pass.
    ///   - others: number of classes of the largest softmax that only few rows go through; if there are more, in chunks.
    init(bytes: Int, classes: Int, rows: Int, others: Int = 0, in plan: inout Plan) {
        let fitting = max(Self.leastRows, bytes / (4 * max(1, classes)))
        slot = plan.matrix(rows: 1, columns: max(classes * min(rows, fitting), others * min(rows, Self.leastRows)))
    }

    /// Returns how many rows of a softmax over `classes` fit.
    func rows(classes: Int) -> Int {
        let fitting = slot.count / classes
        // Whole panels of the product, unless fewer rows fit.
        return fitting > Self.leastRows ? fitting / Self.leastRows * Self.leastRows : fitting
    }
}
