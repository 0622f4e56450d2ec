@_spi(HostMemory) import Kernels
import Model

/// What carries over from step to step beside weights and moments, of all directions and lanes.
struct CarriedStates {
    /// For each direction the encoder's states, lane after lane, in the memory of the host.
    var states: [FloatBuffer] = []
    /// For each direction and lane, the words that are kept of earlier windows as negatives; empty if none are.
    var keptTargets: [[[UInt32]]] = []
}

/// A run as a checkpoint has it, whose weights and moments have been loaded.
struct Resumed {
    var state: TrainingState
    var position: DataPosition
    var carried: CarriedStates
}

extension TrainingStep {
    /// What carries over, of a rank that trains alone.
    func carried(_ plan: RankPlan) -> CarriedStates {
        var carried = CarriedStates()
        for index in plan.directions.indices {
            let lanes = plan.ownLanes.map { hostState(index, lane: $0) }
            let whole = FloatBuffer(count: lanes.reduce(0) { $0 + $1.count })
            for (lane, state) in lanes.enumerated() {
                (whole.start + lane * state.count).update(from: state.start, count: state.count)
            }
            carried.states.append(whole)
            carried.keptTargets.append(plan.ownLanes.map { keptTargets(index, lane: $0) })
        }
        return carried
    }

    /// Goes on from what another process of such a run left.
    func restore(_ carried: CarriedStates, _ plan: RankPlan) throws {
        for (index, direction) in plan.directions.enumerated() {
            for lane in plan.ownLanes {
                let each = carried.states[direction].count / plan.lanes
                restoreState(UnsafePointer(carried.states[direction].start + lane * each), count: each, index, lane: lane)
                if !carried.keptTargets.isEmpty { keepTargets(carried.keptTargets[direction][lane], index, lane: lane) }
            }
        }
    }
}
