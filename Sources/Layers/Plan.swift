public import Kernels

/// The declarations of a network before any memory is taken: its parameters, the memory of a pass, and the places where it drops
/// units. Each is declared once, by the layer that uses it. From a plan follow the parameter store, the one allocation for all
/// passes (`PassMemory`), the bill of `train --dry-run`, and the tensors of a model file.
public struct Plan {
    /// The most that goes through the network in one pass.
    public let capacity: WindowCapacity
    /// True if there will be backward passes.
    public let isTraining: Bool
    /// The parameters of this network, and those that several networks have in common.
    public private(set) var own = ParameterLayout(), shared = ParameterLayout()
    /// Floats of a pass, each piece rounded up to whole cache lines; and those of numbers, which the host writes and reads too.
    public private(set) var floats = 0, sharedFloats = 0
    /// The parts that the floats are for, in the order of their declaration.
    private var items: [(name: String, floats: Int)] = []
    fileprivate let backend: any Backend
    private var isShared = false
    private var part = "activations"
    private var sites = 0

    public init(_ backend: any Backend, capacity: WindowCapacity, isTraining: Bool) {
        self.backend = backend
        self.capacity = capacity
        self.isTraining = isTraining
    }

    /// True if memory is worth more than what can be computed again: on a processor, whose caches are small.
    public var isFrugal: Bool { backend.computesInHostMemory }
    /// See `Backend`.
    public var normSumRows: Int { backend.normSumRows }
    public func stepParts(rows: Int, depth: Int, columns: Int) -> Int {
        backend.stepParts(rows: rows, depth: depth, columns: columns)
    }

    // MARK: - Parameters

    /// - Parameter isSparse: true for a matrix of which a step touches few rows; see `ParameterRows`.
    public mutating func parameter(_ name: String, _ shape: [Int], isSparse: Bool = false) -> Parameter {
        isShared
            ? shared.declare(name, shape, isSparse: isSparse, isShared: true)
            : own.declare(name, shape, isSparse: isSparse, isShared: false)
    }

    /// Declares parameters that several networks have in common, if `isShared`.
    public mutating func sharing<Result>(_ isShared: Bool, _ body: (inout Plan) -> Result) -> Result {
        let before = self.isShared
        self.isShared = isShared
        defer { self.isShared = before }
        return body(&self)
    }

    /// The parameters that `body` declares, which is what it returns, too.
    public mutating func parameters<Result>(of body: (inout Plan) -> Result) -> (Result, ParameterRange) {
        let first = (isShared ? shared : own).parameters.count
        let result = body(&self)
        return (result, ParameterRange(isShared: isShared, indices: first..<(isShared ? shared : own).parameters.count))
    }

    // MARK: - Memory of a pass

    /// A matrix of at most `rows` x `columns`.
    public mutating func matrix(rows: Int, columns: Int) -> MatrixSlot {
        MatrixSlot(offset: take(rows * columns), count: rows * columns, columns: columns)
    }

    /// A matrix that products meet as a factor, in the form that the backend stores such in.
    public mutating func factor(rows: Int, columns: Int) -> MatrixSlot {
        let element = backend.factorElement, count = rows * columns
        return MatrixSlot(offset: take((count * element.size + 3) / 4), count: count, columns: columns, element: element)
    }

    /// The input of an encoder: a factor of products, but for a device that only encodes, whose users ask for it.
    public mutating func features(rows: Int, columns: Int) -> MatrixSlot {
        isTraining ? factor(rows: rows, columns: columns) : matrix(rows: rows, columns: columns)
    }

    /// A matrix that only backward passes need: nothing without training.
    public mutating func gradient(rows: Int, columns: Int) -> MatrixSlot {
        matrix(rows: isTraining ? rows : 0, columns: columns)
    }

    /// A factor that only backward passes need.
    public mutating func gradientFactor(rows: Int, columns: Int) -> MatrixSlot {
        factor(rows: isTraining ? rows : 0, columns: columns)
    }

    /// A factor of rows x columns, or its transpose, that is packed for many products.
    public mutating func packed(rows: Int, columns: Int) -> MatrixSlot {
        matrix(rows: 1, columns: backend.packedCount(rows: rows, columns: columns))
    }

    /// A weight that is packed for all steps of a window: nothing on a device that trains, which keeps weights in that form.
    public mutating func packedWeight(rows: Int, columns: Int) -> MatrixSlot {
        isFrugal || !isTraining ? packed(rows: rows, columns: columns) : matrix(rows: 0, columns: columns)
    }

    /// - Parameter forHost: whether the host reads or writes them.
    public mutating func numbers(_ count: Int, forHost: Bool = true) -> NumberSlot {
        NumberSlot(offset: take(count, forHost: forHost), count: count, isForHost: forHost)
    }

    /// - Parameter forHost: whether the host reads or writes them.
    public mutating func scalars(_ count: Int, forHost: Bool = true) -> ScalarSlot {
        ScalarSlot(offset: take(2 * count, forHost: forHost), count: count, isForHost: forHost)
    }

    /// Says what the memory that `body` declares is for, in the bill.
    public mutating func memory<Result>(of part: String, _ body: (inout Plan) -> Result) -> Result {
        let before = self.part
        self.part = part
        defer { self.part = before }
        return body(&self)
    }

    /// - Parameter forHost: whether the host reads and writes it too.
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

    /// The bytes that each part of a pass takes; together as many as `PassMemory` allocates.
    public var bill: [(name: String, bytes: Int)] { items.map { ($0.name, 4 * $0.floats) } }

    // MARK: - Dropout

    /// A number for a place that drops units: different places drop different ones.
    public mutating func dropoutSite() -> Int {
        sites += 1
        return sites
    }
}

/// Parameters that were declared one after the other.
public struct ParameterRange: Sendable, Equatable {
    /// True for parameters of the layout that networks have in common.
    public let isShared: Bool
    /// Their places in `ParameterLayout.parameters`.
    public let indices: Range<Int>
}

/// Room for a matrix in the memory of a pass.
public struct MatrixSlot: Sendable {
    let offset, count, columns: Int
    var element = Matrix.Element.float32
}

/// Room for whole numbers in the memory of a pass.
public struct NumberSlot: Sendable {
    let offset, count: Int
    let isForHost: Bool
}

/// Room for numbers in double precision in the memory of a pass.
public struct ScalarSlot: Sendable {
    let offset, count: Int
    let isForHost: Bool
}

/// The memory of the passes of one network, one after the other, and whether the next one begins in the zero state.
public final class PassMemory {
    fileprivate let buffer, shared: FloatBuffer
    public let capacity: WindowCapacity
    public let isTraining: Bool
    /// True if the next pass begins in the zero state, whatever the rows of the state hold. A pass clears as many of these rows as
    /// it has sequences.
    public var startsAtZero = true

    public init(_ plan: Plan) {
        buffer = plan.backend.allocate(plan.floats)
        shared = plan.backend.allocateShared(plan.sharedFloats)
        capacity = plan.capacity
        isTraining = plan.isTraining
    }

    public var bytes: Int { buffer.bytes + shared.bytes }
}

/// The weights, the memory, the backend and the purpose of a pass.
public struct Run {
    public let parameters: ParameterStore
    /// The weights of layers that networks have in common.
    public let shared: ParameterStore?
    public let memory: PassMemory
    public let backend: any Backend
    public var mode: PassMode
    /// Called by a backward pass as soon as the gradients of some parameters are complete, in the order in which they are:
    /// where machines begin to communicate. `nil`: not wanted, or more windows will add to the gradients.
    public var finish: ((ParameterRange) -> Void)?
    /// Called by a forward pass before it reads the weights of some parameters: where machines wait for weights that others have
    /// updated. `nil`: all weights are there.
    public var begin: ((ParameterRange) -> Void)?

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

    public func enter(_ phase: Phase, of part: Part? = nil) { backend.enter(phase, of: part) }

    func store(of parameter: Parameter) -> ParameterStore {
        guard parameter.isShared else { return parameters }
        guard let shared else { preconditionFailure("\(parameter.name) is in a store that is not there") }
        return shared
    }

    public func value(_ parameter: Parameter) -> Matrix { store(of: parameter).value(parameter) }
    public func gradient(_ parameter: Parameter) -> Matrix { store(of: parameter).gradient(parameter) }
    /// Adds a product to the gradient of a weight.
    func addProduct(_ left: some Factor, _ right: some Factor, toGradientOf weight: Parameter) {
        store(of: weight).addProduct(left, right, toGradientOf: weight)
    }
    func rows(_ parameter: Parameter) -> ParameterRows { store(of: parameter).rows(parameter) }
    /// A weight as it was packed, if it was and is current.
    func packed(_ parameter: Parameter) -> PackedFactor? { store(of: parameter).packedWeights?.plain(parameter) }

    /// result = input * weight, or result += input * weight with `adding`: [n, inputs] to [n, outputs].
    func multiply(_ input: Matrix, by weight: Parameter, into result: Matrix, adding: Bool = false) {
        if let packed = packed(weight) {
            backend.multiply(input, packed, into: result, adding: adding)
        } else {
            backend.multiply(input, value(weight), into: result, adding: adding)
        }
    }

    /// result = input * weight + bias: [n, inputs] to [n, outputs].
    func multiply(_ input: Matrix, by weight: Parameter, bias: Parameter?, into result: Matrix) {
        guard let bias else { return multiply(input, by: weight, into: result) }
        if let packed = packed(weight) {
            backend.multiply(input, packed, bias: value(bias), into: result)
        } else {
            backend.multiply(input, value(weight), bias: value(bias), into: result)
        }
    }

    /// result = gradient * transposed weight, or result += … with `adding`: [n, outputs] to [n, inputs].
    func multiply(_ gradient: Matrix, byTransposed weight: Parameter, into result: Matrix, adding: Bool = false) {
        if let packed = store(of: weight).packedWeights?.transposed(weight) {
            backend.multiply(gradient, packed, into: result, adding: adding)
        } else {
            backend.multiply(gradient, value(weight).transposed, into: result, adding: adding)
        }
    }

    /// `rows` rows of a slot, `columns` wide if that is not what the slot was planned for.
    public func matrix(_ slot: MatrixSlot, rows: Int, columns: Int? = nil) -> Matrix {
        precondition(rows * (columns ?? slot.columns) <= slot.count, "\(rows) rows in memory planned for fewer")
        return Matrix(
            memory.buffer, at: slot.offset, rows: rows, columns: columns ?? slot.columns, element: slot.element)
    }

    /// The whole slot as one row.
    func vector(_ slot: MatrixSlot) -> Matrix { matrix(slot, rows: 1, columns: slot.count) }

    public func numbers(_ slot: NumberSlot) -> Numbers {
        Numbers(slot.isForHost ? memory.shared : memory.buffer, at: slot.offset, count: slot.count)
    }
    public func scalars(_ slot: ScalarSlot) -> Scalars {
        Scalars(slot.isForHost ? memory.shared : memory.buffer, at: slot.offset, count: slot.count)
    }

    func check(_ shape: WindowShape) {
        precondition(
            memory.capacity.holds(shape),
            "\(shape.steps) steps of \(shape.batch) in memory for \(memory.capacity.rows) rows of \(memory.capacity.batch)")
    }
}
