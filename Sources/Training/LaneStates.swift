@_spi(HostMemory) import Kernels
import MessagePassing
import Model

/// The state of each lane that carries over from step to step, in a rank with several lanes: the encoder's state, and the targets
/// kept as negatives.
final class LaneStates {
    private let models: [DirectionModel]
    private let words: [DirectionWindow]
    /// For each lane, the state of each direction.
    private let states: [[DirectionModel.SavedState]]
    private var kept: [[[UInt32]]]

    init(_ models: [DirectionModel], _ words: [DirectionWindow], lanes: Int, batch: Int, keepsTargets: Bool) {
        (self.models, self.words) = (models, words)
        states = (0..<lanes).map { _ in models.map { DirectionModel.SavedState($0, batch: batch) } }
        kept = keepsTargets ? (0..<lanes).map { _ in models.map { _ in [] } } : []
    }

    /// Makes the models continue from the state of lane number `place`.
    func restore(_ place: Int) {
        for (index, model) in models.enumerated() {
            model.restoreState(states[place][index])
            if !kept.isEmpty { words[index].windowTargets?.kept = kept[place][index] }
        }
    }

    /// Saves the models' state as that of lane number `place`.
    func save(_ place: Int) {
        for (index, model) in models.enumerated() {
            model.saveState(in: states[place][index])
            if !kept.isEmpty { kept[place][index] = words[index].windowTargets?.kept ?? [] }
        }
    }
}

/// The losses of all lanes of a step, including those of other ranks.
final class LaneLosses {
    private let directions: Int
    private let lanes: Int
    private let memory: FloatBuffer
    private let losses: Scalars
    private let messages: MessagesToAll?
    /// Number of losses of a rank: one for each of its lanes and directions.
    private let each: Int

    init(directions: Int, _ plan: RankPlan, _ group: RankGroup?) {
        (self.directions, lanes, each) = (directions, plan.lanes, plan.ownLanes.count * directions)
        memory = FloatBuffer(count: 2 * directions * plan.lanes)
        losses = Scalars(memory, count: directions * plan.lanes)
        messages = group.map { MessagesToAll($0, tag: 29_000) }
    }

    subscript(direction: Int, lane: Int) -> Double {
        get { losses[lane * directions + direction] }
        set { losses[lane * directions + direction] = newValue }
    }

    /// Sends this rank's losses to the other ranks, and receives theirs. Throws `ToolError` if a rank is lost.
    func exchange() throws {
        try messages?.exchange { losses[$0 * each..<($0 + 1) * each].bytes }
    }

    /// Returns the sum of a direction's losses, in the order of the lanes.
    func sum(_ direction: Int) -> Double {
        var sum = 0.0
        for lane in 0..<lanes { sum += self[direction, lane] }
        return sum
    }
}
