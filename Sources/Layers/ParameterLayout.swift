public import Kernels

/// A named tensor among the trainable weights of a network.
public struct Parameter: Sendable, Equatable {
    /// Its path, `forward.layer1.recurrent.weight` for example: the name in the model file too.
    public let name: String
    /// Row-major; one or two dimensions.
    public let shape: [Int]
    /// True if a step touches few of its rows: see `ParameterRows`.
    public let isSparse: Bool
    /// True if the parameter is of layers that networks have in common.
    public let isShared: Bool
    /// Where it starts in the store, in floats; of a sparse one, its number among those.
    let offset: Int

    public var count: Int { shape.reduce(1, *) }

    /// Unlike that of any other in its store.
    var place: Int { isSparse ? -1 - offset : offset }

    /// Floats that it takes: each parameter starts on a cache line, but for a sparse one's.
    var extent: Int { isSparse ? count : (count + 15) / 16 * 16 }

    /// True if it is more than a bias or a gain; a sparse bias has rows of one number.
    var isMatrix: Bool { shape.count > 1 && !(isSparse && shape[1] == 1) }
}

/// The list of a network's parameters: layers declare theirs in a `Plan`, then one store holds them all.
public struct ParameterLayout: Sendable {
    public private(set) var parameters: [Parameter] = []
    /// Floats to allocate: each parameter starts on a cache line.
    private(set) var extent = 0
    private var sparseCount = 0

    public init() {}

    mutating func declare(_ name: String, _ shape: [Int], isSparse: Bool, isShared: Bool) -> Parameter {
        precondition(!parameters.contains { $0.name == name }, "parameter \(name) is declared twice")
        let offset = isSparse ? sparseCount : extent
        let parameter = Parameter(name: name, shape: shape, isSparse: isSparse, isShared: isShared, offset: offset)
        parameters.append(parameter)
        if isSparse { sparseCount += 1 } else { extent += parameter.extent }
        return parameter
    }

    /// The bytes that a store of these parameters takes, added up by the first `names` parts of their names: the weights, and
    /// everything that training keeps beside them. Gradients of sparse parameters are not counted: they grow as rows are touched.
    /// - Parameter backend: where the store is; some keep more than others.
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

    /// The number of trainable weights.
    public var count: Int { parameters.reduce(0) { $0 + $1.count } }
}
