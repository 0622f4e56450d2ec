public import Kernels

/// An output layer that predicts one of a vocabulary.
public protocol ClassifyingOutput: OutputLayer {
    /// Scores of some classes for `states` [rows, size], into `scores` [rows, classes]: log p(class) but for a number that
    /// is the same for all classes of a row.
    func scores(
        _ states: Matrix, of classes: [Int32], into scores: Matrix, _ parameters: ParameterStore, _ compute: Compute)
}

extension ClassSoftmax {
    /// The logits of some classes, into [rows, classes].
    func logits(
        _ states: Matrix, of classes: [Int32], into logits: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        let values = parameters.value(weight)
        if let first = classes.first, classes.indices.allSatisfy({ classes[$0] == first + Int32($0) }) {
            // Side by side as they are, as all classes of a vocabulary.
            compute.multiply(states, values.rows(Int(first)..<Int(first) + classes.count).transposed, into: logits)
        } else {
            let chosen = FloatBuffer(count: classes.count * inputs)
            for (place, number) in classes.enumerated() {
                (chosen.start + place * inputs).update(from: values.row(Int(number)), count: inputs)
            }
            compute.multiply(states, Matrix(chosen, rows: classes.count, columns: inputs).transposed, into: logits)
            withExtendedLifetime(chosen) {}
        }
        guard let bias = bias.map({ parameters.value($0).start }) else { return }
        for row in 0..<states.rows {
            let line = logits.row(row)
            for (place, number) in classes.enumerated() { line[place] += bias[Int(number)] }
        }
    }
}

extension SoftmaxOutput: ClassifyingOutput {
    public func scores(
        _ states: Matrix, of classes: [Int32], into scores: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        softmax.logits(states, of: classes, into: scores, parameters, compute)
    }
}

extension SampledSoftmaxOutput: ClassifyingOutput {
    public func scores(
        _ states: Matrix, of classes: [Int32], into scores: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        full.logits(states, of: classes, into: scores, parameters, compute)
    }
}

extension AdaptiveSoftmaxOutput: ClassifyingOutput {
    public func scores(
        _ states: Matrix, of classes: [Int32], into scores: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) {
        // The head's logit of the word or of its cluster; the head's normaliser is the same for all classes.
        let headClasses = classes.map { number in
            clusters.firstIndex { $0.classes.contains(Int(number)) }.map { Int32(shortlist + $0) } ?? number
        }
        head.logits(states, of: headClasses, into: scores, parameters, compute)
        let normalizers = FloatBuffer(count: states.rows)
        for cluster in clusters {
            let places = classes.indices.filter { cluster.classes.contains(Int(classes[$0])) }
            guard !places.isEmpty else { continue }
            let inside = places.map { classes[$0] - Int32(cluster.classes.lowerBound) }
            let projected = FloatBuffer(count: states.rows * cluster.projection.outputs)
            let below = Matrix(projected, rows: states.rows, columns: cluster.projection.outputs)
            cluster.projection.forward(states, into: below, parameters, compute)
            cluster.softmax.logNormalizers(below, into: normalizers.start, parameters, compute)
            let logits = FloatBuffer(count: states.rows * places.count)
            let matrix = Matrix(logits, rows: states.rows, columns: places.count)
            cluster.softmax.logits(below, of: inside, into: matrix, parameters, compute)
            for row in 0..<states.rows {
                for (index, place) in places.enumerated() {
                    scores.row(row)[place] += matrix.row(row)[index] - normalizers.start[row]
                }
            }
        }
    }
}
