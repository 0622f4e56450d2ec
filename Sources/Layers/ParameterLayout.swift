public import Kernels

/// A named tensor among the trainable weights of a network.
///
/// ```swift
/// let weight = plan.parameter("forward.layer1.recurrent.weight", [512, 2048])
/// ```
public struct Parameter: Sendable, Equatable {
    /// Path such as `forward.layer1.recurrent.weight`, also the name in the model file.
    public let name: String
    /// Shape, row-major, of one or two dimensions.
    public let shape: [Int]
    /// True if a step touches few of its rows; see `ParameterRows`.
    public let isSparse: Bool
    /// True if the parameter belongs to a layer that networks share.
    public let isShared: Bool
    /// Offset in the store in floats; for a sparse parameter, its number among the sparse ones.
    let offset: Int

    /// Number of weights.
    public var count: Int { shape.reduce(1, *) }

    /// A number unique within the store.
    var place: Int { isSparse ? -1 - offset : offset }

    /// Floats of memory: each parameter starts on a cache line, except sparse ones.
    var extent: Int { isSparse ? count : (count + 15) / 16 * 16 }

    /// True for anything but a bias or a gain; a sparse bias has rows of one number.
    var isMatrix: Bool { shape.count > 1 && !(isSparse && shape[1] == 1) }
}

/// The list of a network's parameters. Layers declare theirs in a `Plan`, and one store then holds them all.
///
/// ```swift
/// for parameter in plan.own.parameters { print(parameter.name, parameter.shape) }
/// ```
public struct ParameterLayout: Sendable {
    /// Parameters in the order of their declaration.
    public private(set) var parameters: [Parameter] = []
    /// Floats to allocate: each parameter starts on a cache line.
    private(set) var extent = 0
    private var sparseCount = 0

    /// Creates an empty layout.
    public init() {}

    mutating func declare(_ name: String, _ shape: [Int], isSparse: Bool, isShared: Bool) -> Parameter {
        precondition(!parameters.contains { $0.name == name }, "parameter \(name) is declared twice")
        let offset = isSparse ? sparseCount : extent
        let parameter = Parameter(name: name, shape: shape, isSparse: isSparse, isShared: isShared, offset: offset)
        parameters.append(parameter)
        if isSparse { sparseCount += 1 } else { extent += parameter.extent }
        return parameter
    }

    /// Returns the bytes that a store of these parameters takes, grouped by the first `names` parts of their names: the weights and
    /// everything that training keeps beside them. Gradients of sparse parameters are not included: they grow as rows are touched.
    /// - `backend`: the backend of the store; some keep more than others.
    public func bill(
        training: (any Optimizer)?, names: Int, backend: any Backend = ProcessorBackend()
    ) -> [(name: String, bytes: Int)] {
        var bill: [(name: String, bytes: Int)] = []
        for parameter in parameters {
            let part = parameter.name.split(separator: ".").prefix(names).joined(separator: " ") + " parameters"
            if bill.last?.name != part { bill.append((part, 0)) }
            let kept = 1 + (training?.momentNames.count ?? 0)
            let ofTraining = training == nil ? 0 : parameter.isSparse ? parameter.shape[0] : parameter.extent
            let ofTwin = training == nil || parameter.isSparse ? 0 : (backend.weightBytes - 4) * parameter.extent
            bill[bill.count - 1].bytes += 4 * (kept * parameter.extent + ofTraining) + ofTwin
        }
        return bill
    }

    /// Number of trainable weights.
    public var count: Int { parameters.reduce(0) { $0 + $1.count } }
}
