/// A key for operations that are the same each time they run; see `Backend.repeating`.
///
/// ```swift
/// let key = RecordKey(
///     part: 0, memory: ObjectIdentifier(buffer), steps: 20, batch: 16, startsAtZero: true, overwrites: false, trainingStep: 1)
/// backend.repeating(key) { backend.activate(values, .tanh) }
/// ```
public struct RecordKey: Hashable, Sendable {
    /// A number for the piece of code, and the memory it works on.
    let part: Int
    let memory: ObjectIdentifier
    /// Steps and sequences of the window, and whether it starts from the zero state.
    let steps, batch: Int
    let startsAtZero: Bool
    /// True if products overwrite gradients that an update has left uncleared.
    let overwrites: Bool
    /// The training step, for operations that draw random numbers. Not part of the key.
    @_spi(HostMemory) public let trainingStep: Int

    /// Creates a key. Keys are equal if everything but `trainingStep` is equal.
    public init(
        part: Int, memory: ObjectIdentifier, steps: Int, batch: Int, startsAtZero: Bool, overwrites: Bool, trainingStep: Int
    ) {
        (self.part, self.memory, self.steps, self.batch) = (part, memory, steps, batch)
        (self.startsAtZero, self.overwrites) = (startsAtZero, overwrites)
        self.trainingStep = trainingStep
    }

    /// Returns true if two keys are equal, ignoring their training steps.
    public static func == (one: RecordKey, other: RecordKey) -> Bool {
        (one.part, one.steps, one.batch) == (other.part, other.steps, other.batch) && one.memory == other.memory
            && (one.startsAtZero, one.overwrites) == (other.startsAtZero, other.overwrites)
    }

    /// Hashes everything but the training step.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(part)
        hasher.combine(memory)
        hasher.combine(steps)
        hasher.combine(batch)
        hasher.combine(startsAtZero)
        hasher.combine(overwrites)
    }
}
