@_spi(HostMemory) import Kernels
import Model

/// The state that carries over from step to step in addition to weights and moments, for all directions and lanes.
struct CarriedStates {
    /// For each direction the encoder's states, lane after lane, in the host's memory.
    var states: [FloatBuffer] = []
    /// For each direction and lane, the words of earlier windows kept as negatives; empty if none are kept.
    var keptTargets: [[[UInt32]]] = []
}

/// A run as stored in a checkpoint whose weights and moments have been loaded.
struct Resumed {
    var state: TrainingState
    var position: DataPosition
    var carried: CarriedStates
}

extension TrainingStep {
    /// Returns what carries over, in a rank that trains alone.
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

    /// Continues from the state of another process of the same run.
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
