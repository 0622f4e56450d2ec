internal import Glibc
@_spi(HostMemory) import Kernels

extension Tape {
    /// Adds to the loss the cross-entropy of classes, `scale` times the sum over the rows that have one of -log p[class] with p =
    /// softmax(scores), and computes its gradient.
    /// - `scores`: [rows, classes]
    /// - `classes`: class of each row; rows with a negative class are ignored.
    /// - Returns: number of rows that count.
    @discardableResult
    public func addCrossEntropy(_ scores: Node, _ classes: [Int32], scale: Double) -> Int {
        precondition(classes.count == scores.rows)
        var sum = 0.0, count = 0
        for (row, label) in classes.enumerated() where label >= 0 {
            let logits = scores.value.row(row), total = Vector.logSumOfExponentials(logits, count: scores.columns)
            sum += total - Double(logits[Int(label)])
            count += 1
            guard let gradient = scores.gradient?.row(row) else { continue }
            for index in 0..<scores.columns { gradient[index] += Float(scale * exp(Double(logits[index]) - total)) }
            gradient[Int(label)] -= Float(scale)
        }
        add(loss: scale * sum)
        return count
    }
}
