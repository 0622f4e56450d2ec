internal import Files
internal import Kernels
internal import Layers
internal import Model
internal import Parallel

/// Real training steps on random words: the same work as `Trainer` does for each window, without a corpus.
final class SyntheticTraining {
    let encoder: ContextualEncoder
    private let shape: WindowShape
    private let table: FloatBuffer
    private let tasks: [DirectionTask]
    private var random = Random(seed: 1, stream: "synthetic training")
    private var steps = 0

    /// The number of rows of the table that words are drawn from: more than fit in a cache, as in a vocabulary.
    private static let tableRows = 20_000

    private final class DirectionTask {
        let inputs: FloatBuffer, targets: FloatBuffer
        /// Rows of the table, [positions] each.
        let inputRows, targetRows: Numbers
        private let numbers: FloatBuffer
        var loss = 0.0, norm = 0.0

        init(positions: Int, dimension: Int) {
            inputs = FloatBuffer(count: positions * dimension)
            targets = FloatBuffer(count: positions * dimension)
            numbers = FloatBuffer(count: 2 * positions)
            inputRows = Numbers(numbers, count: positions)
            targetRows = Numbers(numbers, at: positions, count: positions)
        }
    }

    init(_ configuration: EncoderConfiguration, batch: Int, window: Int, pool: ThreadPool) {
        shape = WindowShape(steps: window, batch: batch)
        encoder = ContextualEncoder(configuration, capacity: WindowCapacity(shape), training: Adam(), pool: pool)
        encoder.initialize(seed: 1)
        let dimension = configuration.inputSize
        table = FloatBuffer(count: Self.tableRows * dimension)
        tasks = configuration.directions.map { [rows = shape.rows] _ in
            DirectionTask(positions: rows, dimension: dimension)
        }
        let vectors = Matrix(table, rows: Self.tableRows, columns: dimension)
        for row in 0..<Self.tableRows {
            vectors.rows(row..<row + 1).copy(from: (0..<dimension).map { _ in Float(random.uniform() - 0.5) })
        }
        encoder.directions.first?.backend.normalize(vectors)
    }

    /// The number of words of a step; each counts once, whether one direction learns from it or both.
    var words: Int { shape.rows }

    /// Makes a step: gather the vectors, forward, backward, clip, update. Throws `ToolError` if the result is not a number,
    /// because its speed would mean nothing.
    func step(sideBySide: Bool) throws {
        for task in tasks {
            for place in 0..<words {
                task.inputRows[place] = Int32(random.below(Self.tableRows))
                task.targetRows[place] = Int32(random.below(Self.tableRows))
            }
        }
        encoder.forEachDirection(sideBySide: sideBySide) { index in
            let (model, task) = (encoder.directions[index], tasks[index])
            model.backend.enter(.gathering)
            let inputs = gather(task.inputRows, task.inputs, model)
            let targets = gather(task.targetRows, task.targets, model)
            model.accumulate(
                .vectors(inputs), targets: .vectors(targets), shape: shape, carry: true, seed: 1, step: steps)
            task.loss = model.takeLoss()
            task.norm = model.update(.init(step: steps + 1, rate: 1e-3, clip: 1))
        }
        steps += 1
        guard tasks.allSatisfy({ $0.loss.isFinite && $0.norm.isFinite }) else {
            throw ToolError(.software, "step \(steps) of the synthetic training gave no number")
        }
    }

    private func gather(_ rows: Numbers, _ buffer: FloatBuffer, _ model: DirectionModel) -> Matrix {
        let matrix = Matrix(buffer, rows: rows.count, columns: buffer.count / rows.count)
        let vectors = Matrix(table, rows: Self.tableRows, columns: matrix.columns)
        model.backend.gather(rows, of: vectors, into: matrix)
        return matrix
    }
}
