@_spi(HostMemory) public import Kernels
public import Parallel

/// Search for the labels of a sentence with the highest sum of scores at its words and between them (Viterbi 1967).
public enum Viterbi {
    /// Returns the labels of each row with the highest sum over a sentence, among those that the constraints allow; the first of
    /// equals.
    /// - `scores`: [rows, labels]
    /// - `transitions`: scores of a label (row) and the next one (column), [labels, labels]; `nil` means zeros.
    public static func decode(
        _ scores: Matrix, _ sentences: Sequences, transitions: Matrix? = nil, _ constraints: ConditionalRandomField.Constraints?,
        pool: ThreadPool
    ) -> [Int32] {
        var decoded = [Int32](repeating: 0, count: sentences.rows)
        let best = pool.map(sentences.count) { decode(scores.rows(sentences.rows(of: $0)), transitions, constraints) }
        for (sentence, labels) in best.enumerated() {
            for (index, label) in labels.enumerated() { decoded[sentences.starts[sentence] + index] = Int32(label) }
        }
        return decoded
    }

    private static func decode(
        _ scores: Matrix, _ transitions: Matrix?, _ constraints: ConditionalRandomField.Constraints?
    ) -> [Int] {
        let labels = scores.columns
        var best = [Double](repeating: 0, count: labels), next = best, from = [Int](repeating: 0, count: scores.rows * labels)
        for label in 0..<labels {
            best[label] = constraints?.starts[label] == false ? -.infinity : Double(scores.row(0)[label])
        }
        for step in 1..<max(1, scores.rows) {
            let row = scores.row(step)
            for label in 0..<labels {
                var highest = -Double.infinity, place = 0
                for before in 0..<labels where constraints?.transitions[before * labels + label] != false {
                    let score = best[before] + (transitions.map { Double($0.row(before)[label]) } ?? 0)
                    if score > highest { (highest, place) = (score, before) }
                }
                next[label] = highest + Double(row[label])
                from[step * labels + label] = place
            }
            swap(&best, &next)
        }
        var label = 0, highest = -Double.infinity
        for index in 0..<labels where constraints?.ends[index] != false && best[index] > highest { (label, highest) = (index, best[index]) }
        var path = [label]
        for step in (1..<max(1, scores.rows)).reversed() {
            label = from[step * labels + label]
            path.append(label)
        }
        return path.reversed()
    }
}
