public import Kernels

/// The adaptive softmax (Grave et al. 2017): frequent classes are predicted by a head, the others in clusters. The head predicts
/// each cluster as one class, and the state is projected to a smaller size for each further cluster.
///
///     p(class | x) = head(x)[class]                                      for class < cutoffs[0]
///                  = head(x)[cluster i] * softmax(x P_i W_i^T)[class - first of i]   in cluster i
///
/// Cluster i, from 0, uses inputs / divisor^(i + 1) numbers of the state. There are no biases, as in PyTorch's
/// `AdaptiveLogSoftmaxWithLoss`. Classes must be sorted by frequency.
///
/// ```swift
/// let output = AdaptiveSoftmaxOutput(
///     "output", inputs: 512, classes: 50_000, cutoffs: [2_000, 10_000], rows: 320, in: &plan)
/// ```
public struct AdaptiveSoftmaxOutput: OutputLayer {
    let head: ClassSoftmax
    let clusters: [Cluster]
    /// Number of words among the head's classes.
    let shortlist: Int
    private let inputs: Int
    private let factors, clusterFactors: ScalarSlot
    /// The rows whose targets are in a cluster: row numbers, targets within the cluster, and factors, states and gradients.
    private let rowNumbers, headTargets, clusterTargets: NumberSlot
    private let clusterStates, clusterGradient, projectedGradient: MatrixSlot

    struct Cluster: Sendable {
        let classes: Range<Int>
        let projection: Linear
        let softmax: ClassSoftmax
    }

    /// Declares the head and the clusters.
    /// - `cutoffs`: first class of each cluster, ascending, between 1 and `classes`.
    /// - `divisor`: factor by which each cluster is smaller than the previous one.
    public init(
        _ name: String, inputs: Int, classes: Int, cutoffs: [Int], divisor: Int = 4, rows: Int,
        logitsBytes: Int = LogitsMemory.defaultBytes, in plan: inout Plan
    ) {
        precondition(Self.complaint(cutoffs: cutoffs, classes: classes) == nil)
        self.inputs = inputs
        shortlist = cutoffs[0]
        let ends = cutoffs.dropFirst() + [classes]
        let headClasses = cutoffs[0] + cutoffs.count
        // A cluster seldom has more than a quarter of the rows.
        let largest = zip(cutoffs, ends).reduce(0) { max($0, $1.1 - $1.0) }
        let memory = LogitsMemory(
            bytes: logitsBytes, classes: max(headClasses, largest / 4), rows: rows, others: largest, in: &plan)
        head = ClassSoftmax(
            weight: plan.parameter("\(name).head.weight", [headClasses, inputs]), bias: nil, rows: rows, memory: memory,
            in: &plan)
        var clusters: [Cluster] = []
        var size = inputs
        for (index, (first, end)) in zip(cutoffs, ends).enumerated() {
            size = max(1, size / divisor)
            let projection = Linear(
                "\(name).cluster\(index).projection", inputs: inputs, outputs: size, bias: false, rows: rows, in: &plan)
            let weight = plan.parameter("\(name).cluster\(index).weight", [end - first, size])
            clusters.append(
                Cluster(
                    classes: first..<end, projection: projection,
                    softmax: ClassSoftmax(weight: weight, bias: nil, rows: rows, memory: memory, in: &plan)))
        }
        self.clusters = clusters
        factors = plan.scalars(rows)
        clusterFactors = plan.scalars(rows)
        rowNumbers = plan.numbers(rows)
        headTargets = plan.numbers(rows)
        clusterTargets = plan.numbers(rows)
        clusterStates = plan.matrix(rows: rows, columns: inputs)
        clusterGradient = plan.gradient(rows: rows, columns: inputs)
        projectedGradient = plan.gradient(rows: rows, columns: max(1, inputs / divisor))
    }

    /// Returns what is wrong with `cutoffs`, or `nil` if they define clusters.
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
        _ states: Matrix, _ targets: Targets, weights: Matrix?, draw: Draw, statesGradient: Matrix, loss: Scalars, _ run: Run
    ) {
        let targets = targets.numbers, factors = run.rowFactors(factors, weights, rows: states.rows)
        head.accumulate(
            states, targets: headTargets(targets, rows: states.rows, run), factors: factors, statesGradient: statesGradient,
            loss: loss, run)
        for cluster in clusters {
            guard let part = gather(cluster, states, targets, factors, run) else { continue }
            run.enter(.outputProducts)
            let projected = cluster.projection.forward(part.states, run)
            let projectedGradient = run.matrix(projectedGradient, rows: projected.rows, columns: projected.columns)
            cluster.softmax.accumulate(
                projected, targets: part.targets, factors: part.factors, statesGradient: projectedGradient, loss: loss, run)
            run.enter(.outputProducts)
            let gradient = run.matrix(clusterGradient, rows: projected.rows)
            cluster.projection.backward(part.states, outputGradient: projectedGradient, inputGradient: gradient, run)
            run.enter(.loss)
            run.backend.scatterAdd(gradient, to: statesGradient, at: part.rows)
        }
        run.enter(.other)
    }

    public func evaluate(_ states: Matrix, _ targets: Targets, weights: Matrix?, loss: Scalars, _ run: Run) {
        let targets = targets.numbers, factors = run.rowFactors(factors, weights, rows: states.rows)
        head.weights.addLoss(
            states, targets: headTargets(targets, rows: states.rows, run), factors: factors, to: loss, run)
        for cluster in clusters {
            guard let part = gather(cluster, states, targets, factors, run) else { continue }
            cluster.softmax.weights.addLoss(
                cluster.projection.forward(part.states, run), targets: part.targets, factors: part.factors, to: loss, run)
        }
    }

    private func headTargets(_ targets: Numbers, rows: Int, _ run: Run) -> Numbers {
        let headTargets = run.numbers(headTargets)
        for row in 0..<rows {
            let target = Int(targets[row])
            let cluster = clusters.firstIndex { $0.classes.contains(target) }
            headTargets[row] = Int32(cluster.map { shortlist + $0 } ?? target)
        }
        return headTargets
    }

    /// The rows with nonzero factors whose targets are in a cluster.
    private struct ClusterRows {
        let rows, targets: Numbers
        let factors: Scalars
        let states: Matrix
    }

    private func gather(
        _ cluster: Cluster, _ states: Matrix, _ targets: Numbers, _ factors: Scalars, _ run: Run
    ) -> ClusterRows? {
        let numbers = run.numbers(rowNumbers), own = run.numbers(clusterTargets), ownFactors = run.scalars(clusterFactors)
        var count = 0
        // The host reads the factors, and overwrites what the previous cluster used.
        run.backend.wait()
        for row in 0..<states.rows where cluster.classes.contains(Int(targets[row])) && factors[row] != 0 {
            numbers[count] = Int32(row)
            own[count] = targets[row] - Int32(cluster.classes.lowerBound)
            ownFactors[count] = Double(Float(factors[row]))
            count += 1
        }
        guard count > 0 else { return nil }
        let gathered = run.matrix(clusterStates, rows: count)
        run.backend.gather(numbers, of: states, into: gathered)
        return ClusterRows(
            rows: numbers[0..<count], targets: own[0..<count], factors: ownFactors[0..<count], states: gathered)
    }
}

extension AdaptiveSoftmaxOutput: ClassifyingOutput {
    /// Some classes of an adaptive softmax, part by part: those of the head, then those of each cluster.
    ///
    /// ```swift
    /// let subset = output.subset([0, 5, 2_100], run)
    /// ```
    public struct Subset {
        fileprivate let count: Int
        fileprivate let parts: [Part]
        /// The part to which each class belongs, and its place in the part.
        fileprivate let places: [(part: Int, place: Int)]
        /// The classes of the head that stand for clusters, [clusters].
        fileprivate let heads: ClassSubset
    }

    fileprivate struct Part {
        /// `nil` for the head.
        let cluster: Int?
        let classes: ClassSubset
    }

    public func subset(_ classes: [Int32], _ run: Run) -> Subset {
        let numbers = classes.map { number in clusters.firstIndex { $0.classes.contains(Int(number)) } }
        var parts: [Part] = [], places = [(part: Int, place: Int)](repeating: (0, 0), count: classes.count)
        for cluster in [nil] + clusters.indices.map(Optional.some) {
            let own = classes.indices.filter { numbers[$0] == cluster }
            guard !own.isEmpty else { continue }
            for (place, index) in own.enumerated() { places[index] = (parts.count, place) }
            let (weights, first) = cluster.map { (clusters[$0].softmax.weights, clusters[$0].classes.lowerBound) } ?? (head.weights, 0)
            parts.append(Part(cluster: cluster, classes: weights.subset(own.map { classes[$0] - Int32(first) }, run)))
        }
        let heads = head.weights.subset(clusters.indices.map { Int32(shortlist + $0) }, run)
        return Subset(count: classes.count, parts: parts, places: places, heads: heads)
    }

    /// Ranks targets by log-probabilities without the head's normaliser, which is the same for all classes. A class of a cluster
    /// has its logit there plus log p(cluster), which is the same for all its classes.
    public func rank(_ states: Matrix, among subset: Subset, targets: [Int], _ run: Run) -> [CandidateScores] {
        let inputs = inputs(of: subset, states, run)
        // For each part and row, the target if it is in that part.
        let own = zip(subset.parts, inputs).enumerated().map { number, part -> [ScoreTarget?] in
            let places = targets.map { subset.places[$0].part == number ? subset.places[$0].place : -1 }
            let values = run.backend.values(part.1.states, part.0.classes.weights, at: places)
            let biases = run.backend.read(part.0.classes.bias)
            return zip(places, values).map { $0 < 0 ? nil : ScoreTarget(value: $1, prior: biases[$0]) }
        }
        let scores = targets.indices.map { row in
            let part = subset.places[targets[row]].part
            return (own[part][row].map { Double($0.value + $0.prior) } ?? .nan) + inputs[part].offsets[row]
        }
        var sums = [ScoreSums](repeating: ScoreSums(), count: states.rows)
        for (number, part) in subset.parts.enumerated() {
            let offsets = inputs[number].offsets
            let compared = targets.indices.map { row in own[number][row] ?? ScoreTarget(score: Float(scores[row] - offsets[row])) }
            let found = run.backend.scoreSums(
                inputs[number].states, part.classes.weights, prior: part.classes.bias, scale: 1, targets: compared, moments: false)
            for row in sums.indices { sums[row].add(found[row], offset: offsets[row]) }
        }
        withExtendedLifetime(inputs) {}
        return sums.indices.map { CandidateScores(sums[$0], targetScore: scores[$0], count: subset.count) }
    }

    public func logScores(_ states: Matrix, of subset: Subset, _ run: Run) -> [Float] {
        let inputs = inputs(of: subset, states, run)
        let parts = zip(subset.parts, inputs).map { part, input in
            let memory = run.backend.allocate(states.rows * part.classes.count)
            let logits = Matrix(memory, rows: states.rows, columns: part.classes.count)
            part.classes.logits(input.states, into: logits, run)
            return run.backend.read(logits)
        }
        return (0..<states.rows).flatMap { row in
            subset.places.map { part, place in
                parts[part][row * subset.parts[part].classes.count + place] + Float(inputs[part].offsets[row])
            }
        }
    }

    /// The states as the input of one part of a subset, and what must be added to its scores at each row.
    private struct PartInput {
        var states: Matrix
        var offsets: [Double]
        var memory: FloatBuffer?
    }

    private func inputs(of subset: Subset, _ states: Matrix, _ run: Run) -> [PartInput] {
        let ofClusters = run.backend.allocate(states.rows * clusters.count)
        let logits = Matrix(ofClusters, rows: states.rows, columns: clusters.count)
        subset.heads.logits(states, into: logits, run)
        let clusterLogits = run.backend.read(logits)
        withExtendedLifetime(ofClusters) {}
        return subset.parts.map { part in
            var input = PartInput(states: states, offsets: [Double](repeating: 0, count: states.rows))
            guard let index = part.cluster else { return input }
            let cluster = clusters[index], memory = run.backend.allocate(states.rows * cluster.projection.outputs)
            input.memory = memory
            input.states = Matrix(memory, rows: states.rows, columns: cluster.projection.outputs)
            run.backend.multiply(states, run.value(cluster.projection.weight), into: input.states)
            let normalizers = cluster.softmax.weights.logNormalizers(input.states, run)
            for row in input.offsets.indices {
                input.offsets[row] = Double(clusterLogits[row * clusters.count + index]) - normalizers[row]
            }
            return input
        }
    }
}
