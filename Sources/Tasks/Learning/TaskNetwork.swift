public import Differentiation
public import Kernels
public import Layers

/// A network that learns a task from examples on frozen vectors. A value of this type has declared its parameters in a `Plan`; its
/// forward pass is plain code on a `Tape`, which runs the backward pass.
public protocol TaskNetwork: Sendable {
    /// The unit of a batch, such as a sentence with its labels, a pair of sentences or a document.
    associatedtype Example: Sendable
    /// The output for one example, such as a class, or the labels of a sentence.
    associatedtype Prediction: Sendable

    /// Sets the weights with which training begins.
    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// Returns the number of words of an example; a batch has examples of about the same length.
    func length(of example: Example) -> Int

    /// Returns the numbers of the sentences whose vectors an example needs.
    func sentences(of example: Example) -> [Int]

    /// Adds the loss of a batch to the tape.
    func addLoss(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape)

    /// Returns the network's prediction for each example of a batch.
    func predict(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) -> [Prediction]
}

/// The size of a task network: the size of the publications, or a smaller one for a machine with two cores.
public enum TaskSize: String, Sendable, CaseIterable {
    /// The size of the publications, and the smaller size.
    case paper, small
}

/// The optimiser, batches and stopping rule of a task.
public struct TaskSchedule: Sendable {
    /// The rule by which the optimiser updates weights.
    public enum Rule: Sendable { case adam, adadelta }

    /// The rule of the optimiser.
    public var rule = Rule.adam
    /// The learning rate.
    public var rate: Double
    /// The number of examples in a batch.
    public var batch: Int
    /// The largest number of passes over the training set, and the number of passes without a better score on the development set
    /// after which training ends.
    public var epochs, patience: Int
    /// The largest allowed norm of the gradient; `nil` means no limit.
    public var greatestNorm: Double?
    /// The largest allowed absolute value of an element of the gradient; `nil` means no limit.
    public var greatestElement: Float?
    /// The number of passes without a better score after which the rate is halved; `nil` means never.
    public var halvingPatience: Int?
    /// The factor of the penalty that is added to the loss: the sum of the squared weights of the layer mix.
    public var mixPenalty = 0.0

    /// Makes a schedule with Adam and without limits of the gradient.
    public init(rate: Double, batch: Int, epochs: Int, patience: Int) {
        (self.rate, self.batch, self.epochs, self.patience) = (rate, batch, epochs, patience)
    }
}
