internal import Files
internal import Kernels
internal import Layers
internal import Model
internal import Parallel

/// Real training steps on random words: the same work as in a window of `Trainer`, without a corpus.
final class SyntheticTraining {
    let encoder: ContextualEncoder
    private let shape: WindowShape
    private let memory: OperationMemory
    /// The vectors of words, which exceed the cache, as those of a vocabulary do.
    private let table: Matrix
    private let tasks: [DirectionTask]
    private var random = Random(seed: 1, stream: "synthetic training")
    private var steps = 0

    private final class DirectionTask {
        /// Vectors, [positions, dimension].
        let inputs, targets: Matrix
        /// Rows of the table, [positions].
        let inputRows, targetRows: Numbers
        /// Rows of the next step: those of the inputs, then those of the targets.
        var nextRows: [Int32]
        var loss = 0.0, norm = 0.0

        init(positions: Int, table: Matrix, in memory: OperationMemory) {
            (inputs, targets) = (memory.zeros(positions, table.columns), memory.zeros(positions, table.columns))
            (inputRows, targetRows) = (memory.numbers(positions, below: table.rows), memory.numbers(positions, below: table.rows))
            nextRows = (0..<2 * positions).map { _ in 0 }
        }

        /// Makes the rows that were drawn last the rows of the step that begins.
        func begin() {
            for place in 0..<inputRows.count {
                (inputRows[place], targetRows[place]) = (nextRows[place], nextRows[inputRows.count + place])
            }
        }
    }

    /// Makes a network with random inputs.
    /// - `backends`: one of a device for each direction; if there are none, the processor trains.
    init(
        _ configuration: EncoderConfiguration, batch: Int, window: Int, pool: ThreadPool, kernels: ProcessorKernels = .fastest,
        backends: [any Backend] = []
    ) {
        shape = WindowShape(steps: window, batch: batch)
        encoder = ContextualEncoder(
            configuration, capacity: WindowCapacity(shape), training: Adam(), pool: pool, kernels: kernels, backends: backends)
        encoder.initialize(seed: 1)
        memory = OperationMemory(on: encoder.directions[0].backend)
        table = memory.matrix(20_000, configuration.inputSize)
        tasks = configuration.directions.map { [shape, table, memory] _ in
            DirectionTask(positions: shape.rows, table: table, in: memory)
        }
        encoder.directions.first?.backend.normalize(table)
        encoder.directions.first?.backend.wait()
        drawRows()
    }

    /// The number of words in a step; each counts once, whether one direction learns from it or both.
    var words: Int { shape.rows }

    /// Makes a step: gather the vectors, forward pass, backward pass, clipping, update. Throws `ToolError` if the result is not a
    /// finite number, because its speed would mean nothing.
    func step(sideBySide: Bool) throws {
        for task in tasks { task.begin() }
        // A device works on both directions at once if both are started before the host waits for anything.
        let isDevice = encoder.directions.contains { !$0.backend.computesInHostMemory }
        encoder.forEachDirection(sideBySide: sideBySide) { index in
            let (model, task) = (encoder.directions[index], tasks[index])
            model.backend.enter(.gathering)
            model.backend.gather(task.inputRows, of: table, into: task.inputs)
            model.backend.gather(task.targetRows, of: table, into: task.targets)
            model.accumulate(
                .vectors(task.inputs), targets: .vectors(task.targets), shape: shape, carry: true, seed: 1, step: steps)
            if !isDevice { finish(index) }
        }
        if isDevice { for model in encoder.directions { model.beginNorm() } }
        // The host draws the next rows now, while a device is at work.
        drawRows()
        if isDevice { encoder.directions.indices.forEach(finish) }
        steps += 1
        guard tasks.allSatisfy({ $0.loss.isFinite && $0.norm.isFinite }) else {
            throw ToolError(.software, "step \(steps) of the synthetic training gave no number")
        }
    }

    private func drawRows() {
        for task in tasks {
            for place in task.nextRows.indices { task.nextRows[place] = Int32(random.below(table.rows)) }
        }
    }

    private func finish(_ index: Int) {
        tasks[index].loss = encoder.directions[index].takeLoss()
        tasks[index].norm = encoder.directions[index].update(.init(step: steps + 1, rate: 1e-3, clip: 1))
    }
}
