import Files
import Glibc
import Kernels
import Layers
import Model
import Parallel

/// One step of training: its windows through every direction, then the update of each. Allocates nothing.
///
/// Directions run side by side or one after the other on all threads: both are tried in the first steps, and the faster
/// one stays. What comes out is the same.
final class TrainingStep {
    /// The mean loss over the step's windows and the directions.
    private(set) var loss = 0.0
    /// The largest of the directions' gradient norms, before clipping.
    private(set) var norm = 0.0
    /// Positions of the step.
    private(set) var positions = 0
    /// Multiplications and additions of its products.
    private(set) var operations = 0.0
    /// True if the directions of its last window ran side by side.
    private(set) var ranSideBySide = false
    /// True once it has been found out which way is the faster one.
    var isSettled: Bool { arrangement.isSettled }

    /// Called when the gradients of some parameters of a direction, by its index, are complete: in the last window of a step, and
    /// of layers that the directions have in common in the turn of the last direction.
    var finish: ((_ direction: Int, _ parameters: ParameterRange) -> Void)? {
        didSet {
            for index in tasks.indices {
                tasks[index].finish = finish.map { [count = tasks.count] finish in
                    { range in if !range.isShared || index == count - 1 { finish(index, range) } }
                }
            }
        }
    }

    private let encoder: ContextualEncoder
    private let options: TrainingOptions
    private let rate: LearningRate
    private let corpusName: String
    private let tasks: [DirectionTask]
    private var arrangement: Arrangement
    /// The window trained on last, and the number of its pass.
    private(set) var window: TrainingWindow
    private var pass = 0
    /// True if that window is the last of its step.
    private var isLast = false
    /// The first window of the next step, if it was planned while a device was at work, and the error that was met in that.
    private var nextWindow: TrainingWindow
    private var isPlanned = false
    private var planningFailure: (any Error)?
    /// True if windows can be planned ahead: not if negatives are those of earlier windows, which a checkpoint keeps.
    private let plansAhead: Bool

    /// The words of one direction, and the results of its step.
    private final class DirectionTask {
        let words: DirectionWindow
        var loss = 0.0, norm = 0.0
        var finish: ((ParameterRange) -> Void)?
        /// The reason why its words could not be had.
        var failure: (any Error)?

        init(_ words: DirectionWindow) { self.words = words }
    }

    init(
        _ encoder: ContextualEncoder, _ corpus: Corpus, source: TargetSource?, _ options: TrainingOptions, rate: LearningRate
    ) throws {
        let words = corpus.words, others = encoder.configuration.objective == .masked ? corpus.otherWords : []
        corpusName = corpus.name
        self.encoder = encoder
        self.options = options
        self.rate = rate
        // After everything else has its memory.
        let resident = try words.vectors.flatMap { try ResidentWordVectors($0, on: encoder.directions[0].backend) }
        tasks = encoder.directions.map {
            DirectionTask(
                DirectionWindow(
                    encoder.configuration, words, $0.direction, source: source, others: others,
                    positions: options.batch * options.window, backend: $0.backend, resident: resident))
        }
        window = TrainingWindow(batch: options.batch, window: options.window)
        nextWindow = window
        plansAhead = !encoder.directions[0].backend.computesInHostMemory
            && !(encoder.configuration.isContrastive && encoder.configuration.negativeSource == .earlier)
        arrangement = Arrangement(isFree: encoder.directions.count > 1 && !encoder.configuration.sharesLayers)
    }

    /// Trains on the windows of step `step`, from 0, which come from `stream`. Throws what it throws, and `ToolError`:
    /// with status `dataError`, naming step and sentences, if a loss or gradient is no number; and if the table's file cannot
    /// be read any more.
    func run(_ step: Int, _ stream: WindowStream) throws {
        for model in encoder.directions { _ = model.takeLoss() }
        positions = 0
        let before = encoder.operations
        defer { operations = encoder.operations - before }
        for number in 0..<options.accumulation {
            if number == 0 && isPlanned {
                swap(&window, &nextWindow)
                if let planningFailure { throw planningFailure }
            } else {
                try stream.next(&window)
            }
            positions += window.positions
            pass = step * options.accumulation + number
            isLast = number == options.accumulation - 1
            let start = monotonicSeconds()
            ranSideBySide = arrangement.isSideBySide
            encoder.runDirections(sideBySide: arrangement.isSideBySide, Pass(step: self))
            arrangement.took(monotonicSeconds() - start)
            for task in tasks { if let failure = task.failure { throw failure } }
            isPlanned = false
        }
        for model in encoder.directions { model.beginNorm() }
        if plansAhead { planNext((step + 1) * options.accumulation, stream) }
        var update = ParameterStore.Update(step: step + 1, rate: rate(step), clip: options.clip)
        update.weightDecay = options.weightDecay
        update.windows = options.accumulation
        update.lossScale = options.lossScale ?? 1
        for (task, model) in zip(tasks, encoder.directions) {
            task.loss = model.takeLoss() / Double(options.accumulation)
            task.words.release()
        }
        // Weights are only touched when all directions have sound losses.
        for (task, model) in zip(tasks, encoder.directions) where !task.loss.isFinite {
            throw notANumber("the loss is no number", model.direction, step: step)
        }
        for (index, task) in tasks.enumerated() { task.norm = encoder.update(update, direction: index) }
        loss = 0
        norm = 0
        for (task, model) in zip(tasks, encoder.directions) {
            guard task.norm.isFinite else {
                throw notANumber("loss \(task.loss), but the gradient is no number", model.direction, step: step)
            }
            loss += task.loss / Double(tasks.count)
            norm = max(norm, task.norm)
        }
    }

    /// Takes the first window of the next step and plans it, while the device is at work.
    private func planNext(_ pass: Int, _ stream: WindowStream) {
        isPlanned = true
        do { try stream.next(&nextWindow) } catch { return planningFailure = error }
        for (task, model) in zip(tasks, encoder.directions) {
            task.words.plan(nextWindow, draw: model.draw(options.seed, pass))
        }
    }

    /// The passes of all directions over a window.
    private struct Pass: ParallelJob {
        let step: TrainingStep

        var tasks: Int { step.tasks.count }

        func run(_ direction: Int) { step.accumulate(direction) }
    }

    private func accumulate(_ index: Int) {
        let model = encoder.directions[index], task = tasks[index]
        let shape = WindowShape(steps: window.window, batch: window.batch)
        model.backend.enter(.gathering, of: .data)
        do {
            if isPlanned {
                try task.words.publish(window)
            } else {
                try task.words.prepare(window, draw: model.draw(options.seed, pass))
            }
        } catch {
            // There is nobody to throw it to: `run` does when all directions are done.
            task.failure = error
            return
        }
        model.accumulate(
            task.words.input(rows: shape.rows), targets: task.words.targets(rows: shape.rows),
            weights: task.words.weights(rows: shape.rows), masking: task.words.masking, shape: shape, carry: options.carriesState,
            seed: options.seed, step: pass, finish: isLast ? task.finish : nil)
    }

    /// The words that each direction keeps of earlier windows, as negatives of the windows to come; empty where it keeps none.
    var keptTargets: [[UInt32]] {
        get { tasks.map { $0.words.windowTargets?.kept ?? [] } }
        set { for (task, kept) in zip(tasks, newValue) { task.words.windowTargets?.kept = kept } }
    }

    /// Throws `ToolError` with status `dataError` if a weight has become infinite or no number at all, as the next step
    /// would find.
    func checkWeights(after step: Int) throws {
        for store in encoder.stores {
            for parameter in store.layout.parameters where !store.isFinite(parameter) {
                let direction = encoder.directions.first { parameter.name.hasPrefix($0.direction.rawValue) }?.direction
                throw notANumber(
                    "\(parameter.name) has weights that are no numbers", direction ?? encoder.directions[0].direction,
                    step: step - 1)
            }
        }
    }

    private func notANumber(_ what: String, _ direction: Direction, step: Int) -> ToolError {
        .data(
            corpusName, "step \(step + 1), \(direction.rawValue) direction",
            "training stopped: \(what), in the batch that ends with sentence \(window.position.sentences) of pass "
                + "\(window.position.epoch + 1); a smaller --rate may help")
    }
}

/// The way in which the directions run: measured in the first windows, by turns, and then kept.
private struct Arrangement {
    /// Windows of each way that are measured, after one that is not, since memory is first touched in it.
    private static let trials = 3
    private var windows = 0
    private var best = (sideBySide: Double.infinity, inTurn: Double.infinity)
    private var choice: Bool?

    /// - Parameter isFree: true if there are directions that can run side by side; else there is nothing to try.
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
