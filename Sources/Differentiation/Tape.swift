public import Kernels
public import Layers
internal import Parallel

/// A value on a tape, [rows, columns], and the gradient of the loss with respect to it.
public struct Node {
    /// The value.
    public let value: Matrix
    /// The gradient, to which backward passes add. `nil` for a constant, and in inference.
    public let gradient: Matrix?

    /// Number of rows.
    public var rows: Int { value.rows }
    /// Number of columns.
    public var columns: Int { value.columns }
}

/// The operations of one batch in the order in which they ran, so that their backward passes can run in reverse order (reverse-mode
/// differentiation; Speelpenning 1980).
///
/// A network is plain code that calls operations. Each operation computes its result at once, by the operations of a `Backend`, and
/// records its backward pass on the tape. Batches may differ in every shape: memory comes from an arena that `begin` resets, and
/// that soon has the size of the largest batch. Pre-training does not use a tape; its passes are planned (`Plan`).
///
///     tape.begin(.training(seed: 1, step: step))
///     let hidden = tape.activate(tape.multiply(input, by: weight, bias: bias), .tanh)
///     tape.crossEntropy(tape.multiply(hidden, by: output), classes)
///     tape.backward()
///     parameters.update(…)
public final class Tape {
    /// The weights of the network.
    public let parameters: ParameterStore
    /// The processor: networks of tasks are small, and some of their operations exist only for it.
    public let backend: ProcessorBackend
    /// Sum of all losses of this batch.
    public private(set) var loss = 0.0
    private var mode = PassMode.inference
    private let arena = Arena()
    private var steps: [() -> Void] = []
    private var sites = 0
    private var others: [ProcessorBackend] = []

    /// Creates an empty tape.
    public init(_ parameters: ParameterStore, on backend: ProcessorBackend) {
        (self.parameters, self.backend) = (parameters, backend)
    }

    /// Starts a batch, and discards all nodes and memory of the last one.
    public func begin(_ mode: PassMode) {
        self.mode = mode
        loss = 0
        sites = 0
        steps.removeAll(keepingCapacity: true)
        arena.reset()
    }

    /// True if operations keep what their backward passes need.
    public var isTraining: Bool { if case .training = mode { true } else { false } }

    /// Runs the backward passes of all operations in reverse order: adds to the gradients of all parameters used.
    public func backward() {
        for step in steps.reversed() { step() }
        steps.removeAll(keepingCapacity: true)
    }

    /// Bytes of memory that the largest batch has taken.
    public var bytes: Int { arena.bytes }

    /// Returns backends for `count` parts of an operation that run in parallel, each with scratch memory of its own.
    func backendsSideBySide(_ count: Int) -> [ProcessorBackend] {
        while others.count < count {
            // With a thread for each part, no thread is left to help.
            let pool = backend.pool.threads <= count ? ThreadPool(threads: 1) : backend.pool
            others.append(ProcessorBackend(pool: pool, kernels: backend.kernels))
        }
        return others
    }

    // MARK: What operations are made of

    /// Returns a weight with its gradient in the store.
    public func value(_ parameter: Parameter) -> Node {
        Node(value: parameters.value(parameter), gradient: isTraining ? parameters.gradient(parameter) : nil)
    }

    /// Returns a value for an operation to write, with a gradient of zeros.
    /// - `isConstant`: true if no gradient passes through it.
    public func node(rows: Int, columns: Int, isConstant: Bool = false) -> Node {
        let value = memory(rows: rows, columns: columns)
        guard isTraining && !isConstant else { return Node(value: value, gradient: nil) }
        let gradient = memory(rows: rows, columns: columns)
        backend.fill(gradient, with: 0)
        return Node(value: value, gradient: gradient)
    }

    /// Returns a computed value without a gradient.
    public func constant(_ value: Matrix) -> Node { Node(value: value, gradient: nil) }

    /// Returns memory for floats, valid until the next batch; its contents are undefined.
    public func memory(rows: Int, columns: Int) -> Matrix {
        let (buffer, first) = arena.place(rows * columns)
        return Matrix(buffer, at: first, rows: rows, columns: columns)
    }

    /// Returns zeros, valid until the next batch.
    public func zeros(rows: Int, columns: Int) -> Matrix {
        let zeros = memory(rows: rows, columns: columns)
        backend.fill(zeros, with: 0)
        return zeros
    }

    /// Returns memory for integers, valid until the next batch.
    public func numbers(_ count: Int) -> Numbers {
        let (buffer, first) = arena.place(count)
        return Numbers(buffer, at: first, count: count)
    }

    /// Returns memory for double-precision numbers, valid until the next batch.
    public func scalars(_ count: Int) -> Scalars {
        let (buffer, first) = arena.place(2 * count)
        return Scalars(buffer, at: first, count: count)
    }

    /// Returns integers, valid until the next batch.
    public func numbers(_ values: some Collection<Int>) -> Numbers {
        let numbers = numbers(values.count)
        for (index, value) in values.enumerated() { numbers[index] = Int32(value) }
        return numbers
    }

    /// Records the backward pass of an operation, in training.
    public func record(_ backward: @escaping () -> Void) {
        if isTraining { steps.append(backward) }
    }

    /// Adds to the loss.
    public func add(loss: Double) { self.loss += loss }

    /// Returns the random decisions of the next place with dropout; `nil` in inference, or if nothing is dropped. Places are
    /// numbered in the order of these calls, which must be the same for every batch.
    public func draw(rate: Float) -> DropoutDraw? {
        sites += 1
        guard case .training(let seed, let step) = mode, rate > 0 else { return nil }
        return DropoutDraw(rate: rate, seed: seed, site: sites, step: step)
    }
}

/// Memory that is taken piece by piece and released all at once.
private final class Arena {
    private var chunks: [FloatBuffer] = []
    private var chunk = 0, used = 0
    private static let leastChunk = 1 << 22

    var bytes: Int { chunks.reduce(0) { $0 + $1.bytes } }

    func reset() {
        // One piece for the largest batch, after the first few.
        if chunks.count > 1 { chunks = [FloatBuffer(count: chunks.reduce(0) { $0 + $1.count })] }
        (chunk, used) = (0, 0)
    }

    /// Returns room for `count` floats, starting on a cache line.
    func place(_ count: Int) -> (buffer: FloatBuffer, first: Int) {
        let extent = (count + 15) / 16 * 16
        while chunk < chunks.count && used + extent > chunks[chunk].count { (chunk, used) = (chunk + 1, 0) }
        if chunk == chunks.count {
            chunks.append(FloatBuffer(count: max(extent, Self.leastChunk)))
            used = 0
        }
        defer { used += extent }
        return (chunks[chunk], used)
    }
}
