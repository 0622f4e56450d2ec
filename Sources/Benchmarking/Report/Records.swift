internal import FoundationEssentials

/// One line of results, as benchmarks write it and a report reads it; docs/report.md is the list. Keys that are absent were not
/// measured.
public protocol BenchmarkRecord: Codable, Sendable {
    /// The value of its key `event`.
    static var event: String { get }
}

/// The machine, the text and the command of the records behind it.
public struct MachineRecord: BenchmarkRecord {
    public static let event = "machine"

    let processor, kernels, date, version, command, text: String?
    let threads, textWords, distinctWords: Int?
    /// The memory that a process may have, in bytes.
    let memory: Int?
    /// Absent: the processor.
    let device: DeviceRecord?
}

/// The GPU on which something was measured: a part of other records.
struct DeviceRecord: Codable, Hashable {
    let name: String
    /// The precision of products.
    let precision: String?
    /// The version of CUDA that the driver supports.
    let driver: String?
    /// Bytes of its memory that were free.
    let memory: Int?
}

/// The time and memory that one system took.
public struct SystemRecord: BenchmarkRecord {
    public static let event = "system"

    let name: String
    /// The benchmark: output-layers, costs or compare.
    let run: String?
    let options, encoder, input, output, optimizer: String?
    let cell, projection, directions, vocabulary, batch, window, threads, rounds, parameters: Int?
    /// The words or units that a softmax chooses among.
    let classes: Int?
    /// Other settings of the network by their names: `layers`, `dropout`, …
    let settings: [String: String]?
    /// Absent: the processor.
    let device: DeviceRecord?
    /// Numbers of bytes; `peakMemory` and `memoryGiven` are of the device, if there is one.
    let optimizerBytes, peakMemory, gradientBytes, memoryGiven: Int?
    /// The most sequences that fit into `memoryGiven`.
    let largestBatch: Int?
    let wordsPerSecond: Spread?
    /// Seconds for a million words.
    let millionWordsSeconds: Spread?
    let joulesPerMillionWords: Double?
    /// Shares of a step's time.
    let costs: [String: Double]?
}

/// The ratio, within the rounds, of what the system `of` takes of `quantity` to what the system `to` takes.
public struct RatioRecord: BenchmarkRecord {
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

/// A system that was not measured, and why.
public struct LeftOutRecord: BenchmarkRecord {
    public static let event = "left-out"

    let run, encoder: String?
    let name: String
    let vocabulary: Int?
    let reason: String
}

/// The differences of the systems of a comparison, for other programs: a report finds them again.
public struct DifferencesRecord: BenchmarkRecord {
    public static let event = "differences"

    /// One setting in which the systems differ.
    struct Difference: Codable {
        /// The setting's name: `cell`, `vocabulary`, …
        let what: String
        /// The different values, in the order of the systems.
        let values: [String]
    }

    let run, encoder: String?
    let vocabulary: Int?
    let systems: [String]
    let differences: [Difference]
    /// A sentence: `These systems differ in more than the output layer: cell 4096 against 512.`
    public let text: String
}

/// Scores of one trained model on held-out text.
public struct QualityRecord: BenchmarkRecord {
    public static let event = "quality"

    let system: String
    /// The budget that all systems share: `words`, `time`, or `vectors`, the time with that which making the word vectors took.
    let budget: String?
    let seed: Int?
    let words, candidates, classes: Int?
    /// The numbers of positions ranked, and of all in the held-out text.
    let positions, heldOutPositions: Int?
    let seconds, top1, top10, perplexity, candidatePerplexity, coverage, unknownShare: Double?
    /// Scores of the continuous output: ranks by cosine alone, the loss, and that of the best constant vector.
    let cosineTop1, cosineTop10, loss, constantLoss: Double?
    /// Scores of the unigram model over the same positions and candidates.
    let unigramTop1, unigramTop10, unigramPerplexity: Double?
}

/// One point of a learning curve.
public struct CurveRecord: BenchmarkRecord {
    public static let event = "curve"

    let system: String
    let seed, words, positions: Int?
    let seconds: Double
    let top10, candidatePerplexity, loss, constantLoss, unigramTop10, unigramPerplexity: Double?
}

/// The score of a classifier on a model's vectors.
public struct ProbeRecord: BenchmarkRecord {
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
    public static let event = "task"

    let system, task, measure: String
    /// The labelled text that was scored, and whether it is the one of `--test` or of `--dev`.
    let text, part: String?
    /// The score, and that on the development text: shares.
    let value: Double
    let dev: Double?
    let details: [String: Double]?
    let taskSeed: UInt64?
    /// The pass whose network was scored, and how many there were.
    let epoch, epochs: Int?
    /// Bytes of the network, with what training it takes.
    let bytes: Int?
    let secondsOfEpoch, wordsPerSecond: Double?
    /// The score as a function of counts, and the counts of each sentence.
    let statistic: String?
    let units: [[Double]]?
}

/// A pass of such a network over its training text.
public struct TaskPassRecord: BenchmarkRecord {
    public static let event = "taskEpoch"

    let system, task: String
    let taskSeed: UInt64?
    let epoch: Int
    let dev, loss, secondsOfEpoch: Double?
}

/// The time that scoring held-out text took, beside its matrix products at the machine's ceiling.
public struct EvaluationRecord: BenchmarkRecord {
    public static let event = "evaluation"

    /// The number of positions scored.
    public let positions: Int
    /// The number of words that they were ranked among.
    public let candidates: Int?
    public let threads, rounds: Int?
    /// Multiplications and additions of the products.
    public let operations: Double?
    /// Seconds of an evaluation, and of its products at the ceiling.
    public let seconds: Spread
    public let products: Spread?
    /// GFLOP/s of large products.
    public let ceiling: Spread?
    /// `seconds` as a multiple of `products`, within the runs.
    public let ratio: Spread?
}

/// A mark that the benchmark of that name was stopped before it was done.
public struct InterruptedRecord: BenchmarkRecord {
    public static let event = "interrupted"

    let run: String?

    public init(run: String?) { self.run = run }
}

extension ResultLog {
    /// Writes a record, the event beside its own keys. Throws what the output throws.
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

/// Reads one line of JSON; returns `nil` for events that a report does not show. Throws `DecodingError`.
func benchmarkRecord(_ line: Data, _ decoder: JSONDecoder) throws -> (any BenchmarkRecord)? {
    struct Head: Decodable { let event: String }
    func decode(_ kind: (some BenchmarkRecord).Type) throws -> any BenchmarkRecord { try decoder.decode(kind, from: line) }
    return try shownKinds[decoder.decode(Head.self, from: line).event].map { try decode($0) }
}

/// The range of whole numbers in results: counts, sizes and seeds, exact in every reader of JSON.
private let wholeNumbers = 0...1 << 53

/// The largest magnitude of other numbers: times, speeds and scores for which a picture can have an axis.
private let largestNumber = 1e100

/// Says which number of a record is out of range, for a message; `nil` if none is.
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
