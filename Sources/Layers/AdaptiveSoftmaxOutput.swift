public import Kernels

/// The adaptive softmax (Grave et al. 2017): frequent classes in a head, the others in clusters that the head predicts as
/// one class each, with the state projected to ever smaller sizes.
///
///     p(class | x) = head(x)[class]                                      for class < cutoffs[0]
///                  = head(x)[cluster i] * softmax(x P_i W_i^T)[class - first of i]   in cluster i
///
/// Cluster i, from 0, has inputs / divisor^(i + 1) of the state's numbers. Nothing has a bias, as in PyTorch's
/// `AdaptiveLogSoftmaxWithLoss`. Classes must be sorted by frequency.
public final class AdaptiveSoftmaxOutput: OutputLayer {
    let head: ClassSoftmax
    let clusters: [Cluster]
    private let memory: LogitsMemory
    /// Classes of the head that are words.
    let shortlist: Int
    private let inputs: Int
    /// Of the rows whose targets are in a cluster: their numbers, targets there and factors, states and gradients.
    private let rowNumbers, headTargets, clusterTargets: UnsafeMutablePointer<Int32>
    private let clusterFactors, clusterStates, clusterGradient, projected, projectedGradient: FloatBuffer

    struct Cluster {
        let classes: Range<Int>
        let projection: Linear
        let softmax: ClassSoftmax
    }

    /// - Parameters:
    ///   - cutoffs: the first class of each cluster, rising, between 1 and `classes`.
    ///   - divisor: what a cluster's size is less than that of the one before.
    public init(
        _ name: String, inputs: Int, classes: Int, cutoffs: [Int], divisor: Int = 4, rows: Int,
        logitsBytes: Int = LogitsMemory.defaultBytes, in layout: inout ParameterLayout
    ) {
        precondition(Self.complaint(cutoffs: cutoffs, classes: classes) == nil)
        self.inputs = inputs
        shortlist = cutoffs[0]
        let ends = cutoffs.dropFirst() + [classes]
        let headClasses = cutoffs[0] + cutoffs.count
        // A cluster seldom has more than a quarter of the rows.
        let largest = zip(cutoffs, ends).reduce(0) { max($0, $1.1 - $1.0) }
        memory = LogitsMemory(bytes: logitsBytes, classes: max(headClasses, largest / 4), rows: rows, others: largest)
        head = ClassSoftmax(
            weight: layout.declare("\(name).head.weight", [headClasses, inputs]), bias: nil, rows: rows, memory: memory)
        var clusters: [Cluster] = []
        var size = inputs
        for (index, (first, end)) in zip(cutoffs, ends).enumerated() {
            size = max(1, size / divisor)
            let projection = Linear(
                "\(name).cluster\(index).projection", inputs: inputs, outputs: size, bias: false, in: &layout)
            let weight = layout.declare("\(name).cluster\(index).weight", [end - first, size])
            clusters.append(
                Cluster(
                    classes: first..<end, projection: projection,
                    softmax: ClassSoftmax(weight: weight, bias: nil, rows: rows, memory: memory)))
        }
        self.clusters = clusters
        rowNumbers = .allocate(capacity: rows)
        headTargets = .allocate(capacity: rows)
        clusterTargets = .allocate(capacity: rows)
        for pointer in [rowNumbers, headTargets, clusterTargets] { pointer.initialize(repeating: 0, count: rows) }
        clusterFactors = FloatBuffer(count: rows)
        clusterStates = FloatBuffer(count: rows * inputs)
        clusterGradient = FloatBuffer(count: rows * inputs)
        let widest = max(1, inputs / divisor)
        projected = FloatBuffer(count: rows * widest)
        projectedGradient = FloatBuffer(count: rows * widest)
    }

    deinit { for pointer in [rowNumbers, headTargets, clusterTargets] { pointer.deallocate() } }

    /// What is wrong with cut-offs, for a message; `nil` if nothing is.
    public static func complaint(cutoffs: [Int], classes: Int) -> String? {
        guard let first = cutoffs.first, first > 0 else { return "--cutoffs must be numbers of words above 0" }
        guard zip(cutoffs, cutoffs.dropFirst()).allSatisfy({ $0 < $1 }) else { return "--cutoffs must rise" }
        guard let last = cutoffs.last, last < classes else {
            return "the last of --cutoffs must be below the size of the vocabulary, \(classes)"
        }
        return nil
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillClasses(head.weight, random: &random)
        for cluster in clusters {
            cluster.projection.initialize(parameters, random: &random)
            parameters.fillClasses(cluster.softmax.weight, random: &random)
        }
    }

    public func accumulate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, draw: Draw, statesGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute
    ) -> Double {
        let targets = targets.numbers
        let factors = RowFactors(weights, rows: states.rows)
        setHeadTargets(targets, rows: states.rows)
        var loss = head.accumulate(
            states, targets: headTargets, factors: factors, statesGradient: statesGradient, parameters, compute)
        for cluster in clusters {
            let count = gather(cluster, states, targets, factors)
            guard count > 0 else { continue }
            let states = Matrix(clusterStates, rows: count, columns: inputs)
            let gradient = Matrix(clusterGradient, rows: count, columns: inputs)
            let projected = project(cluster, states, parameters, compute)
            let projectedGradient = Matrix(projectedGradient, rows: count, columns: projected.columns)
            loss += cluster.softmax.accumulate(
                projected, targets: clusterTargets, factors: RowFactors(exactly: clusterFactors.start),
                statesGradient: projectedGradient, parameters, compute)
            compute.enter(.outputProducts)
            cluster.projection.backward(
                states, outputGradient: projectedGradient, inputGradient: gradient, parameters, compute)
            compute.enter(.loss)
            for row in 0..<count {
                Vector.add(gradient.row(row), to: statesGradient.row(Int(rowNumbers[row])), count: inputs)
            }
        }
        compute.enter(.other)
        return loss
    }

    public func evaluate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, _ parameters: ParameterStore,
        _ compute: Compute
    ) -> Double {
        let targets = targets.numbers
        let factors = RowFactors(weights, rows: states.rows)
        setHeadTargets(targets, rows: states.rows)
        var loss = head.weights.loss(states, targets: headTargets, factors: factors, parameters, compute)
        for cluster in clusters {
            let count = gather(cluster, states, targets, factors)
            guard count > 0 else { continue }
            let projected = project(cluster, Matrix(clusterStates, rows: count, columns: inputs), parameters, compute)
            loss += cluster.softmax.weights.loss(
                projected, targets: clusterTargets, factors: RowFactors(exactly: clusterFactors.start), parameters, compute)
        }
        return loss
    }

    private func setHeadTargets(_ targets: UnsafePointer<Int32>, rows: Int) {
        for row in 0..<rows {
            let target = Int(targets[row])
            let cluster = clusters.firstIndex { $0.classes.contains(target) }
            headTargets[row] = Int32(cluster.map { shortlist + $0 } ?? target)
        }
    }

    /// Collects the rows that count and whose targets are in `cluster`; returns how many.
    private func gather(
        _ cluster: Cluster, _ states: Matrix, _ targets: UnsafePointer<Int32>, _ factors: RowFactors
    ) -> Int {
        var count = 0
        for row in 0..<states.rows where cluster.classes.contains(Int(targets[row])) && factors[row] != 0 {
            rowNumbers[count] = Int32(row)
            clusterTargets[count] = targets[row] - Int32(cluster.classes.lowerBound)
            clusterFactors.start[count] = Float(factors[row])
            (clusterStates.start + count * inputs).update(from: states.row(row), count: inputs)
            count += 1
        }
        return count
    }

    private func project(
        _ cluster: Cluster, _ states: Matrix, _ parameters: ParameterStore, _ compute: Compute
    ) -> Matrix {
        let projected = Matrix(projected, rows: states.rows, columns: cluster.projection.outputs)
        compute.enter(.outputProducts)
        cluster.projection.forward(states, into: projected, parameters, compute)
        return projected
    }

    public var activationBytes: Int {
        [clusterFactors, clusterStates, clusterGradient, projected, projectedGradient].reduce(0) { $0 + $1.bytes }
            + memory.bytes + head.activationBytes + clusters.reduce(0) { $0 + $1.softmax.activationBytes }
    }
}
