internal import Glibc
@_spi(HostMemory) import Kernels

/// The most probable class of an example, and the probabilities of all classes.
public struct ClassPrediction: Sendable {
    /// The most probable class; the first one if several are equally probable.
    public let label: Int32
    /// The probability of each class, [classes].
    public let probabilities: [Float]

    /// Applies a softmax to the scores of the classes.
    /// - `scores`: a row of a matrix, [classes].
    init(scores: UnsafeBufferPointer<Float>) {
        var label = 0
        for index in scores.indices where scores[index] > scores[label] { label = index }
        let exponentials = scores.map { exp(Double($0) - Double(scores[label])) }, sum = exponentials.reduce(0, +)
        self.label = Int32(label)
        probabilities = exponentials.map { Float($0 / sum) }
    }

    /// Returns the predictions of the rows of a matrix of scores, [examples, classes].
    static func all(_ scores: Matrix) -> [ClassPrediction] {
        (0..<scores.rows).map { ClassPrediction(scores: UnsafeBufferPointer(start: scores.row($0), count: scores.columns)) }
    }
}
