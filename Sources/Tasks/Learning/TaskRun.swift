import Files
public import Kernels
internal import Layers

/// A run of a task: it takes texts, vectors and seeds, and gives scores.
public struct TaskRun<Task: LabelledTask> {
    /// A text with its vectors.
    public struct Side {
        /// The labelled text.
        public let text: Task.Text
        /// The examples of the text.
        public let examples: [Task.Network.Example]
        /// The vectors of the words of the text.
        public let vectors: any FrozenVectors

        /// Combines a text with its examples and vectors.
        public init(_ text: Task.Text, _ examples: [Task.Network.Example], _ vectors: any FrozenVectors) {
            (self.text, self.examples, self.vectors) = (text, examples, vectors)
        }
    }

    /// The outcome of one seed.
    public struct Result {
        /// The seed of the initial weights, the batches and dropout.
        public let seed: UInt64
        /// The end of training.
        public let outcome: TaskTrainer<Task.Network>.Outcome
        /// The score on the development set.
        public let development: TaskScore
        /// The score on the test set; `nil` if there is no test set.
        public let test: TaskScore?
        /// The median training time of a pass in seconds, and the training speed in words per second.
        public let secondsOfEpoch, wordsPerSecond: Double
        /// The size of the network and of its largest batch in bytes.
        public let bytes: Int
    }

    /// The task with the labels of its training text.
    public let task: Task
    /// The size of the network.
    public let size: TaskSize
    /// The optimiser, batches and stopping rule.
    public let schedule: TaskSchedule
    private let backend: ProcessorBackend

    /// Makes a run that computes on `backend`.
    public init(_ task: Task, size: TaskSize, schedule: TaskSchedule, on backend: ProcessorBackend) {
        (self.task, self.size, self.schedule, self.backend) = (task, size, schedule, backend)
    }

    /// Returns a trainer with newly initialised weights.
    public func trainer(_ form: VectorForm, seed: UInt64) -> TaskTrainer<Task.Network> {
        TaskTrainer(schedule, seed: seed, on: backend) { task.network(form, size: size, in: &$0) }
    }

    /// Trains a network on the training text. Throws what `TaskTrainer.train` throws.
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

    /// Returns the score of a network on a text. Throws what reading the vectors throws.
    public func score(_ trainer: TaskTrainer<Task.Network>, _ side: Side) throws -> TaskScore {
        try task.score(predict(trainer, side), of: side.text)
    }

    /// Returns the predictions of a network for a text. Throws what reading the vectors throws.
    public func predict(_ trainer: TaskTrainer<Task.Network>, _ side: Side) throws -> [Task.Network.Prediction] {
        try trainer.predict(side.examples, side.vectors)
    }
}
