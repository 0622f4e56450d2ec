public import Kernels

/// The full softmax over a vocabulary. It is exact, and its cost grows with the vocabulary.
///
/// ```swift
/// let output = SoftmaxOutput("output", inputs: 512, classes: 10_000, rows: 320, in: &plan)
/// ```
public struct SoftmaxOutput: SoftmaxClasses {
    /// The softmax and its weights.
    public let softmax: ClassSoftmax
    /// Weights and biases of the classes.
    public var weights: ClassWeights { softmax.weights }
    /// True if the weights are those of an input layer's table, which the caller initialises.
    private let isTied: Bool
    private let factors: ScalarSlot

    /// Declares the layer.
    /// - `table`: weights [classes, inputs] declared elsewhere, to be used here, too (tied embeddings, Press and Wolf
    ///   2017); `nil` declares new ones.
    public init(
        _ name: String, inputs: Int, classes: Int, tiedTo table: Parameter? = nil, rows: Int,
        logitsBytes: Int = LogitsMemory.defaultBytes, in plan: inout Plan
    ) {
        isTied = table != nil
        let memory = LogitsMemory(bytes: logitsBytes, classes: classes, rows: rows, in: &plan)
        let weight = table ?? plan.parameter("\(name).weight", [classes, inputs])
        let bias = plan.parameter("\(name).bias", [classes])
        softmax = ClassSoftmax(weight: weight, bias: bias, rows: rows, memory: memory, in: &plan)
        factors = plan.scalars(rows)
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        if !isTied { parameters.fillClasses(softmax.weight, random: &random) }
        if let bias = softmax.bias { parameters.fill(bias, with: 0) }
    }

    public func accumulate(
        _ states: Matrix, _ targets: Targets, weights: Matrix?, draw: Draw, statesGradient: Matrix, loss: Scalars, _ run: Run
    ) {
        softmax.accumulate(
            states, targets: targets.numbers, factors: run.rowFactors(factors, weights, rows: states.rows),
            statesGradient: statesGradient, loss: loss, run)
    }

    public func evaluate(_ states: Matrix, _ targets: Targets, weights: Matrix?, loss: Scalars, _ run: Run) {
        softmax.weights.addLoss(
            states, targets: targets.numbers, factors: run.rowFactors(factors, weights, rows: states.rows), to: loss, run)
    }
}
