import Files
import Glibc
import Kernels
import Layers
import MessagePassing
import Model
import Parallel

/// One step of training: its windows through every direction, then the update of each direction. Allocates nothing.
///
/// A batch may have several lanes. Their gradients are computed one after another, each from streams and a state of its own, and
/// summed in a tree. Ranks share directions and lanes; see `RankPlan` and `GradientExchange`.
///
/// Directions run either in parallel, or one after another on all threads. Both are tried in the first steps, and the faster one is
/// kept. The result is the same.
final class TrainingStep {
    /// For each direction that this rank trains, the mean loss over the step's windows, and the norm of the gradient before
    /// clipping.
    private(set) var losses: [Double]
    private(set) var norms: [Double]
    /// Number of positions in the step.
    private(set) var positions = 0
    /// Multiplications and additions in its products.
    private(set) var operations = 0.0
    /// True if the directions ran in parallel in its last window.
    private(set) var ranSideBySide = false
    /// True once it is known which arrangement is faster.
    var isSettled: Bool { arrangement.isSettled }

    /// Called when the gradients of some parameters of a direction, given by its index, are complete: in the last window of a step
    /// and, for shared layers, during the last direction's turn.
    var finish: ((_ direction: Int, _ parameters: ParameterRange) -> Void)? {
        didSet { connect() }
    }

    /// Makes the layers report completed gradients to the exchange that sends them, and to `finish`.
    private func connect() {
        // What a device has queued is not complete.
        let sends = group != nil && models[0].backend.computesInHostMemory
        for (index, task) in tasks.enumerated() where sends {
            task.begin = { [exchanges, count = tasks.count] range in exchanges[range.isShared ? count : index].begin(range) }
        }
        guard sends || finish != nil else { return tasks.forEach { $0.finish = nil } }
        for (index, task) in tasks.enumerated() {
            task.finish = { [finish, exchanges, count = tasks.count, direction = task.direction] range in
                guard !range.isShared || index == count - 1 else { return }
                if sends { exchanges[range.isShared ? count : index].finish(range) }
                finish?(direction, range)
            }
        }
    }

    private let encoder: ContextualEncoder
    private let options: TrainingOptions
    private let plan: RankPlan
    private let rate: LearningRate
    private let corpusName: String
    /// The directions that this rank trains.
    private let tasks: [DirectionTask]
    private let models: [DirectionModel]
    private var arrangement: Arrangement
    /// The windows of a step, with the streams of all lanes.
    private var windows: [TrainingWindow]
    /// The streams of one lane of a window, if there are several lanes.
    private var laneWindow: TrainingWindow
    /// Number of the current pass.
    private var pass = 0
    /// Index of the current window in the step.
    private var numberOfWindow = 0
    /// True in the last window of the last lane.
    private var isLast = false
    /// The first window of the next step, if it was planned while a device was working, and the error that occurred in doing so.
    private var nextWindow: TrainingWindow
    private var isPlanned = false
    private var planningFailure: (any Error)?
    /// True if windows can be planned ahead: not if negatives come from earlier windows, which a checkpoint stores.
    private let plansAhead: Bool
    /// The state of each lane of this rank that carries over from step to step, if there are several lanes.
    private let lanes: LaneStates?
    /// The sums of all lanes' gradients, for each store that this rank trains; empty if there is one lane.
    private let exchanges: [GradientExchange]
    private let group: RankGroup?
    /// The losses of all lanes, in order, for each direction that this rank trains.
    private let laneLosses: LaneLosses

    /// The words of one direction, and the results of its step.
    private final class DirectionTask {
        /// Index among all directions.
        let direction: Int
        let words: DirectionWindow
        /// See `Run.begin` and `Run.finish`.
        var begin, finish: ((ParameterRange) -> Void)?
        /// The reason why its words could not be read.
        var failure: (any Error)?

        init(_ direction: Int, _ words: DirectionWindow) { (self.direction, self.words) = (direction, words) }
    }

    /// - Parameters:
    ///   - plan: the part of the run that this rank has.
    ///   - communicator: messages to the other ranks; `nil` if there are none.
    init(
        _ encoder: ContextualEncoder, _ corpus: Corpus, source: TargetSource?, _ options: TrainingOptions, rate: LearningRate,
        plan: RankPlan, communicator: Communicator? = nil, precision: SendPrecision = .float32
    ) throws {
        let words = corpus.words, others = encoder.configuration.objective == .masked ? corpus.otherWords : []
        corpusName = corpus.name
        self.encoder = encoder
        self.options = options
        self.plan = plan
        self.rate = rate
        models = Array(encoder.directions[plan.directions])
        // Allocated after everything else.
        let backend = models[0].backend
        let resident = try words.vectors.flatMap { try ResidentWordVectors($0, on: backend) }
        tasks = plan.directions.map { direction in
            let model = encoder.directions[direction]
            return DirectionTask(
                direction,
                DirectionWindow(
                    encoder.configuration, words, model.direction, source: source, others: others,
                    positions: options.capacity.rows, backend: model.backend, resident: resident))
        }
        losses = tasks.map { _ in 0 }
        norms = losses
        windows = (0..<options.accumulation).map { _ in TrainingWindow(batch: options.batch, window: options.window) }
        nextWindow = windows[0]
        let laneBatch = options.laneBatch
        laneWindow = TrainingWindow(batch: laneBatch, window: options.window)
        let keepsTargets = encoder.configuration.isContrastive && encoder.configuration.negativeSource == .earlier
        plansAhead = !backend.computesInHostMemory && !keepsTargets
        arrangement = Arrangement(isFree: tasks.count > 1 && !encoder.configuration.sharesLayers)
        lanes = plan.ownLanes.count == 1 ? nil
            : LaneStates(models, tasks.map(\.words), lanes: plan.ownLanes.count, batch: laneBatch, keepsTargets: keepsTargets)
        let group = plan.group.count == 1 ? nil : communicator.map { RankGroup($0, plan.group) }
        self.group = group
        laneLosses = LaneLosses(directions: tasks.count, plan, group)
        let stores = plan.lanes == 1 ? [] : encoder.stores.enumerated().filter { number, _ in
            number >= encoder.directions.count || plan.directions.contains(number)
        }
        exchanges = stores.map { number, store in
            GradientExchange(
                store, number: number, lanes: plan.ownLanes.count, group: group, precision: precision, pool: encoder.pool)
        }
        connect()
    }

    /// Bytes that this rank sends in a step, without rows of sparse parameters.
    var bytesSent: Int { exchanges.reduce(0) { $0 + $1.bytesOfStep } }
    var waited: Double { group?.waited ?? 0 }

    /// The last window trained on, with the streams of all lanes.
    var window: TrainingWindow { windows[windows.count - 1] }

    /// Trains on the windows of step `step`, from 0, taken from `stream`. Throws what `stream` throws, and `ToolError`:
    /// `dataError`, naming step and sentences, if a loss or gradient is not finite; and if the table's file can no longer be read,
    /// or a rank is lost.
    func run(_ step: Int, _ stream: WindowStream) throws {
        // Replayed operations cannot wait for messages.
        if !models[0].backend.computesInHostMemory { try settle() }
        for model in models { _ = model.takeLoss() }
        positions = 0
        let before = encoder.operations
        defer { operations = encoder.operations - before }
        for number in windows.indices {
            if number == 0 && isPlanned {
                swap(&windows[0], &nextWindow)
                if let planningFailure { throw planningFailure }
            } else {
                try stream.next(&windows[number])
            }
            positions += windows[number].positions
        }
        for (place, lane) in plan.ownLanes.enumerated() {
            let isLastLane = lane == plan.ownLanes.upperBound - 1
            lanes?.restore(place)
            if isLastLane { for exchange in exchanges { try exchange.beginLast() } }
            for number in windows.indices {
                isLast = isLastLane && number == windows.count - 1
                try train(number, lane: lane, pass: pass(step, number, lane: lane))
            }
            if lanes == nil { continue }
            lanes?.save(place)
            takeLosses(of: lane)
            if !isLastLane { for exchange in exchanges { exchange.keep(lane: place) } }
        }
        if exchanges.isEmpty { for model in models { model.beginNorm() } }
        if plansAhead { planNext(step + 1, stream) }
        if lanes == nil { takeLosses(of: plan.ownLanes.lowerBound) }
        for task in tasks { task.words.release() }
        for exchange in exchanges { try exchange.complete() }
        try laneLosses.exchange()
        // Weights are updated only if the losses of all directions are finite.
        for index in tasks.indices {
            losses[index] = laneLosses.sum(index) / Double(options.accumulation * plan.lanes)
            guard losses[index].isFinite else {
                norms[index] = .nan
                return
            }
        }
        try update(step)
    }

    private func update(_ step: Int) throws {
        var update = ParameterStore.Update(step: step + 1, rate: rate(step), clip: options.clip)
        update.weightDecay = options.weightDecay
        update.windows = options.accumulation * plan.lanes
        update.lossScale = options.lossScale ?? 1
        guard !exchanges.isEmpty else {
            for (index, task) in tasks.enumerated() { norms[index] = encoder.update(update, direction: task.direction) }
            return
        }
        if encoder.configuration.sharesLayers { update.windows *= tasks.count }
        var shared = 0.0
        for exchange in exchanges { shared += exchange.squaredNorm() }
        for (index, exchange) in exchanges.enumerated() {
            let square = encoder.configuration.sharesLayers ? shared : exchange.squaredNorm()
            let norm = square.squareRoot() * update.gradientScale
            if index < norms.count { norms[index] = norm }
            try exchange.update(update, norm: norm)
        }
    }

    /// Returns the number of a pass. Random draws of lanes differ; a single lane draws as if there were no lanes.
    private func pass(_ step: Int, _ number: Int, lane: Int) -> Int { (step * options.accumulation + number) * plan.lanes + lane }

    /// Runs the passes of all directions over a lane of a window.
    private func train(_ number: Int, lane: Int, pass: Int) throws {
        self.pass = pass
        if plan.lanes > 1 { laneWindow.take(streamsFrom: lane * laneWindow.batch, of: windows[number]) }
        numberOfWindow = number
        let start = monotonicSeconds()
        ranSideBySide = arrangement.isSideBySide
        if tasks.count == encoder.directions.count {
            encoder.runDirections(sideBySide: arrangement.isSideBySide, Pass(step: self))
        } else {
            for index in tasks.indices { accumulate(index) }
        }
        arrangement.took(monotonicSeconds() - start)
        for task in tasks { if let failure = task.failure { throw failure } }
        isPlanned = false
    }

    private func takeLosses(of lane: Int) {
        for (index, model) in models.enumerated() { laneLosses[index, lane] = model.takeLoss() }
    }

    /// Takes the first window of the next step and plans it, while the device is working.
    private func planNext(_ step: Int, _ stream: WindowStream) {
        isPlanned = true
        do { try stream.next(&nextWindow) } catch { return planningFailure = error }
        let lane = plan.ownLanes.lowerBound, pass = pass(step, 0, lane: lane)
        if plan.lanes > 1 { laneWindow.take(streamsFrom: lane * laneWindow.batch, of: nextWindow) }
        for (task, model) in zip(tasks, models) {
            task.words.plan(plan.lanes > 1 ? laneWindow : nextWindow, draw: model.draw(options.seed, pass))
        }
    }

    /// The passes of all directions over a window.
    private struct Pass: ParallelJob {
        let step: TrainingStep

        var tasks: Int { step.tasks.count }

        func run(_ direction: Int) { step.accumulate(direction) }
    }

    private func accumulate(_ index: Int) {
        let model = models[index], task = tasks[index]
        let shape = WindowShape(steps: options.window, batch: options.laneBatch)
        model.backend.enter(.gathering, of: .data)
        do {
            if isPlanned {
                try task.words.publish(plan.lanes > 1 ? laneWindow : windows[numberOfWindow])
            } else {
                try task.words.prepare(plan.lanes > 1 ? laneWindow : windows[numberOfWindow], draw: model.draw(options.seed, pass))
            }
        } catch {
            // Errors cannot be thrown here; `run` throws them when all directions are done.
            task.failure = error
            return
        }
        model.accumulate(
            task.words.input(rows: shape.rows), targets: task.words.targets(rows: shape.rows),
            weights: task.words.weights(rows: shape.rows), masking: task.words.masking, shape: shape, carry: options.carriesState,
            seed: options.seed, step: pass, begin: task.begin, finish: isLast ? task.finish : nil)
    }

    /// Waits for the weights that other ranks have updated, before anything but a step reads weights. Throws `ToolError` if a rank
    /// is lost.
    func settle() throws { for exchange in exchanges { try exchange.settle() } }

    /// Returns the state in which a direction starts the next step of a lane of this rank, in the host's memory.
    func hostState(_ index: Int, lane: Int) -> FloatBuffer {
        lanes?.restore(lane - plan.ownLanes.lowerBound)
        let model = models[index], saved = model.savedState(batch: options.laneBatch)
        guard !model.backend.computesInHostMemory else { return saved }
        let copy = FloatBuffer(count: saved.count)
        Matrix(copy, rows: 1, columns: copy.count).copy(from: model.backend.read(Matrix(saved, rows: 1, columns: saved.count)))
        return copy
    }

    /// Makes a direction start the next step of a lane from a state in the host's memory.
    func restoreState(_ floats: UnsafePointer<Float>, count: Int, _ index: Int, lane: Int) {
        let model = models[index], state = model.backend.allocate(count)
        // Leave the other direction's state unchanged.
        lanes?.restore(lane - plan.ownLanes.lowerBound)
        model.backend.write(UnsafeBufferPointer(start: floats, count: count), to: Matrix(state, rows: 1, columns: count))
        model.restoreState(state, batch: options.laneBatch)
        lanes?.save(lane - plan.ownLanes.lowerBound)
        model.backend.wait()
    }

    /// Returns the words of earlier windows of a lane that a direction keeps as negatives; empty if it keeps none.
    func keptTargets(_ index: Int, lane: Int) -> [UInt32] {
        lanes?.restore(lane - plan.ownLanes.lowerBound)
        return tasks[index].words.windowTargets?.kept ?? []
    }

    func keepTargets(_ kept: [UInt32], _ index: Int, lane: Int) {
        lanes?.restore(lane - plan.ownLanes.lowerBound)
        tasks[index].words.windowTargets?.kept = kept
        lanes?.save(lane - plan.ownLanes.lowerBound)
    }

    /// Waits for all weights, and throws `ToolError` with status `dataError` if one is not finite, as the next step would find.
    func checkWeights(after step: Int) throws {
        try settle()
        for (number, store) in encoder.stores.enumerated()
        where number >= encoder.directions.count || plan.directions.contains(number) {
            for parameter in store.layout.parameters where !store.isFinite(parameter) {
                let direction = encoder.directions.first { parameter.name.hasPrefix($0.direction.rawValue) }?.direction
                throw notANumber(
                    "\(parameter.name) has weights that are no numbers", direction ?? encoder.directions[0].direction,
                    step: step - 1)
            }
        }
    }

    /// Throws `ToolError` with status `dataError`, naming step and sentences, if the loss or gradient of a direction is not finite.
    func checkNumbers(_ direction: Direction, loss: Double, norm: Double, step: Int) throws {
        guard loss.isFinite else { throw notANumber("the loss is no number", direction, step: step) }
        guard norm.isFinite else { throw notANumber("loss \(loss), but the gradient is no number", direction, step: step) }
    }

    private func notANumber(_ what: String, _ direction: Direction, step: Int) -> ToolError {
        .data(
            corpusName, "step \(step + 1), \(direction.rawValue) direction",
            "training stopped: \(what), in the batch that ends with sentence \(window.position.sentences) of pass "
                + "\(window.position.epoch + 1); a smaller --rate may help")
    }
}

/// The arrangement of the directions: both arrangements are timed in turn in the first windows, and the faster one is kept.
private struct Arrangement {
    /// Windows timed for each arrangement, after one that is not timed, because memory is first touched in it.
    private static let trials = 3
    private var windows = 0
    private var best = (sideBySide: Double.infinity, inTurn: Double.infinity)
    private var choice: Bool?

    /// - Parameter isFree: true if there are directions that can run in parallel; otherwise there is nothing to try.
    init(isFree: Bool) {
        if !isFree { choice = false }
    }

    var isSideBySide: Bool { choice ?? (windows % 2 == 0) }
    var isSettled: Bool { choice != nil }

    mutating func took(_ time: Double) {
        guard choice == nil else { return }
        if windows > 0 {
            if isSideBySide { best.sideBySide = min(best.sideBySide, time) } else { best.inTurn = min(best.inTurn, time) }
        }
        windows += 1
        if windows > 2 * Self.trials { choice = best.sideBySide <= best.inTurn }
    }
}
