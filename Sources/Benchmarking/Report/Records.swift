internal import FoundationEssentials

/// A line of results, as benchmarks write it and a report reads it; docs/report.md lists them. Absent keys were not measured.
public protocol BenchmarkRecord: Codable, Sendable {
    /// The value of the record's key `event`.
    static var event: String { get }
}

/// The machine, the text and the command of the records after it.
public struct MachineRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "machine"

    let processor, kernels, date, version, command, text: String?
    let threads, textWords, distinctWords: Int?
    /// The memory that a process may have, in bytes.
    let memory: Int?
    /// The GPU; absent for the processor.
    let device: DeviceRecord?
}

/// The GPU of a measurement, as a part of other records.
struct DeviceRecord: Codable, Hashable {
    let name: String
    /// The precision of products.
    let precision: String?
    /// The version of CUDA that the driver supports.
    let driver: String?
    /// The free memory of the GPU in bytes.
    let memory: Int?
}

/// The time and memory of one system.
public struct SystemRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "system"

    let name: String
    /// The name of the benchmark: output-layers, costs or compare.
    let run: String?
    let options, encoder, input, output, optimizer: String?
    let cell, projection, directions, vocabulary, batch, window, threads, rounds, parameters: Int?
    /// The number of words or units among which a softmax chooses.
    let classes: Int?
    /// Other settings of the network by their names: `layers`, `dropout`, …
    let settings: [String: String]?
    /// The GPU; absent for the processor.
    let device: DeviceRecord?
    /// Sizes in bytes; `peakMemory` and `memoryGiven` are those of the device, if there is one.
    let optimizerBytes, peakMemory, gradientBytes, memoryGiven: Int?
    /// The largest number of sequences that fit into `memoryGiven`.
    let largestBatch: Int?
    let wordsPerSecond: Spread?
    /// The time for a million words in seconds.
    let millionWordsSeconds: Spread?
    let joulesPerMillionWords: Double?
    /// The fractions of a step's time.
    let costs: [String: Double]?
}

/// The ratio of `quantity` between the system `of` and the system `to`, within the rounds.
public struct RatioRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "ratio"

    let run, encoder: String?
    let of, to: String
    let vocabulary: Int?
    let quantity: String
    let ratio: Spread
    /// The interval of the median; absent if there were too few rounds for that confidence.
    let low, high, confidence: Double?
    let rounds: Int?
}

/// A system that was not measured, with the reason.
public struct LeftOutRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "left-out"

    let run, encoder: String?
    let name: String
    let vocabulary: Int?
    let reason: String
}

/// The differences between the systems of a comparison, for other programs; a report computes them again.
public struct DifferencesRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "differences"

    /// A setting in which the systems differ.
    struct Difference: Codable {
        /// The name of the setting: `cell`, `vocabulary`, …
        let what: String
        /// The different values, in the order of the systems.
        let values: [String]
    }

    let run, encoder: String?
    let vocabulary: Int?
    let systems: [String]
    let differences: [Difference]
    /// The differences as a sentence: `These systems differ in more than the output layer: cell 4096 against 512.`
    public let text: String
}

/// The scores of one trained model on held-out text.
public struct QualityRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "quality"

    let system: String
    /// The budget that all systems share: `words`, `time`, or `vectors`, which is the time including that of making the word vectors.
    let budget: String?
    let seed: Int?
    let words, candidates, classes: Int?
    /// The number of ranked positions, and of all positions in the held-out text.
    let positions, heldOutPositions: Int?
    let seconds, top1, top10, perplexity, candidatePerplexity, coverage, unknownShare: Double?
    /// The scores of the continuous output: ranks by cosine alone, the loss, and the loss of the best constant vector.
    let cosineTop1, cosineTop10, loss, constantLoss: Double?
    /// The scores of the unigram model over the same positions and candidates.
    let unigramTop1, unigramTop10, unigramPerplexity: Double?
}

/// A point of a learning curve.
public struct CurveRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "curve"

    let system: String
    let seed, words, positions: Int?
    let seconds: Double
    let top10, candidatePerplexity, loss, constantLoss, unigramTop10, unigramPerplexity: Double?
}

/// The score of a classifier on a model's vectors.
public struct ProbeRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "probe"

    let system: String
    let budget: String?
    let seed, probeSeed, testTokens: Int?
    let task, measure: String
    let value: Double
    let precision, recall: Double?
}

/// The score of a network that learned a task on frozen vectors.
public struct TaskRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "task"

    let system, task, measure: String
    /// The labelled text that was scored, and whether it was given by `--test` or by `--dev`.
    let text, part: String?
    /// The score, and the score on the development text, as fractions.
    let value: Double
    let dev: Double?
    let details: [String: Double]?
    let taskSeed: UInt64?
    /// The number of the pass whose network was scored, and the number of passes.
    let epoch, epochs: Int?
    /// The memory of the network in bytes, including that of training.
    let bytes: Int?
    let secondsOfEpoch, wordsPerSecond: Double?
    /// The score as a function of counts, and the counts of each sentence.
    let statistic: String?
    let units: [[Double]]?
}

/// A pass of a task network over its training text.
public struct TaskPassRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "taskEpoch"

    let system, task: String
    let taskSeed: UInt64?
    let epoch: Int
    let dev, loss, secondsOfEpoch: Double?
}

/// The time of scoring held-out text, beside that of its matrix products at the machine's ceiling.
public struct EvaluationRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "evaluation"

    /// The number of positions scored.
    public let positions: Int
    /// The number of words among which the positions were ranked.
    public let candidates: Int?
    /// The number of threads, and of evaluations.
    public let threads, rounds: Int?
    /// The multiplications and additions of the products.
    public let operations: Double?
    /// The time of an evaluation in seconds.
    public let seconds: Spread
    /// The time of the evaluation's products at the ceiling in seconds.
    public let products: Spread?
    /// The speed of large products in GFLOP/s.
    public let ceiling: Spread?
    /// The time `seconds` as a multiple of `products`, within the runs.
    public let ratio: Spread?
}

/// A mark that the benchmark with the given name was stopped before its end.
public struct InterruptedRecord: BenchmarkRecord {
    /// The event of this record.
    public static let event = "interrupted"

    let run: String?

    /// Makes a mark.
    /// - `run`: the name of the benchmark.
    public init(run: String?) { self.run = run }
}

extension ResultLog {
    /// Writes a record, with the event beside the record's keys. Throws what the output throws.
    public func write(_ record: some BenchmarkRecord) throws { try writeLine(Line(record: record)) }

    private struct Line<Record: BenchmarkRecord>: Encodable {
        let record: Record

        private enum Key: CodingKey { case event }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(Record.event, forKey: .event)
            try record.encode(to: encoder)
        }
    }
}

/// The records that a report shows, by their events.
private let shownKinds: [String: any BenchmarkRecord.Type] = Dictionary(
    uniqueKeysWithValues: [
        MachineRecord.self, SystemRecord.self, RatioRecord.self, LeftOutRecord.self, QualityRecord.self, CurveRecord.self,
        ProbeRecord.self, TaskRecord.self, TaskPassRecord.self, EvaluationRecord.self, InterruptedRecord.self,
    ].map { (kind: any BenchmarkRecord.Type) in (kind.event, kind) })

/// Reads one line of JSON. Returns `nil` for events that a report does not show. Throws `DecodingError`.
func benchmarkRecord(_ line: Data, _ decoder: JSONDecoder) throws -> (any BenchmarkRecord)? {
    struct Head: Decodable { let event: String }
    func decode(_ kind: (some BenchmarkRecord).Type) throws -> any BenchmarkRecord { try decoder.decode(kind, from: line) }
    return try shownKinds[decoder.decode(Head.self, from: line).event].map { try decode($0) }
}

/// The range of integers in results: counts, sizes and seeds, which are exact in every JSON reader.
private let wholeNumbers = 0...1 << 53

/// The largest absolute value of other numbers: times, speeds and scores for which a picture can have an axis.
private let largestNumber = 1e100

/// Returns a message about a number of a record that is out of range, or `nil` if there is none.
func numberComplaint(_ value: Any, _ name: String = "") -> String? {
    if let number = value as? Int {
        return wholeNumbers.contains(number)
            ? nil : "\"\(name)\" is \(number), and must be from 0 to \(wholeNumbers.upperBound)"
    }
    if let number = value as? Double {
        return !number.isFinite || number.magnitude <= largestNumber
            ? nil : "\"\(name)\" is \(number), and must be at most \(largestNumber) in magnitude"
    }
    return Mirror(reflecting: value).children.lazy.compactMap { numberComplaint($0.value, $0.label ?? name) }.first
}
