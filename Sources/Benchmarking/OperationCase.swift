public import Kernels

/// An operation of a backend with its inputs. Tests run each case on every backend, compare the results, and compare gradients with
/// finite differences; `bench operations` measures its speed.
public struct OperationCase: Sendable {
    /// The sizes of an operation's matrices.
    public struct Sizes: Sendable {
        /// The numbers of rows and columns, and the inner dimension of products.
        public var rows, columns, depth: Int

        /// Makes the sizes of an operation.
        public init(rows: Int, columns: Int, depth: Int) {
            (self.rows, self.columns, self.depth) = (rows, columns, depth)
        }

        /// The multiplications and additions of [rows, depth] times [depth, columns].
        var productOperations: Double { 2 * Double(rows) * Double(columns) * Double(depth) }
    }

    /// An operation that is ready to run in its own memory, repeatedly.
    public struct Prepared {
        /// Runs the operation on the backend of its memory, or on another one that computes in the memory of the host.
        public var run: (any Backend) -> Void
        /// The matrices that the operation writes.
        public let results: [Matrix]
        /// The scalars that the operation writes.
        public var scalars: [Scalars] = []
        /// The derivative of the operation, if it has one.
        public var slope: Slope?
    }

    /// The derivative of an operation. Its backward pass, which runs after the operation, turns `outputGradient` into the gradients of
    /// `inputs`; each gradient has the shape of its input.
    public struct Slope {
        /// The inputs and their gradients.
        public let inputs, gradients: [Matrix]
        /// The differentiated result, which is multiplied by its gradient; `nil` if the loss alone is differentiated.
        public let output: Matrix?
        /// The gradient of `output`; `nil` for the loss alone.
        public let outputGradient: Matrix?
        /// Runs the backward pass.
        public let run: (any Backend) -> Void
    }

    /// The name of the operation.
    public let name: String
    /// True for a product, whose work is counted in multiplications and additions; the work of others is counted in floats read and
    /// written.
    public let isProduct: Bool
    /// True if the matrices are stored as factors of products, which a device may round.
    let storesFactors: Bool
    /// True if a product's factor is stored transposed.
    let isLeftTransposed, isRightTransposed: Bool
    /// The multiplications and additions of a product, or the number of floats read and written otherwise.
    public let work: @Sendable (Sizes) -> Double
    let prepare: @Sendable (OperationMemory, Sizes) -> Prepared

    init(
        _ name: String, isProduct: Bool = false, storesFactors: Bool = false, left isLeftTransposed: Bool = false,
        right isRightTransposed: Bool = false, work: @escaping @Sendable (Sizes) -> Double,
        _ prepare: @escaping @Sendable (OperationMemory, Sizes) -> Prepared
    ) {
        (self.name, self.isProduct, self.work, self.prepare) = (name, isProduct, work, prepare)
        (self.storesFactors, self.isLeftTransposed, self.isRightTransposed) = (storesFactors, isLeftTransposed, isRightTransposed)
    }

    /// Makes the inputs in `memory`, which the result keeps alive.
    public func prepare(in memory: OperationMemory, _ sizes: Sizes) -> Prepared {
        var prepared = prepare(memory, sizes)
        let run = prepared.run
        prepared.run = { backend in withExtendedLifetime(memory) { run(backend) } }
        return prepared
    }
}

/// The memory of one case on a backend, with random values that are the same on every backend.
public final class OperationMemory {
    private let backend: any Backend
    private var buffers: [(memory: FloatBuffer, isShared: Bool)] = []
    private var random: Random

    /// Makes an empty memory.
    public init(on backend: any Backend = ProcessorBackend(), seed: UInt64 = 1) {
        self.backend = backend
        random = Random(seed: seed, stream: "operations")
    }

    func zeros(_ rows: Int, _ columns: Int) -> Matrix {
        let buffer = backend.allocate(rows * columns)
        buffers.append((buffer, false))
        return Matrix(buffer, rows: rows, columns: columns)
    }

    private func shared(_ count: Int) -> FloatBuffer {
        let buffer = backend.allocateShared(count)
        buffers.append((buffer, true))
        return buffer
    }

    /// Returns a matrix of random values in ±`scale`.
    public func matrix(_ rows: Int, _ columns: Int, scale: Double = 1) -> Matrix {
        let matrix = zeros(rows, columns)
        write((0..<rows * columns).map { _ in Float(random.uniform(in: -scale..<scale)) }, to: matrix)
        return matrix
    }

    /// Returns a matrix of random values in ±`scale`, stored as the backend stores factors of products.
    func factor(_ rows: Int, _ columns: Int, scale: Double = 1) -> Matrix {
        let element = backend.factorElement, buffer = backend.allocate((rows * columns * element.size + 3) / 4)
        buffers.append((buffer, false))
        let matrix = Matrix(buffer, rows: rows, columns: columns, element: element)
        write((0..<rows * columns).map { _ in Float(random.uniform(in: -scale..<scale)) }, to: matrix)
        return matrix
    }

    /// Returns the matrix for the sums of a layer norm's gradients, if the backend needs one.
    func normSums(_ columns: Int) -> Matrix? { backend.normSumRows == 0 ? nil : zeros(backend.normSumRows, 2 * columns) }

    /// Returns scratch memory for a step's product in parts, if the backend computes it so.
    func stepParts(rows: Int, depth: Int, columns: Int) -> Matrix? {
        let count = backend.stepParts(rows: rows, depth: depth, columns: columns)
        return count == 1 ? nil : zeros(count * rows, columns)
    }

    func write(_ values: [Float], to matrix: Matrix) { backend.write(values, to: matrix) }

    /// Returns the factors of a product of `sizes`, each as it is or stored transposed.
    func factors(
        _ sizes: OperationCase.Sizes, isLeftTransposed: Bool, isRightTransposed: Bool
    ) -> (left: Matrix, right: Matrix) {
        let (rows, columns, depth) = (sizes.rows, sizes.columns, sizes.depth)
        return (
            isLeftTransposed ? matrix(depth, rows) : matrix(rows, depth),
            isRightTransposed ? matrix(columns, depth) : matrix(depth, columns)
        )
    }

    func numbers(_ count: Int, below bound: Int) -> Numbers {
        let numbers = Numbers(shared(count), count: count)
        for index in 0..<count { numbers[index] = Int32(random.below(bound)) }
        return numbers
    }

    func scalars(_ count: Int) -> Scalars {
        let scalars = Scalars(shared(2 * count), count: count)
        for index in 0..<count { scalars[index] = random.uniform() }
        return scalars
    }

    /// The contents of all memory, bit by bit.
    public struct Snapshot {
        fileprivate var floats: [[Float]] = []
        fileprivate var numbers: [[Int32]] = []
    }

    /// Returns the contents of all memory, for `restore`.
    public func snapshot() -> Snapshot {
        backend.wait()
        var snapshot = Snapshot()
        for (buffer, isShared) in buffers {
            let numbers = Numbers(buffer, count: isShared ? buffer.count : 0)
            snapshot.floats.append(isShared ? [] : backend.read(Matrix(buffer, rows: 1, columns: buffer.count)))
            snapshot.numbers.append((0..<numbers.count).map { numbers[$0] })
        }
        return snapshot
    }

    /// Restores the contents of all memory.
    public func restore(_ snapshot: Snapshot) {
        backend.wait()
        for (index, (buffer, isShared)) in buffers.enumerated() {
            if !isShared { backend.write(snapshot.floats[index], to: Matrix(buffer, rows: 1, columns: buffer.count)) }
            for (place, number) in snapshot.numbers[index].enumerated() { Numbers(buffer, count: buffer.count)[place] = number }
        }
    }
}
