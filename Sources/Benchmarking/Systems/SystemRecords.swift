internal import Model
internal import Training

// What was measured of systems, as records of results.

extension SystemRecord {
    public init(_ result: SystemResult, run: String, threads: Int, memoryGiven: Int) {
        let system = result.system, configuration = system.configuration
        self.init(
            name: system.name, run: run, options: system.options, encoder: system.encoder, input: configuration.input.rawValue,
            output: configuration.output.rawValue, optimizer: system.optimizer.rawValue, cell: configuration.cell,
            projection: configuration.projection, directions: configuration.directions.count, vocabulary: system.vocabulary,
            batch: system.batch, window: system.window, threads: threads, rounds: result.rounds, parameters: result.parameters,
            optimizerBytes: result.optimizerBytes, peakMemory: result.peakMemory, gradientBytes: result.gradientBytes,
            memoryGiven: memoryGiven, largestBatch: result.largestBatch, wordsPerSecond: result.wordsPerSecond,
            millionWordsSeconds: result.secondsOfMillionWords, joulesPerMillionWords: result.joulesOfMillionWords,
            costs: Dictionary(uniqueKeysWithValues: zip(SystemResult.parts, result.shares)))
    }
}

extension RatioRecord {
    /// How many times as long as `other` a system takes for a word.
    public init(_ result: SystemResult, to other: SystemResult, run: String) {
        let paired = result.ratio(to: other)
        self.init(
            run: run, encoder: result.system.encoder, of: result.system.name, to: other.system.name,
            vocabulary: result.system.vocabulary, quantity: "time", ratio: paired.ratio, low: paired.low, high: paired.high,
            confidence: paired.confidence, rounds: paired.rounds)
    }
}

extension LeftOutRecord {
    public init(_ system: MeasuredSystem, reason: String, run: String) {
        self.init(run: run, encoder: system.encoder, name: system.name, vocabulary: system.vocabulary, reason: reason)
    }
}

extension MachineRecord {
    /// This machine, today.
    public init(command: String, version: String, text: String, textWords: Int, distinctWords: Int, threads: Int) {
        self.init(
            processor: Machine.processor, kernels: Machine.kernels, date: Machine.date, version: version, command: command,
            text: text, threads: threads, textWords: textWords, distinctWords: distinctWords, memory: Machine.memory)
    }
}
