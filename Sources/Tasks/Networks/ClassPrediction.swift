internal import Glibc
@_spi(HostMemory) import Kernels

/// The most probable class of an example, and the probabilities of all of them.
public struct ClassPrediction: Sendable {
    /// The first of several classes that are equally probable.
    public let label: Int32
    public let probabilities: [Float]

    /// - Parameter scores: those of the classes, before a softmax: a row of a matrix.
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
