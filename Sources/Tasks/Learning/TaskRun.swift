import Files
public import Kernels
internal import Layers

/// A system that learns a task: from texts, vectors and seeds to scores.
public struct TaskRun<Task: LabelledTask> {
    /// A text with its vectors.
    public struct Side {
        public let text: Task.Text
        public let examples: [Task.Network.Example]
        public let vectors: any FrozenVectors

        public init(_ text: Task.Text, _ examples: [Task.Network.Example], _ vectors: any FrozenVectors) {
            (self.text, self.examples, self.vectors) = (text, examples, vectors)
        }
    }

    /// The outcome of one seed.
    public struct Result {
        public let seed: UInt64
        public let outcome: TaskTrainer<Task.Network>.Outcome
        public let development: TaskScore
        /// `nil` without a test set.
        public let test: TaskScore?
        /// Seconds of training a pass, the median, and words a second.
        public let secondsOfEpoch, wordsPerSecond: Double
        public let bytes: Int
    }

    public let task: Task
    public let size: TaskSize
    public let schedule: TaskSchedule
    private let backend: ProcessorBackend

    public init(_ task: Task, size: TaskSize, schedule: TaskSchedule, on backend: ProcessorBackend) {
        (self.task, self.size, self.schedule, self.backend) = (task, size, schedule, backend)
    }

    /// A network with the weights that training begins with.
    public func trainer(_ form: VectorForm, seed: UInt64) -> TaskTrainer<Task.Network> {
        TaskTrainer(schedule, seed: seed, on: backend) { task.network(form, size: size, in: &$0) }
    }

    /// Learns from the training text. Throws what `TaskTrainer.train` throws.
    public func learn(
        _ training: Side, development: Side, test: Side?, seed: UInt64, shouldStop: () -> Bool,
        onProgress: (TaskTrainer<Task.Network>.Progress) -> Void
    ) throws -> (result: Result, trainer: TaskTrainer<Task.Network>) {
        let trainer = trainer(training.vectors.form, seed: seed)
        var seconds: [Double] = [], words = 0
        let outcome = try trainer.train(
            training.examples, training.vectors, shouldStop: shouldStop, development: { try score($0, development).value },
            onProgress: { progress in
                seconds.append(progress.seconds)
                words = max(words, progress.words)
                onProgress(progress)
            })
        let median = seconds.sorted()[seconds.count / 2]
        let result = Result(
            seed: seed, outcome: outcome, development: try score(trainer, development), test: try test.map { try score(trainer, $0) },
            secondsOfEpoch: median, wordsPerSecond: Double(words) / max(1e-9, median), bytes: trainer.bytes)
        return (result, trainer)
    }

    /// Returns the score of a network on a text. Throws what the vectors throw.
    public func score(_ trainer: TaskTrainer<Task.Network>, _ side: Side) throws -> TaskScore {
        try task.score(predict(trainer, side), of: side.text)
    }

    /// Returns a network's predictions for a text. Throws what the vectors throw.
    public func predict(_ trainer: TaskTrainer<Task.Network>, _ side: Side) throws -> [Task.Network.Prediction] {
        try trainer.predict(side.examples, side.vectors)
    }
}
