public import Kernels

/// The declarations of a network before any memory is allocated: its parameters, the memory of a pass, and the places with dropout. The
/// layer that uses each of these declares it, once. A plan determines the parameter store, the one allocation for all passes
/// (`PassMemory`), the bill of `train --dry-run`, and the tensors of a model file.
///
/// ```swift
/// var plan = Plan(backend, capacity: WindowCapacity(batch: 16, rows: 320), isTraining: false)
/// let layer = Linear("projection", inputs: 300, outputs: 512, rows: 320, in: &plan)
/// let memory = PassMemory(plan)
/// ```
public struct Plan {
    /// Maximum size of one pass.
    public let capacity: WindowCapacity
    /// True if there will be backward passes.
    public let isTraining: Bool
    /// Parameters of this network, and parameters that several networks share.
    public private(set) var own = ParameterLayout(), shared = ParameterLayout()
    /// Floats of a pass, each piece rounded up to whole cache lines; and floats of memory that the host reads and writes, too.
    public private(set) var floats = 0, sharedFloats = 0
    /// Purpose of the floats, in the order of declaration.
    private var items: [(name: String, floats: Int)] = []
    fileprivate let backend: any Backend
    private var isShared = false
    private var part = "activations"
    private var sites = 0

    /// Creates an empty plan.
    public init(_ backend: any Backend, capacity: WindowCapacity, isTraining: Bool) {
        self.backend = backend
        self.capacity = capacity
        self.isTraining = isTraining
    }

    /// True if memory is worth more than recomputation: on a processor, whose caches are small.
    public var isFrugal: Bool { backend.computesInHostMemory }
    /// Rows of a `StepNorm`'s partial sums; see `Backend.normSumRows`.
    public var normSumRows: Int { backend.normSumRows }
    /// Number of parts of a step's product; see `Backend.stepParts(rows:depth:columns:)`.
    public func stepParts(rows: Int, depth: Int, columns: Int) -> Int {
        backend.stepParts(rows: rows, depth: depth, columns: columns)
    }

    // MARK: - Parameters

    /// Declares a parameter.
    /// - `isSparse`: true for a matrix of which a step touches few rows; see `ParameterRows`.
    public mutating func parameter(_ name: String, _ shape: [Int], isSparse: Bool = false) -> Parameter {
        isShared
            ? shared.declare(name, shape, isSparse: isSparse, isShared: true)
            : own.declare(name, shape, isSparse: isSparse, isShared: false)
    }

    /// Makes the parameters that `body` declares shared by several networks, if `isShared`.
    public mutating func sharing<Result>(_ isShared: Bool, _ body: (inout Plan) -> Result) -> Result {
        let before = self.isShared
        self.isShared = isShared
        defer { self.isShared = before }
        return body(&self)
    }

    /// Returns the result of `body` and the range of parameters that it declares.
    public mutating func parameters<Result>(of body: (inout Plan) -> Result) -> (Result, ParameterRange) {
        let first = (isShared ? shared : own).parameters.count
        let result = body(&self)
        return (result, ParameterRange(isShared: isShared, indices: first..<(isShared ? shared : own).parameters.count))
    }

    // MARK: - Memory of a pass

    /// Declares a matrix of at most `rows` x `columns`.
    public mutating func matrix(rows: Int, columns: Int) -> MatrixSlot {
        MatrixSlot(offset: take(rows * columns), count: rows * columns, columns: columns)
    }

    /// Declares a matrix that is a factor of products, stored as the backend prefers.
    public mutating func factor(rows: Int, columns: Int) -> MatrixSlot {
        let element = backend.factorElement, count = rows * columns
        return MatrixSlot(offset: take((count * element.size + 3) / 4), count: count, columns: columns, element: element)
    }

    /// Declares the input of an encoder: a factor of products, except on a device that only encodes, where users ask for the
    /// values.
    public mutating func features(rows: Int, columns: Int) -> MatrixSlot {
        isTraining ? factor(rows: rows, columns: columns) : matrix(rows: rows, columns: columns)
    }

    /// Declares a matrix that only backward passes need; without training it takes no memory.
    public mutating func gradient(rows: Int, columns: Int) -> MatrixSlot {
        matrix(rows: isTraining ? rows : 0, columns: columns)
    }

    /// Declares a factor of products that only backward passes need.
    public mutating func gradientFactor(rows: Int, columns: Int) -> MatrixSlot {
        factor(rows: isTraining ? rows : 0, columns: columns)
    }

    /// Declares room for packing a factor of rows x columns, or its transpose, for many products.
    public mutating func packed(rows: Int, columns: Int) -> MatrixSlot {
        matrix(rows: 1, columns: backend.packedCount(rows: rows, columns: columns))
    }

    /// Declares room for packing a weight for all steps of a window; none on a device that trains, which keeps weights packed.
    public mutating func packedWeight(rows: Int, columns: Int) -> MatrixSlot {
        isFrugal || !isTraining ? packed(rows: rows, columns: columns) : matrix(rows: 0, columns: columns)
    }

    /// Declares 32-bit integers.
    /// - `forHost`: whether the host reads or writes them.
    public mutating func numbers(_ count: Int, forHost: Bool = true) -> NumberSlot {
        NumberSlot(offset: take(count, forHost: forHost), count: count, isForHost: forHost)
    }

    /// Declares double-precision numbers.
    /// - `forHost`: whether the host reads or writes them.
    public mutating func scalars(_ count: Int, forHost: Bool = true) -> ScalarSlot {
        ScalarSlot(offset: take(2 * count, forHost: forHost), count: count, isForHost: forHost)
    }

    /// Names the purpose of the memory that `body` declares, for the bill.
    public mutating func memory<Result>(of part: String, _ body: (inout Plan) -> Result) -> Result {
        let before = self.part
        self.part = part
        defer { self.part = before }
        return body(&self)
    }

    /// Reserves floats and returns their offset.
    /// - Parameter forHost: whether the host reads and writes them, too.
    private mutating func take(_ count: Int, forHost: Bool = false) -> Int {
        let first = forHost ? sharedFloats : floats, extent = (count + 15) / 16 * 16
        if forHost { sharedFloats += extent } else { floats += extent }
        if let place = items.firstIndex(where: { $0.name == part }) {
            items[place].floats += extent
        } else {
            items.append((part, extent))
        }
        return first
    }

    /// Bytes of each part of a pass; their sum is what `PassMemory` allocates.
    public var bill: [(name: String, bytes: Int)] { items.map { ($0.name, 4 * $0.floats) } }

    // MARK: - Dropout

    /// Returns a number for a place with dropout; each place drops different units.
    public mutating func dropoutSite() -> Int {
        sites += 1
        return sites
    }
}

/// Parameters declared one after another.
///
/// ```swift
/// let (layer, range) = plan.parameters { Linear("projection", inputs: 300, outputs: 512, rows: 320, in: &$0) }
/// ```
public struct ParameterRange: Sendable, Equatable {
    /// True for parameters of the shared layout.
    public let isShared: Bool
    /// Indices in `ParameterLayout.parameters`.
    public let indices: Range<Int>
}

/// Room for a matrix in the memory of a pass.
///
/// ```swift
/// let slot = plan.matrix(rows: 320, columns: 512)
/// // During a pass: run.matrix(slot, rows: shape.rows)
/// ```
public struct MatrixSlot: Sendable {
    let offset, count, columns: Int
    var element = Matrix.Element.float32
}

/// Room for 32-bit integers in the memory of a pass.
///
/// ```swift
/// let slot = plan.numbers(320)
/// // During a pass: run.numbers(slot)
/// ```
public struct NumberSlot: Sendable {
    let offset, count: Int
    let isForHost: Bool
}

/// Room for double-precision numbers in the memory of a pass.
///
/// ```swift
/// let slot = plan.scalars(1)
/// // During a pass: run.scalars(slot)
/// ```
public struct ScalarSlot: Sendable {
    let offset, count: Int
    let isForHost: Bool
}

/// The memory of the passes of one network, one after another, and whether the next pass starts from the zero state.
///
/// ```swift
/// let memory = PassMemory(plan)
/// memory.startsAtZero = true
/// ```
public final class PassMemory {
    fileprivate let buffer, shared: FloatBuffer
    /// Maximum size of one pass.
    public let capacity: WindowCapacity
    /// True if there is memory for backward passes.
    public let isTraining: Bool
    /// True if the next pass starts from the zero state, whatever the rows of the state hold. A pass clears as many of these rows
    /// as it has sequences.
    public var startsAtZero = true

    /// Allocates everything that a plan declares.
    public init(_ plan: Plan) {
        buffer = plan.backend.allocate(plan.floats)
        shared = plan.backend.allocateShared(plan.sharedFloats)
        capacity = plan.capacity
        isTraining = plan.isTraining
    }

    /// Size in bytes.
    public var bytes: Int { buffer.bytes + shared.bytes }
}

/// The weights, memory, backend and mode of a pass.
///
/// ```swift
/// let run = Run(store, memory: memory, backend: backend, mode: .inference)
/// ```
public struct Run {
    /// Weights of the network.
    public let parameters: ParameterStore
    /// Weights of layers that networks share.
    public let shared: ParameterStore?
    /// Memory of the pass.
    public let memory: PassMemory
    /// Backend that computes the pass.
    public let backend: any Backend
    /// Purpose of the pass.
    public var mode: PassMode
    /// Called by a backward pass as soon as the gradients of some parameters are complete, in the order of completion, so that
    /// machines can start to communicate. `nil` if that is not wanted, or if further windows add to the gradients.
    public var finish: ((ParameterRange) -> Void)?
    /// Called by a forward pass before it reads the weights of some parameters, so that machines can wait for weights that others
    /// have updated. `nil` if all weights are there.
    public var begin: ((ParameterRange) -> Void)?

    /// Creates the description of a pass.
    public init(
        _ parameters: ParameterStore, shared: ParameterStore? = nil, memory: PassMemory, backend: any Backend,
        mode: PassMode = .inference
    ) {
        self.parameters = parameters
        self.shared = shared
        self.memory = memory
        self.backend = backend
        self.mode = mode
    }

    /// Attributes the time from now on to a phase and part; see `Backend.enter(_:of:)`.
    public func enter(_ phase: Phase, of part: Part? = nil) { backend.enter(phase, of: part) }

    func store(of parameter: Parameter) -> ParameterStore {
        guard parameter.isShared else { return parameters }
        guard let shared else { preconditionFailure("\(parameter.name) is in a store that is not there") }
        return shared
    }

    /// Returns the weights of a parameter, shared or not.
    public func value(_ parameter: Parameter) -> Matrix { store(of: parameter).value(parameter) }
    /// Returns the gradient of a parameter, shared or not.
    public func gradient(_ parameter: Parameter) -> Matrix { store(of: parameter).gradient(parameter) }
    /// Adds a product to the gradient of a weight.
    func addProduct(_ left: some Factor, _ right: some Factor, toGradientOf weight: Parameter) {
        store(of: weight).addProduct(left, right, toGradientOf: weight)
    }
    func rows(_ parameter: Parameter) -> ParameterRows { store(of: parameter).rows(parameter) }
    /// Returns a weight in its packed form, if it has a current one.
    func packed(_ parameter: Parameter) -> PackedFactor? { store(of: parameter).packedWeights?.plain(parameter) }

    /// Computes result = input * weight, or result += input * weight with `adding`: [n, inputs] to [n, outputs].
    func multiply(_ input: Matrix, by weight: Parameter, into result: Matrix, adding: Bool = false) {
        if let packed = packed(weight) {
            backend.multiply(input, packed, into: result, adding: adding)
        } else {
            backend.multiply(input, value(weight), into: result, adding: adding)
        }
    }

    /// Computes result = input * weight + bias: [n, inputs] to [n, outputs].
    func multiply(_ input: Matrix, by weight: Parameter, bias: Parameter?, into result: Matrix) {
        guard let bias else { return multiply(input, by: weight, into: result) }
        if let packed = packed(weight) {
            backend.multiply(input, packed, bias: value(bias), into: result)
        } else {
            backend.multiply(input, value(weight), bias: value(bias), into: result)
        }
    }

    /// Computes result = gradient * transposed weight, or result += … with `adding`: [n, outputs] to [n, inputs].
    func multiply(_ gradient: Matrix, byTransposed weight: Parameter, into result: Matrix, adding: Bool = false) {
        if let packed = store(of: weight).packedWeights?.transposed(weight) {
            backend.multiply(gradient, packed, into: result, adding: adding)
        } else {
            backend.multiply(gradient, value(weight).transposed, into: result, adding: adding)
        }
    }

    /// Returns `rows` rows of a slot, `columns` wide if that differs from the plan.
    public func matrix(_ slot: MatrixSlot, rows: Int, columns: Int? = nil) -> Matrix {
        precondition(rows * (columns ?? slot.columns) <= slot.count, "\(rows) rows in memory planned for fewer")
        return Matrix(
            memory.buffer, at: slot.offset, rows: rows, columns: columns ?? slot.columns, element: slot.element)
    }

    /// Returns the whole slot as one row.
    func vector(_ slot: MatrixSlot) -> Matrix { matrix(slot, rows: 1, columns: slot.count) }

    /// Returns the integers of a slot.
    public func numbers(_ slot: NumberSlot) -> Numbers {
        Numbers(slot.isForHost ? memory.shared : memory.buffer, at: slot.offset, count: slot.count)
    }
    /// Returns the double-precision numbers of a slot.
    public func scalars(_ slot: ScalarSlot) -> Scalars {
        Scalars(slot.isForHost ? memory.shared : memory.buffer, at: slot.offset, count: slot.count)
    }

    func check(_ shape: WindowShape) {
        precondition(
            memory.capacity.holds(shape),
            "\(shape.steps) steps of \(shape.batch) in memory for \(memory.capacity.rows) rows of \(memory.capacity.batch)")
    }
}
