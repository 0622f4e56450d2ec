public import Kernels
internal import Parallel

/// An output layer that predicts one of a vocabulary, and scores some of its classes without the others.
public protocol ClassifyingOutput: OutputLayer {
    /// Prepares some classes for scoring, with the weights that they have now.
    func subset(_ classes: [Int32], _ parameters: ParameterStore, _ compute: Compute) -> ClassSubset

    /// Writes the scores of the classes of `subset` for `states` [rows, inputs] to `scores` [rows, classes]: log p but for a
    /// number that is the same for all classes of a row.
    func scores(
        _ states: Matrix, of subset: ClassSubset, into scores: Matrix, _ parameters: ParameterStore, _ compute: Compute)
}

/// Some classes of a softmax: their weights packed for products, and their biases.
public struct ClassSubset {
    public let count: Int
    /// [inputs, classes]
    fileprivate let weights: PackedMatrix
    /// [classes]; `nil` if the softmax has none.
    fileprivate let bias: FloatBuffer?
    /// Of an adaptive softmax, whose head the weights are of: those of the classes that are in a cluster.
    fileprivate var clusters: [Cluster] = []

    fileprivate struct Cluster {
        let number: Int
        /// The places of these classes in the whole subset.
        let places: [Int]
        let classes: ClassSubset

        init(number: Int, places: [Int], classes: ClassSubset) {
            self.number = number
            self.places = places
            self.classes = classes
        }
    }
}

extension ClassSoftmax {
    fileprivate func subset(_ classes: [Int32], _ parameters: ParameterStore, _ compute: Compute) -> ClassSubset {
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
        let biases = bias.map { bias in
            let all = parameters.value(bias).start, chosen = FloatBuffer(count: classes.count)
            for (place, number) in classes.enumerated() { chosen.start[place] = all[Int(number)] }
            return chosen
        }
        return ClassSubset(count: classes.count, weights: packed, bias: biases)
    }

    /// Writes the logits of the classes of `subset` to `logits` [rows, classes].
    fileprivate func logits(_ states: Matrix, of subset: ClassSubset, into logits: Matrix, _ compute: Compute) {
        compute.multiply(states, subset.weights, into: logits)
        guard let bias = subset.bias else { return }
        compute.pool.forEach(states.rows) { Vector.add(bias.start, to: logits.row($0), count: subset.count) }
    }
}

extension SoftmaxOutput: ClassifyingOutput {
    public func subset(_ classes: [Int32], _ parameters: ParameterStore, _ compute: Compute) -> ClassSubset {
        softmax.subset(classes, parameters, compute)
    }

    public func scores(
        _ states: Matrix, of subset: ClassSubset, into scores: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        softmax.logits(states, of: subset, into: scores, compute)
    }
}

extension SampledSoftmaxOutput: ClassifyingOutput {
    public func subset(_ classes: [Int32], _ parameters: ParameterStore, _ compute: Compute) -> ClassSubset {
        full.subset(classes, parameters, compute)
    }

    public func scores(
        _ states: Matrix, of subset: ClassSubset, into scores: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        full.logits(states, of: subset, into: scores, compute)
    }
}

extension AdaptiveSoftmaxOutput: ClassifyingOutput {
    public func subset(_ classes: [Int32], _ parameters: ParameterStore, _ compute: Compute) -> ClassSubset {
        let numbers = classes.map { number in clusters.firstIndex { $0.classes.contains(Int(number)) } }
        // In the head, a class is itself or its cluster; the head's normaliser is the same for all classes.
        let headClasses = zip(classes, numbers).map { number, cluster in cluster.map { Int32(shortlist + $0) } ?? number }
        var subset = head.subset(headClasses, parameters, compute)
        for (number, cluster) in clusters.enumerated() {
            let places = classes.indices.filter { numbers[$0] == number }
            guard !places.isEmpty else { continue }
            let inside = places.map { classes[$0] - Int32(cluster.classes.lowerBound) }
            subset.clusters.append(
                ClassSubset.Cluster(
                    number: number, places: places, classes: cluster.softmax.subset(inside, parameters, compute)))
        }
        return subset
    }

    public func scores(
        _ states: Matrix, of subset: ClassSubset, into scores: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        head.logits(states, of: subset, into: scores, compute)
        let normalizers = FloatBuffer(count: states.rows)
        for part in subset.clusters {
            let cluster = clusters[part.number]
            let projected = FloatBuffer(count: states.rows * cluster.projection.outputs)
            let below = Matrix(projected, rows: states.rows, columns: cluster.projection.outputs)
            cluster.projection.forward(states, into: below, parameters, compute)
            cluster.softmax.logNormalizers(below, into: normalizers.start, parameters, compute)
            let logits = FloatBuffer(count: states.rows * part.places.count)
            let matrix = Matrix(logits, rows: states.rows, columns: part.places.count)
            cluster.softmax.logits(below, of: part.classes, into: matrix, compute)
            compute.pool.forEach(states.rows) { row in
                let (target, source, normalizer) = (scores.row(row), matrix.row(row), normalizers.start[row])
                for (index, place) in part.places.enumerated() { target[place] += source[index] - normalizer }
            }
            withExtendedLifetime((projected, logits)) {}
        }
    }
}
