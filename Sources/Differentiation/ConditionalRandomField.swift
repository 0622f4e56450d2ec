internal import Glibc
@_spi(HostMemory) public import Kernels
public import Layers
public import Parallel

/// A linear-chain conditional random field over the labels of a sentence (Lafferty, McCallum and Pereira 2001):
///
///     p(y | x) = exp(sum over t of scores[t, y_t] + transitions[y_{t-1}, y_t]) / Z
public struct ConditionalRandomField: Sendable {
    /// Number of labels.
    public let labels: Int
    /// Scores of a label (row) and the next one (column), [labels, labels].
    public let transitions: Parameter

    /// The labels that may follow each other, and those with which a sentence may start and end.
    public struct Constraints: Sendable {
        /// Permission of each label, a row, to be followed by each label, a column: [labels x labels].
        public let transitions: [Bool]
        /// Permission of each label to start a sentence, and to end one: [labels].
        public let starts, ends: [Bool]

        /// Creates constraints.
        public init(transitions: [Bool], starts: [Bool], ends: [Bool]) {
            (self.transitions, self.starts, self.ends) = (transitions, starts, ends)
        }
    }

    /// Declares the transitions.
    public init(_ name: String, labels: Int, in plan: inout Plan) {
        self.labels = labels
        transitions = plan.parameter("\(name).transitions", [labels, labels])
    }

    /// Sets the initial transitions.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorotNormal(transitions, inputs: labels, outputs: labels, random: &random)
    }

    // MARK: Learning

    /// Adds -log p of the labels, summed over the sentences, to the loss, and computes the gradients.
    /// - `scores`: [rows, labels]
    /// - `labels`: label of each row.
    public func addLoss(_ scores: Node, labels classes: [Int32], _ sentences: Sequences, on tape: Tape) {
        precondition(scores.columns == labels && classes.count == scores.rows)
        let weights = tape.value(transitions), count = labels * labels
        // For each sentence, the expected number of transitions between two labels minus the actual number.
        let expected = weights.gradient == nil ? nil : tape.memory(rows: sentences.count, columns: count)
        let losses = tape.scalars(sentences.count), start = weights.value.start
        let factors = (0..<count).map { exp(Double(start[$0])) }
        tape.backend.pool.forEach(sentences.count) { sentence in
            losses[sentence] = self.loss(
                scores, classes, sentences.rows(of: sentence), weights.value, factors, expected: expected.map { $0.row(sentence) })
        }
        var loss = 0.0
        for sentence in 0..<sentences.count { loss += losses[sentence] }
        tape.add(loss: loss)
        guard let expected, let gradient = weights.gradient else { return }
        for sentence in 0..<sentences.count {
            let row = expected.row(sentence)
            for index in 0..<count { gradient.start[index] += row[index] }
        }
    }

    /// Returns the loss of a sentence by the forward algorithm and, with `expected`, computes its gradients by the backward
    /// algorithm. Probabilities are rescaled at every word (Rabiner 1989), in double precision.
    private func loss(
        _ scores: Node, _ classes: [Int32], _ rows: Range<Int>, _ weights: Matrix, _ factors: [Double],
        expected: UnsafeMutablePointer<Float>?
    ) -> Double {
        let length = rows.count, labels = labels
        // exp(score - highest), and the rescaled sums of prefixes and suffixes, [length, labels] each.
        var own = [Double](repeating: 0, count: length * labels), prefixes = own
        var logarithm = 0.0, chosen = 0.0
        for step in 0..<length {
            let row = scores.value.row(rows.lowerBound + step), label = Int(classes[rows.lowerBound + step])
            var highest = row[0]
            for index in 1..<labels { highest = max(highest, row[index]) }
            for index in 0..<labels { own[step * labels + index] = exp(Double(row[index] - highest)) }
            chosen += Double(row[label])
            if step > 0 { chosen += Double(weights.row(Int(classes[rows.lowerBound + step - 1]))[label]) }
            var sum = 0.0
            for next in 0..<labels {
                var total = 1.0
                if step > 0 {
                    total = 0
                    for before in 0..<labels { total += prefixes[(step - 1) * labels + before] * factors[before * labels + next] }
                }
                total *= own[step * labels + next]
                prefixes[step * labels + next] = total
                sum += total
            }
            for index in 0..<labels { prefixes[step * labels + index] /= sum }
            logarithm += log(sum) + Double(highest)
        }
        guard let expected, let gradient = scores.gradient else { return logarithm - chosen }
        for index in 0..<labels * labels { expected[index] = 0 }
        var suffix = [Double](repeating: 1, count: labels), before = suffix
        for step in (0..<length).reversed() {
            let target = gradient.row(rows.lowerBound + step), label = Int(classes[rows.lowerBound + step])
            var sum = 0.0
            for index in 0..<labels { sum += prefixes[step * labels + index] * suffix[index] }
            for index in 0..<labels { target[index] += Float(prefixes[step * labels + index] * suffix[index] / sum) }
            target[label] -= 1
            guard step > 0 else { break }
            // What follows each label of the previous word.
            var total = 0.0
            for index in 0..<labels { suffix[index] *= own[step * labels + index] }
            for last in 0..<labels {
                before[last] = 0
                for next in 0..<labels { before[last] += factors[last * labels + next] * suffix[next] }
                total += prefixes[(step - 1) * labels + last] * before[last]
            }
            for last in 0..<labels {
                let share = prefixes[(step - 1) * labels + last] / total
                for next in 0..<labels { expected[last * labels + next] += Float(share * factors[last * labels + next] * suffix[next]) }
            }
            expected[Int(classes[rows.lowerBound + step - 1]) * labels + label] -= 1
            let highest = before.max() ?? 1
            for index in 0..<labels { suffix[index] = before[index] / highest }
        }
        return logarithm - chosen
    }

    // MARK: Decoding

    /// Returns the most probable labels of each row among those that the constraints allow (Viterbi 1967); the first of equals.
    public func decode(_ scores: Matrix, _ sentences: Sequences, _ constraints: Constraints?, _ parameters: ParameterStore, pool: ThreadPool) -> [Int32] {
        Viterbi.decode(scores, sentences, transitions: parameters.value(transitions), constraints, pool: pool)
    }
}
