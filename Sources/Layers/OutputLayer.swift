public import Kernels

/// What a network is to predict at each row of its states, in the form its output layer asks for.
public enum Targets: @unchecked Sendable {
    /// The vectors of words: [rows, size].
    case vectors(Matrix)
    /// The numbers of words in the output layer's vocabulary: [rows].
    case classes(UnsafePointer<Int32>)
}

/// The last layer of a network: from the encoder's states to a loss.
///
/// A layer plans its memory when it is made; no pass allocates.
public protocol OutputLayer: AnyObject {
    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// The mean loss of `states` [rows, size], and its gradients: adds those of its parameters, writes that of the states,
    /// [rows, size]. One pass, because what lies between them may be too large to keep.
    ///
    /// - Parameters:
    ///   - weights: [rows], how often each row counts; `nil`: once.
    ///   - draw: number of this pass, for layers that draw words at random; no two of a training run have the same.
    func accumulate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, draw: Draw, statesGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute
    ) -> Double

    /// The mean loss alone. A layer that approximates its loss in training gives the exact one.
    func evaluate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, _ parameters: ParameterStore,
        _ compute: Compute
    ) -> Double

    var activationBytes: Int { get }
}

/// Names the random draws of one training pass.
public struct Draw: Sendable {
    public let seed: UInt64
    public let step: Int

    public init(seed: UInt64, step: Int) {
        self.seed = seed
        self.step = step
    }
}
