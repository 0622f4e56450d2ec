public import Kernels

/// A network over sequences: what stands between the input vectors and the output layer.
///
/// An encoder plans its memory when it is made; `forward` and `backward` allocate nothing.
public protocol SequenceEncoder: AnyObject {
    var inputSize: Int { get }
    var outputSize: Int { get }
    /// Layers whose outputs can be asked for.
    var layerCount: Int { get }

    /// Matrices that every pass multiplies by: worth packing once where they stay as they are.
    var factors: [Parameter] { get }

    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// `input` [rows, inputSize] of the shape given; the result, [rows, outputSize], is valid until the next pass.
    func forward(
        _ input: Matrix, shape: WindowShape, mode: PassMode, _ parameters: ParameterStore, _ compute: Compute
    ) -> Matrix

    /// The way back of the last forward pass: adds to the gradients of its parameters, overwrites `outputGradient`, and
    /// writes `inputGradient` [rows, inputSize].
    func backward(
        _ input: Matrix, shape: WindowShape, outputGradient: Matrix, inputGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute)

    /// What layer `index`, from 0, gave in the last forward pass: [rows, outputSize]. Rows of sequences that had ended
    /// mean nothing.
    func layerOutput(_ index: Int, shape: WindowShape) -> Matrix

    /// Makes the next window begin where the last one ended (truncated BPTT).
    func carryState(from shape: WindowShape)
    /// Makes the next window begin with a zero state.
    func resetState()
    /// Floats of state that a window takes over from the one before it, for `batch` sequences.
    func stateCount(batch: Int) -> Int
    /// How that state lies in memory: one matrix [batch, width] after another, of these widths.
    var stateWidths: [Int] { get }
    /// Copies that state out, for a checkpoint or to use the encoder for something else meanwhile.
    func saveState(batch: Int, into target: UnsafeMutablePointer<Float>)
    func restoreState(batch: Int, from source: UnsafePointer<Float>)

    /// Memory planned for activations, in bytes, by layer and for what they share.
    var activations: [(name: String, bytes: Int)] { get }
}
