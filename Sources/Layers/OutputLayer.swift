public import Kernels

/// The last layer of a network in training: from the encoder's output to a loss.
public protocol OutputLayer: AnyObject {
    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// The mean loss of `states` [rows, size] against `targets` [rows, ...].
    /// - Parameter weights: [rows], how often each row counts; `nil`: once.
    func forward(
        _ states: Matrix, targets: Matrix, weights: UnsafePointer<Float>?, _ parameters: ParameterStore,
        _ compute: Compute
    ) -> Double

    /// The way back of the last forward pass: adds to its parameters' gradients and writes that of the states.
    func backward(_ states: Matrix, statesGradient: Matrix, _ parameters: ParameterStore, _ compute: Compute)

    var activationBytes: Int { get }
}
