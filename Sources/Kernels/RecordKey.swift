/// A name for operations that are the same each time they run; see `Backend.repeating`.
public struct RecordKey: Hashable, Sendable {
    /// A number for the piece of code, and the memory that it works on.
    let part: Int
    let memory: ObjectIdentifier
    /// Steps and sequences of the window, and whether it begins in the zero state.
    let steps, batch: Int
    let startsAtZero: Bool
    /// True if products overwrite the gradients that an update has left.
    let overwrites: Bool
    /// The step of training, for what draws at random; no part of the key.
    @_spi(HostMemory) public let trainingStep: Int

    public init(
        part: Int, memory: ObjectIdentifier, steps: Int, batch: Int, startsAtZero: Bool, overwrites: Bool, trainingStep: Int
    ) {
        (self.part, self.memory, self.steps, self.batch) = (part, memory, steps, batch)
        (self.startsAtZero, self.overwrites) = (startsAtZero, overwrites)
        self.trainingStep = trainingStep
    }

    public static func == (one: RecordKey, other: RecordKey) -> Bool {
        (one.part, one.steps, one.batch) == (other.part, other.steps, other.batch) && one.memory == other.memory
            && (one.startsAtZero, one.overwrites) == (other.startsAtZero, other.overwrites)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(part)
        hasher.combine(memory)
        hasher.combine(steps)
        hasher.combine(batch)
        hasher.combine(startsAtZero)
        hasher.combine(overwrites)
    }
}
