internal import Kernels
internal import Parallel

/// The weights of a softmax's classes, [classes, inputs], and their biases, [classes], where it has some: what scoring takes,
/// without gradients.
public struct ClassWeights {
    public let weight: Parameter
    public let bias: Parameter?

    var classes: Int { weight.shape[0] }
    var inputs: Int { weight.shape[1] }

    /// Classes whose weights are packed at once.
    private static let blockClasses = 8192

    /// The sum over rows of factor x -log p(class).
    func loss(
        _ states: Matrix, targets: UnsafePointer<Int32>, factors: RowFactors, _ parameters: ParameterStore, _ compute: Compute
    ) -> Double {
        var sums = [ScoreSums](repeating: ScoreSums(), count: states.rows)
        var logits = [Double](repeating: 0, count: states.rows)
        forEachBlock(parameters, compute) { block, subset in
            let places = (0..<states.rows).map { block.contains(Int(targets[$0])) ? Int(targets[$0]) - block.lowerBound : -1 }
            for (row, value) in compute.values(states, subset.weights, at: places).enumerated() where places[row] >= 0 {
                logits[row] = Double(value) + Double(subset.bias.start[places[row]])
            }
            subset.add(states, to: &sums, compute)
        }
        return (0..<states.rows).reduce(0.0) { loss, row in
            factors[row] == 0 ? loss : loss + factors[row] * (sums[row].logTotal - logits[row])
        }
    }

    /// log(sum over classes of e^logit) for each row of `states`.
    func logNormalizers(_ states: Matrix, _ parameters: ParameterStore, _ compute: Compute) -> [Double] {
        var sums = [ScoreSums](repeating: ScoreSums(), count: states.rows)
        forEachBlock(parameters, compute) { _, subset in subset.add(states, to: &sums, compute) }
        return sums.map(\.logTotal)
    }

    private func forEachBlock(
        _ parameters: ParameterStore, _ compute: Compute, _ body: (_ classes: Range<Int>, _ subset: ClassSubset) -> Void
    ) {
        for first in stride(from: 0, to: classes, by: Self.blockClasses) {
            let block = first..<min(classes, first + Self.blockClasses)
            body(block, subset(block.map(Int32.init), parameters, compute))
        }
    }

    /// Packs some classes for products with states.
    func subset(_ classes: [Int32], _ parameters: ParameterStore, _ compute: Compute) -> ClassSubset {
        let values = parameters.value(weight)
        let packed = PackedMatrix(rows: inputs, columns: classes.count)
        if let first = classes.first, classes.indices.allSatisfy({ classes[$0] == first + Int32($0) }) {
            // Side by side as they are, as all classes of a vocabulary.
            compute.pack(values.rows(Int(first)..<Int(first) + classes.count).transposed, into: packed)
        } else {
            let chosen = FloatBuffer(count: classes.count * inputs)
            let rows = Matrix(chosen, rows: classes.count, columns: inputs)
            compute.pool.forEach(classes.count) { place in
                rows.row(place).update(from: values.row(Int(classes[place])), count: inputs)
            }
            compute.pack(rows.transposed, into: packed)
            withExtendedLifetime(chosen) {}
        }
        let biases = FloatBuffer(count: classes.count)
        if let bias {
            let all = parameters.value(bias).start
            for (place, number) in classes.enumerated() { biases.start[place] = all[Int(number)] }
        }
        return ClassSubset(count: classes.count, weights: packed, bias: biases)
    }
}

/// Some classes of a softmax: their weights packed for products, [inputs, classes], and their biases, [classes].
public struct ClassSubset {
    public let count: Int
    let weights: PackedMatrix
    let bias: FloatBuffer

    /// Writes the logits at `states` to `logits` [rows, classes].
    func logits(_ states: Matrix, into logits: Matrix, _ compute: Compute) {
        compute.multiply(states, weights, into: logits)
        compute.pool.forEach(states.rows) { Vector.add(bias.start, to: logits.row($0), count: count) }
    }

    /// Adds the logits at each row of `states` to its sum.
    fileprivate func add(_ states: Matrix, to sums: inout [ScoreSums], _ compute: Compute) {
        let targets = [ScoreTarget](repeating: .none, count: states.rows)
        for (row, sum) in compute.scoreSums(states, weights, prior: bias.start, targets: targets).enumerated() {
            sums[row].add(sum)
        }
    }
}
