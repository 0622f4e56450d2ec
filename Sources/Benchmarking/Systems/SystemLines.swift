internal import Model
internal import Training

/// Results of systems as lines of JSON, as they are written: docs/report.md has them as a table, and Report reads them.
public struct SystemLine: Encodable {
    let event = "system"
    let run, name, options, encoder: String
    let cell, projection, directions, vocabulary: Int
    let input, output, optimizer: String
    let batch, window, threads, rounds: Int
    let wordsPerSecond, millionWordsSeconds: Spread
    let parameters, optimizerBytes, peakMemory, gradientBytes, largestBatch, memoryGiven: Int
    let joulesPerMillionWords: Double?
    let costs: [String: Double]

    public init(_ result: SystemResult, run: String, threads: Int, memoryGiven: Int) {
        let system = result.system, configuration = system.configuration
        self.run = run
        name = system.name
        options = system.options
        encoder = system.encoder
        cell = configuration.cell
        projection = configuration.projection
        directions = configuration.directions.count
        vocabulary = system.vocabulary
        input = configuration.input.rawValue
        output = configuration.output.rawValue
        optimizer = system.optimizer.rawValue
        batch = system.batch
        window = system.window
        self.threads = threads
        rounds = result.rounds
        wordsPerSecond = result.wordsPerSecond
        millionWordsSeconds = result.secondsOfMillionWords
        parameters = result.parameters
        optimizerBytes = result.optimizerBytes
        peakMemory = result.peakMemory
        gradientBytes = result.gradientBytes
        largestBatch = result.largestBatch
        self.memoryGiven = memoryGiven
        joulesPerMillionWords = result.joulesOfMillionWords
        costs = Dictionary(uniqueKeysWithValues: zip(SystemResult.parts, result.shares))
    }
}

/// How many times as long as another a system takes for a word.
public struct RatioLine: Encodable {
    let event = "ratio"
    let run, of, to, encoder: String
    let vocabulary: Int
    let quantity = "time"
    let ratio: Spread
    let low, high: Double?
    let confidence: Double
    let rounds: Int

    public init(_ result: SystemResult, to other: SystemResult, run: String) {
        let paired = result.ratio(to: other)
        self.run = run
        of = result.system.name
        to = other.system.name
        encoder = result.system.encoder
        vocabulary = result.system.vocabulary
        ratio = paired.ratio
        low = paired.low
        high = paired.high
        confidence = paired.confidence
        rounds = paired.rounds
    }
}

/// A system that could not be measured.
public struct LeftOutLine: Encodable {
    let event = "left-out"
    let run, name, encoder: String
    let vocabulary: Int
    let reason: String

    public init(_ system: MeasuredSystem, reason: String, run: String) {
        self.run = run
        name = system.name
        encoder = system.encoder
        vocabulary = system.vocabulary
        self.reason = reason
    }
}

/// The user ended the run; what stands before this line was measured.
public struct InterruptedLine: Encodable {
    let event = "interrupted"
    let run: String

    public init(run: String) { self.run = run }
}

/// Where and when the lines that follow were measured, and by which command.
public struct MachineLine: Encodable {
    let event = "machine"
    let processor, kernels, date, version, command, text: String
    let threads, memory, textWords, distinctWords: Int

    public init(command: String, version: String, text: String, textWords: Int, distinctWords: Int, threads: Int) {
        self.command = command
        self.version = version
        self.text = text
        self.textWords = textWords
        self.distinctWords = distinctWords
        self.threads = threads
        processor = Machine.processor
        kernels = Machine.kernels
        memory = Machine.memory
        date = Machine.date
    }
}
