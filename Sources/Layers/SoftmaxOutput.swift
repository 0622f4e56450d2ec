public import Kernels

/// The full softmax over a vocabulary: exact, and as dear as the vocabulary is large.
public final class SoftmaxOutput: OutputLayer {
    public let softmax: ClassSoftmax
    private let memory: LogitsMemory
    /// Whether the weights are the caller's, who initialises them: an input layer's table.
    private let isTied: Bool

    /// - Parameter table: weights [classes, inputs] declared elsewhere, to be used here too (tied embeddings, Press and
    ///   Wolf 2017); `nil` declares some.
    public init(
        _ name: String, inputs: Int, classes: Int, tiedTo table: Parameter? = nil, rows: Int,
        logitsBytes: Int = LogitsMemory.defaultBytes, in layout: inout ParameterLayout
    ) {
        isTied = table != nil
        memory = LogitsMemory(bytes: logitsBytes, classes: classes, rows: rows)
        softmax = ClassSoftmax(
            weight: table ?? layout.declare("\(name).weight", [classes, inputs]),
            bias: layout.declare("\(name).bias", [classes]), rows: rows, memory: memory)
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        if !isTied { parameters.fillClasses(softmax.weight, random: &random) }
        if let bias = softmax.bias { parameters.fill(bias, with: 0) }
    }

    public func accumulate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, draw: Draw, statesGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute
    ) -> Double {
        softmax.accumulate(
            states, targets: targets.numbers, factors: RowFactors(weights, rows: states.rows),
            statesGradient: statesGradient, parameters, compute)
    }

    public func evaluate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, _ parameters: ParameterStore,
        _ compute: Compute
    ) -> Double {
        softmax.weights.loss(
            states, targets: targets.numbers, factors: RowFactors(weights, rows: states.rows), parameters, compute)
    }

    public var activationBytes: Int { memory.bytes + softmax.activationBytes }
}

extension Targets {
    /// The targets of a softmax.
    var numbers: UnsafePointer<Int32> {
        guard case .classes(let classes) = self else { preconditionFailure("the targets of a softmax are classes") }
        return classes
    }
}

extension ParameterStore {
    /// The weights of classes: normal with deviation 1 / sqrt(inputs), as bilm-tf begins.
    func fillClasses(_ weight: Parameter, random: inout Random) {
        let scale = 1 / Double(weight.shape[1]).squareRoot()
        let matrix = value(weight)
        for index in 0..<weight.count { matrix.start[index] = Float(scale * random.normal()) }
    }
}
