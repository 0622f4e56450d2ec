public import Differentiation
public import Kernels
public import Layers

/// A network that learns a task from examples on frozen vectors. It is a value that declared its parameters in a `Plan`; its passes are
/// plain code on a `Tape`.
public protocol TaskNetwork: Sendable {
    /// The unit of a batch: a sentence with its labels, a pair of sentences, a document.
    associatedtype Example: Sendable
    associatedtype Prediction: Sendable

    /// The weights with which training begins.
    func initialize(_ parameters: ParameterStore, random: inout Random)

    /// Words of an example; batches are of examples of about the same length.
    func length(of example: Example) -> Int

    /// Returns the numbers of the sentences whose vectors an example asks for.
    func sentences(of example: Example) -> [Int]

    /// Adds the loss of a batch to the tape.
    func addLoss(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape)

    /// Returns the network's prediction for each example of a batch.
    func predict(_ batch: [Example], _ vectors: some FrozenVectors, on tape: Tape) -> [Prediction]
}

/// The size of a task network: that of the publications, or one for a machine of two cores.
public enum TaskSize: String, Sendable, CaseIterable {
    case paper, small
}

/// The optimiser, batches and stopping rule of a task.
public struct TaskSchedule: Sendable {
    /// The rule of the updates.
    public enum Rule: Sendable { case adam, adadelta }

    public var rule = Rule.adam
    public var rate: Double
    /// Examples of a batch.
    public var batch: Int
    /// Passes over the training set at most, and after how many without a better score on the development set training ends.
    public var epochs, patience: Int
    /// Greatest norm of the gradient, and greatest size of one of its numbers; `nil`: any.
    public var greatestNorm: Double?
    public var greatestElement: Float?
    /// The rate is halved when more passes than this have brought no better score; `nil`: never.
    public var halvingPatience: Int?
    /// Factor of the sum of the squares of the weights of the layers' shares, which is added to the loss.
    public var mixPenalty = 0.0

    public init(rate: Double, batch: Int, epochs: Int, patience: Int) {
        (self.rate, self.batch, self.epochs, self.patience) = (rate, batch, epochs, patience)
    }
}
