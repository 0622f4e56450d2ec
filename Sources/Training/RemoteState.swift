import Files
import FoundationEssentials
@_spi(HostMemory) import Kernels
import Layers
import MessagePassing
import Model

/// The part of a run's state that other ranks hold and the first rank writes, or that it reads and the others continue from:
/// weights of directions that it does not train, moments of parts that it does not update, and states of lanes that it does not
/// have.
///
/// The first rank has address space for all of it, which takes memory only while it is used, until `forget`.
final class RemoteState {
    private let encoder: ContextualEncoder
    private let plan: RankPlan
    private let ranks: Ranks
    private let step: TrainingStep
    /// Number of streams of a lane.
    private let batch: Int

    init(_ encoder: ContextualEncoder, _ plan: RankPlan, _ ranks: Ranks, _ step: TrainingStep, batch: Int) {
        (self.encoder, self.plan, self.ranks, self.step, self.batch) = (encoder, plan, ranks, step, batch)
    }

    /// Collects everything in the first rank. All ranks must call it. Throws `ToolError` if a rank is lost.
    /// - Returns: what carries over, for all directions and lanes; complete in the first rank only.
    /// - Parameter withMoments: whether to collect what only a checkpoint needs, too: moments, states and kept targets.
    func gather(withMoments: Bool) throws -> CarriedStates {
        try forEachStore { store, group in
            guard !group.contains(0) else { return }
            try bring(from: group.lowerBound, store.values(0..<store.values.count), on: store)
            for table in store.sparseRows { try bring(from: group.lowerBound, whole(table.values), on: store) }
        }
        guard withMoments else { return CarriedStates() }
        try forEachMoment { moments, owner, store in try bring(from: owner, moments, on: store) }
        return try carried()
    }

    /// Frees memory that `gather` has filled and this rank does not use.
    func forget() {
        guard ranks.isFirst else { return }
        forEachMoment { moments, owner, store in
            if owner != 0 && store.backend.computesInHostMemory { moments.discard() }
        }
    }

    /// Distributes what the first rank has read, or that it has read nothing, and returns it in all ranks, with their models
    /// restored. Throws `ToolError` if a rank is lost.
    func spread(_ found: Resumed?) throws -> Resumed? {
        guard try ranks.spread([found == nil ? 0 : 1]) == [1] else { return nil }
        let text = try ranks.spread(try found.map { Array(try JSONEncoder().encode($0.state)) })
        let state = try found?.state ?? JSONDecoder().decode(TrainingState.self, from: Data(text))
        var position = DataPosition()
        (position.epoch, position.sentences) = (state.epoch, state.sentences)
        position.lengths = try spread(found?.position.lengths)
        position.positions = try spread(found?.position.positions)
        position.words = try spread(found?.position.words)
        try forEachStore { store, group in
            for member in group where member != 0 {
                try give(to: member, store.values(0..<store.values.count), on: store)
                for table in store.sparseRows { try give(to: member, whole(table.values), on: store) }
            }
            store.weightsHaveChanged()
        }
        try forEachMoment { moments, owner, store in try give(to: owner, moments, on: store) }
        var carried = CarriedStates()
        for (direction, model) in encoder.directions.enumerated() {
            let count = plan.lanes * model.stateCount(batch: batch), states = found?.carried.states[direction] ?? FloatBuffer(count: count)
            var kept = found?.carried.keptTargets.isEmpty == false ? found?.carried.keptTargets[direction] ?? [] : []
            for lane in 0..<plan.lanes {
                let each = count / plan.lanes, owner = plan.rank(ofLane: lane, direction: direction)
                try give(to: owner, Matrix(states, at: lane * each, rows: 1, columns: each), on: nil)
                guard keepsTargets else { continue }
                if kept.count <= lane { kept.append([]) }
                if ranks.isFirst && owner != 0 { try ranks.send(bytes(kept[lane]), to: owner) }
                if !ranks.isFirst && owner == ranks.rank { kept[lane] = numbers(try ranks.receive(from: 0)) }
            }
            carried.states.append(states)
            if keepsTargets { carried.keptTargets.append(kept) }
        }
        try step.restore(carried, plan)
        forget()
        return Resumed(state: state, position: position, carried: carried)
    }

    private func carried() throws -> CarriedStates {
        var carried = CarriedStates()
        for (direction, model) in encoder.directions.enumerated() {
            let each = model.stateCount(batch: batch), states = FloatBuffer(count: plan.lanes * each)
            var kept: [[UInt32]] = []
            for lane in 0..<plan.lanes {
                let owner = plan.rank(ofLane: lane, direction: direction), place = Matrix(states, at: lane * each, rows: 1, columns: each)
                var own: [UInt32] = []
                if owner == ranks.rank {
                    let index = direction - plan.directions.lowerBound, state = step.hostState(index, lane: lane)
                    place.copy(from: Matrix(state, rows: 1, columns: each))
                    if keepsTargets { own = step.keptTargets(index, lane: lane) }
                }
                try bring(from: owner, place, on: nil)
                guard keepsTargets else { continue }
                if owner == ranks.rank && owner != 0 { try ranks.send(bytes(own), to: 0) }
                if owner != 0 && ranks.isFirst { own = numbers(try ranks.receive(from: owner)) }
                kept.append(own)
            }
            carried.states.append(states)
            carried.keptTargets.append(kept)
        }
        return carried
    }

    private var keepsTargets: Bool {
        encoder.configuration.isContrastive && encoder.configuration.negativeSource == .earlier
    }

    // MARK: Parts

    /// Calls `body` with each store and the ranks that train it.
    private func forEachStore(_ body: (ParameterStore, Range<Int>) throws -> Void) rethrows {
        for (number, store) in encoder.stores.enumerated() { try body(store, plan.groups[min(number, plan.groups.count - 1)]) }
    }

    /// Calls `body` with each run of moments and the rank that holds it. All ranks of a group hold those of sparse parameters: they
    /// are collected from the first rank of the group, and distributed to each.
    private func forEachMoment(_ body: (Matrix, _ owner: Int, ParameterStore) throws -> Void) rethrows {
        try forEachStore { store, group in
            for moments in store.training?.moments ?? [] {
                try GradientExchange.forEachPart(of: store.layout, ranks: plan.lanes == 1 ? 1 : group.count) { member, floats in
                    let part = Matrix(moments, at: floats.lowerBound, rows: 1, columns: floats.count)
                    try body(part, group.lowerBound + member, store)
                }
            }
            for table in store.sparseRows {
                for moments in table.moments { for member in group { try body(whole(moments), member, store) } }
            }
        }
    }

    private func whole(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: 1, columns: buffer.count) }

    // MARK: Moving

    /// Moves a matrix of another rank to its place in the first one.
    /// - Parameter store: the store whose backend has the matrix; `nil` means the host.
    private func bring(from owner: Int, _ matrix: Matrix, on store: ParameterStore?) throws {
        if owner != 0 { try pass(from: owner, to: 0, matrix, on: store) }
    }

    /// Moves a matrix of the first rank to another one.
    private func give(to owner: Int, _ matrix: Matrix, on store: ParameterStore?) throws {
        if owner != 0 { try pass(from: 0, to: owner, matrix, on: store) }
    }

    private func pass(from sender: Int, to receiver: Int, _ matrix: Matrix, on store: ParameterStore?) throws {
        guard ranks.rank == sender || ranks.rank == receiver else { return }
        let backend = store?.backend, isHost = backend?.computesInHostMemory != false
        let memory = isHost ? nil : FloatBuffer(count: matrix.columns)
        let host = memory.map { whole($0) } ?? matrix
        if ranks.rank == sender {
            if !isHost, let backend { host.copy(from: backend.read(matrix)) }
            try ranks.pass(.to, receiver, host)
        } else {
            try ranks.pass(.from, sender, host)
            if !isHost, let backend { backend.write(UnsafeBufferPointer(host.floats), to: matrix) }
        }
        withExtendedLifetime(memory) {}
    }

    private func spread(_ numbers: [UInt32]?) throws -> [UInt32] { self.numbers(try ranks.spread(numbers.map { bytes($0) })) }

    private func bytes(_ numbers: [UInt32]) -> [UInt8] { numbers.withUnsafeBytes { Array($0) } }

    private func numbers(_ bytes: [UInt8]) -> [UInt32] {
        Array(unsafeUninitializedCapacity: bytes.count / 4) { numbers, count in
            count = bytes.count / 4
            UnsafeMutableRawBufferPointer(numbers).copyBytes(from: bytes.prefix(4 * count))
        }
    }
}
