public import Kernels

/// The weights of a softmax's classes, [classes, inputs], and their biases, [classes], if there are any: all that scoring without
/// gradients needs.
///
/// ```swift
/// let subset = output.weights.weight.shape[0]     // number of classes
/// ```
public struct ClassWeights: Sendable {
    /// Weights, [classes, inputs].
    public let weight: Parameter
    /// Biases, [classes]; `nil` if there are none.
    public let bias: Parameter?

    var classes: Int { weight.shape[0] }
    var inputs: Int { weight.shape[1] }

    /// Classes whose weights are packed together.
    private static let blockClasses = 8192

    /// Adds the sum over rows of factor x -log p(class) to `loss`.
    func addLoss(_ states: Matrix, targets: Numbers, factors: Scalars, to loss: Scalars, _ run: Run) {
        run.backend.wait()
        var sums = [ScoreSums](repeating: ScoreSums(), count: states.rows)
        var logits = [Double](repeating: 0, count: states.rows)
        forEachBlock(run) { block, subset in
            let places = (0..<states.rows).map { block.contains(Int(targets[$0])) ? Int(targets[$0]) - block.lowerBound : -1 }
            let biases = run.backend.read(subset.bias)
            for (row, value) in run.backend.values(states, subset.weights, at: places).enumerated() where places[row] >= 0 {
                logits[row] = Double(value) + Double(biases[places[row]])
            }
            subset.add(states, to: &sums, run)
        }
        loss[0] += (0..<states.rows).reduce(0.0) { loss, row in
            factors[row] == 0 ? loss : loss + factors[row] * (sums[row].logTotal - logits[row])
        }
    }

    /// Returns log(sum over classes of e^logit) for each row of `states`.
    func logNormalizers(_ states: Matrix, _ run: Run) -> [Double] {
        var sums = [ScoreSums](repeating: ScoreSums(), count: states.rows)
        forEachBlock(run) { _, subset in subset.add(states, to: &sums, run) }
        return sums.map(\.logTotal)
    }

    private func forEachBlock(_ run: Run, _ body: (_ classes: Range<Int>, _ subset: ClassSubset) -> Void) {
        for first in stride(from: 0, to: classes, by: Self.blockClasses) {
            let block = first..<min(classes, first + Self.blockClasses)
            body(block, subset(block.map(Int32.init), run))
        }
    }

    /// Packs some classes for products with states.
    func subset(_ classes: [Int32], _ run: Run) -> ClassSubset {
        let values = run.value(weight), numbers = run.backend.allocateShared(classes.count)
        let rows = Numbers(numbers, count: classes.count)
        for (place, number) in classes.enumerated() { rows[place] = number }
        let packed: PackedFactor
        if let first = classes.first, classes.indices.allSatisfy({ classes[$0] == first + Int32($0) }) {
            // The classes are adjacent, as all classes of a vocabulary are.
            packed = run.backend.packed(values.rows(Int(first)..<Int(first) + classes.count).transposed)
        } else {
            let chosen = run.backend.allocate(classes.count * inputs)
            let matrix = Matrix(chosen, rows: classes.count, columns: inputs)
            run.backend.gather(rows, of: values, into: matrix)
            packed = run.backend.packed(matrix.transposed)
            run.backend.wait()
            withExtendedLifetime(chosen) {}
        }
        let biases = run.backend.allocate(classes.count)
        if let bias {
            let all = run.value(bias)
            let column = all.reshaped(rows: all.rows * all.columns, columns: 1)
            run.backend.gather(rows, of: column, into: Matrix(biases, rows: classes.count, columns: 1))
        }
        run.backend.wait()
        withExtendedLifetime(numbers) {}
        return ClassSubset(count: classes.count, weights: packed, biases: biases)
    }
}

/// Some classes of a softmax: packed weights, [inputs, classes], and biases, [classes].
///
/// ```swift
/// let subset = output.subset([3, 17, 42], run)
/// let scores = output.rank(states, among: subset, targets: targets, run)
/// ```
public struct ClassSubset {
    /// Number of classes.
    public let count: Int
    let weights: PackedFactor
    fileprivate let biases: FloatBuffer

    /// Biases as a row, [1, classes].
    var bias: Matrix { Matrix(biases, rows: 1, columns: count) }

    /// Writes the logits of `states` to `logits` [rows, classes].
    func logits(_ states: Matrix, into logits: Matrix, _ run: Run) {
        run.backend.multiply(states, weights, into: logits)
        run.backend.addRow(bias, to: logits)
    }

    /// Adds the logits of each row of `states` to the row's sums.
    fileprivate func add(_ states: Matrix, to sums: inout [ScoreSums], _ run: Run) {
        let targets = [ScoreTarget](repeating: .none, count: states.rows)
        let found = run.backend.scoreSums(states, weights, prior: bias, scale: 1, targets: targets, moments: false)
        for (row, sum) in found.enumerated() { sums[row].add(sum) }
    }
}

/// An output layer that predicts a class of a vocabulary, and can rank some classes without the others.
///
/// ```swift
/// let subset = output.subset([3, 17, 42], run)
/// let logProbabilities = output.logScores(states, of: subset, run)      // plus a constant
/// ```
public protocol ClassifyingOutput: OutputLayer {
    /// Classes prepared for ranking.
    associatedtype Subset

    /// Prepares classes for ranking with their current weights.
    func subset(_ classes: [Int32], _ run: Run) -> Subset

    /// Ranks the target of each row of `states` [rows, inputs] by probability among the classes of `subset`.
    /// - `targets`: index in the subset of each row's target, [rows].
    func rank(_ states: Matrix, among subset: Subset, targets: [Int], _ run: Run) -> [CandidateScores]

    /// Returns log-probabilities of a subset's classes for each row of `states`, up to a constant for each row: [rows x classes] in
    /// row order.
    func logScores(_ states: Matrix, of subset: Subset, _ run: Run) -> [Float]
}

/// An output layer whose probabilities are the softmax of its logits.
///
/// ```swift
/// output.logits(states, of: output.subset([3, 17], run), into: logits, run)
/// ```
public protocol SoftmaxClasses: ClassifyingOutput where Subset == ClassSubset {
    /// Weights and biases of the classes.
    var weights: ClassWeights { get }
}

extension SoftmaxClasses {
    /// Prepares classes for ranking with their current weights.
    public func subset(_ classes: [Int32], _ run: Run) -> ClassSubset { weights.subset(classes, run) }

    /// Ranks the target of each row of `states` [rows, inputs], an index in the subset, by the softmax of the subset's logits.
    public func rank(_ states: Matrix, among subset: ClassSubset, targets: [Int], _ run: Run) -> [CandidateScores] {
        run.backend.candidateScores(states, subset.weights, prior: subset.bias, targets: targets)
    }

    /// Returns the logits of a subset's classes for each row of `states` [rows, inputs]: [rows x classes] in row order.
    public func logScores(_ states: Matrix, of subset: ClassSubset, _ run: Run) -> [Float] {
        let memory = run.backend.allocate(states.rows * subset.count)
        let logits = Matrix(memory, rows: states.rows, columns: subset.count)
        subset.logits(states, into: logits, run)
        return run.backend.read(logits)
    }

    /// Writes the logits of a subset's classes for `states` [rows, inputs] to `logits` [rows, classes].
    public func logits(_ states: Matrix, of subset: ClassSubset, into logits: Matrix, _ run: Run) {
        subset.logits(states, into: logits, run)
    }
}
