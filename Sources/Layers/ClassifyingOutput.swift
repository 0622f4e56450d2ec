public import Kernels

/// An output layer that predicts one of a vocabulary, and ranks some of its classes without the others.
public protocol ClassifyingOutput: OutputLayer {
    /// What an output layer prepares to rank some of its classes.
    associatedtype Subset

    /// Prepares classes for ranking, with the weights that they have now.
    func subset(_ classes: [Int32], _ parameters: ParameterStore, _ compute: Compute) -> Subset

    /// Ranks the target of each row of `states` [rows, inputs] among the classes of `subset`, by their probabilities.
    /// - Parameter targets: [rows], places in the subset.
    func rank(
        _ states: Matrix, among subset: Subset, targets: [Int], _ parameters: ParameterStore, _ compute: Compute
    ) -> [CandidateScores]
}

/// A softmax whose probabilities are those of its logits.
public protocol SoftmaxClasses: ClassifyingOutput where Subset == ClassSubset {
    var weights: ClassWeights { get }
}

extension SoftmaxClasses {
    public func subset(_ classes: [Int32], _ parameters: ParameterStore, _ compute: Compute) -> ClassSubset {
        weights.subset(classes, parameters, compute)
    }

    public func rank(
        _ states: Matrix, among subset: ClassSubset, targets: [Int], _ parameters: ParameterStore, _ compute: Compute
    ) -> [CandidateScores] {
        compute.candidateScores(states, subset.weights, prior: subset.bias.start, targets: targets)
    }

    /// Writes the logits of the classes of `subset` at `states` [rows, inputs] to `logits` [rows, classes].
    public func logits(_ states: Matrix, of subset: ClassSubset, into logits: Matrix, _ compute: Compute) {
        subset.logits(states, into: logits, compute)
    }
}

extension SoftmaxOutput: SoftmaxClasses {
    public var weights: ClassWeights { softmax.weights }
}

extension SampledSoftmaxOutput: SoftmaxClasses {}

extension AdaptiveSoftmaxOutput: ClassifyingOutput {
    /// Some classes of an adaptive softmax, part by part: those of the head, and those of each cluster.
    public struct Subset {
        fileprivate let count: Int
        fileprivate let parts: [Part]
        /// Which part each class is of, and its place there.
        fileprivate let places: [(part: Int, place: Int)]
        /// The head's classes that are clusters: [clusters].
        fileprivate let heads: ClassSubset
    }

    fileprivate struct Part {
        /// `nil`: the head.
        let cluster: Int?
        let classes: ClassSubset
    }

    public func subset(_ classes: [Int32], _ parameters: ParameterStore, _ compute: Compute) -> Subset {
        let numbers = classes.map { number in clusters.firstIndex { $0.classes.contains(Int(number)) } }
        var parts: [Part] = [], places = [(part: Int, place: Int)](repeating: (0, 0), count: classes.count)
        for cluster in [nil] + clusters.indices.map(Optional.some) {
            let own = classes.indices.filter { numbers[$0] == cluster }
            guard !own.isEmpty else { continue }
            for (place, index) in own.enumerated() { places[index] = (parts.count, place) }
            let (weights, first) = cluster.map { (clusters[$0].softmax.weights, clusters[$0].classes.lowerBound) } ?? (head.weights, 0)
            parts.append(Part(cluster: cluster, classes: weights.subset(own.map { classes[$0] - Int32(first) }, parameters, compute)))
        }
        let heads = head.weights.subset(clusters.indices.map { Int32(shortlist + $0) }, parameters, compute)
        return Subset(count: classes.count, parts: parts, places: places, heads: heads)
    }

    /// The head's normaliser is the same for all classes, and left out. A class of a cluster has its logit there, and, the same
    /// for all classes there, log p(cluster).
    public func rank(
        _ states: Matrix, among subset: Subset, targets: [Int], _ parameters: ParameterStore, _ compute: Compute
    ) -> [CandidateScores] {
        let ofClusters = FloatBuffer(count: states.rows * clusters.count)
        let logits = Matrix(ofClusters, rows: states.rows, columns: clusters.count)
        subset.heads.logits(states, into: logits, compute)
        /// Of each part, at each row: the states as the part reads them, what its scores lack, and the target, if it is there.
        var read: [Matrix] = [], offsets: [[Double]] = [], own: [[ScoreTarget?]] = [], buffers: [FloatBuffer] = []
        for (number, part) in subset.parts.enumerated() {
            var states = states, offset = [Double](repeating: 0, count: states.rows)
            if let index = part.cluster {
                let cluster = clusters[index]
                let buffer = FloatBuffer(count: states.rows * cluster.projection.outputs)
                buffers.append(buffer)
                let below = Matrix(buffer, rows: states.rows, columns: cluster.projection.outputs)
                cluster.projection.forward(states, into: below, parameters, compute)
                states = below
                let normalizers = cluster.softmax.weights.logNormalizers(below, parameters, compute)
                for row in offset.indices { offset[row] = Double(logits.row(row)[index]) - normalizers[row] }
            }
            let places = targets.map { subset.places[$0].part == number ? subset.places[$0].place : -1 }
            let values = compute.values(states, part.classes.weights, at: places)
            own.append(zip(places, values).map { $0 < 0 ? nil : ScoreTarget(value: $1, prior: part.classes.bias.start[$0]) })
            read.append(states)
            offsets.append(offset)
        }
        let scores = targets.indices.map { row in
            let part = subset.places[targets[row]].part
            return (own[part][row].map { Double($0.value + $0.prior) } ?? .nan) + offsets[part][row]
        }
        var sums = [ScoreSums](repeating: ScoreSums(), count: states.rows)
        for (number, part) in subset.parts.enumerated() {
            let compared = targets.indices.map { row in
                own[number][row] ?? ScoreTarget(score: Float(scores[row] - offsets[number][row]))
            }
            let found = compute.scoreSums(read[number], part.classes.weights, prior: part.classes.bias.start, targets: compared)
            for row in sums.indices { sums[row].add(found[row], offset: offsets[number][row]) }
        }
        withExtendedLifetime((ofClusters, buffers)) {}
        return sums.indices.map { CandidateScores(sums[$0], targetScore: scores[$0], count: subset.count) }
    }
}
