internal import FoundationEssentials

// The records of results, as benchmarks write them and a report reads them; docs/report.md is the list. Keys that are absent were
// not measured.

/// Where, when and how the records behind it were measured.
public struct MachineRecord: Codable {
    let processor, kernels, date, version, command, text: String?
    let threads, textWords, distinctWords: Int?
    /// Bytes.
    let memory: Int?
}

/// What one system took.
public struct SystemRecord: Codable {
    let name: String
    /// The benchmark: output-layers, costs or compare.
    let run: String?
    let options, encoder, input, output, optimizer: String?
    let cell, projection, directions, vocabulary, batch, window, threads, rounds, parameters: Int?
    /// Of a softmax: what it chooses among, words or units.
    let classes: Int?
    /// What else makes the network, by what it is called: `layers`, `dropout`, …
    let settings: [String: String]?
    /// Bytes.
    let optimizerBytes, peakMemory, gradientBytes, memoryGiven: Int?
    /// Sequences, the most that fit into `memoryGiven`.
    let largestBatch: Int?
    let wordsPerSecond: Spread?
    /// Seconds for a million words.
    let millionWordsSeconds: Spread?
    let joulesPerMillionWords: Double?
    /// Shares of a step's time.
    let costs: [String: Double]?
}

/// How many times as much of `quantity` the system `of` takes as the system `to`: the ratios within the rounds.
public struct RatioRecord: Codable {
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
public struct LeftOutRecord: Codable {
    let run, encoder: String?
    let name: String
    let vocabulary: Int?
    let reason: String
}

/// What the systems of a comparison differ in.
public struct DifferencesRecord: Codable {
    let run, encoder: String?
    let vocabulary: Int?
    let systems: [String]
    let differences: [SystemDifferences.Difference]
    /// A sentence.
    let text: String
}

/// Scores of one trained model on held-out text.
public struct QualityRecord: Codable {
    let system: String
    /// What the systems had as much of: `words` or `time`.
    let budget: String?
    let seed: Int?
    let words, candidates, classes: Int?
    /// Positions ranked, and all of the held-out text.
    let positions, heldOutPositions: Int?
    let seconds, top1, top10, perplexity, candidatePerplexity, coverage, unknownShare: Double?
    /// Of the continuous output: ranks by cosine alone, the loss, and that of the best constant vector.
    let cosineTop1, cosineTop10, loss, constantLoss: Double?
    /// The unigram model over the same positions and candidates.
    let unigramTop1, unigramTop10, unigramPerplexity: Double?
}

/// One point of a learning curve.
public struct CurveRecord: Codable {
    let system: String
    let seed: Int?
    let words: Int?
    let positions: Int?
    let seconds: Double
    let top10, candidatePerplexity, loss, constantLoss, unigramTop10, unigramPerplexity: Double?
}

/// The score of a classifier on a model's vectors.
public struct ProbeRecord: Codable {
    let system: String
    let budget: String?
    let seed, probeSeed, testTokens: Int?
    let task, measure: String
    let value: Double
    let precision, recall: Double?
}

/// The time that scoring held-out text took, beside its matrix products at the machine's ceiling.
public struct EvaluationRecord: Codable {
    /// Positions scored, and the words that they were ranked among.
    let positions: Int
    let candidates, threads, rounds: Int?
    /// Multiplications and additions of the products.
    let operations: Double?
    /// Seconds of an evaluation, and of its products at the ceiling.
    let seconds: Spread
    let products: Spread?
    /// GFLOP/s of large products.
    let ceiling: Spread?
    /// `seconds` as a multiple of `products`, within the runs.
    let ratio: Spread?
}

/// A line of results.
public enum ResultRecord {
    case machine(MachineRecord), system(SystemRecord), ratio(RatioRecord), leftOut(LeftOutRecord)
    /// For other programs: a report finds the differences again.
    case differences(DifferencesRecord)
    case quality(QualityRecord), curve(CurveRecord), probe(ProbeRecord), evaluation(EvaluationRecord)
    /// The benchmark of that name was stopped before it was done.
    case interrupted(run: String?)
}

extension ResultRecord: Encodable {
    private enum Key: CodingKey { case event, run }

    /// The event stands beside the record's own keys.
    public func encode(to encoder: any Encoder) throws {
        func put(_ event: String, _ record: some Encodable) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(event, forKey: .event)
            try record.encode(to: encoder)
        }
        switch self {
        case .machine(let record): try put("machine", record)
        case .system(let record): try put("system", record)
        case .ratio(let record): try put("ratio", record)
        case .leftOut(let record): try put("left-out", record)
        case .differences(let record): try put("differences", record)
        case .quality(let record): try put("quality", record)
        case .curve(let record): try put("curve", record)
        case .probe(let record): try put("probe", record)
        case .evaluation(let record): try put("evaluation", record)
        case .interrupted(let run): try put("interrupted", Interrupted(run: run))
        }
    }
}

extension ResultRecord {
    private struct Head: Decodable { let event: String }
    private struct Interrupted: Codable { let run: String? }

    /// One line of JSON; `nil` for events of other programs. Throws `DecodingError`.
    init?(_ line: Data, _ decoder: JSONDecoder) throws {
        func record<Record: Decodable>() throws -> Record { try decoder.decode(Record.self, from: line) }
        let head: Head = try record()
        switch head.event {
        case "machine": self = .machine(try record())
        case "system": self = .system(try record())
        case "ratio": self = .ratio(try record())
        case "left-out": self = .leftOut(try record())
        case "quality": self = .quality(try record())
        case "curve": self = .curve(try record())
        case "probe": self = .probe(try record())
        case "evaluation": self = .evaluation(try record())
        case "interrupted": self = .interrupted(run: (try record() as Interrupted).run)
        default: return nil
        }
    }
}

extension ResultRecord {
    /// The range of whole numbers in results: counts, sizes and seeds, exact in every reader of JSON.
    private static let wholeNumbers = 0...1 << 53

    /// The largest of other numbers, either way: times, speeds and scores for which a picture can have an axis.
    private static let largest = 1e100

    /// Which number of the record cannot be, for a message; `nil` if all can.
    var complaint: String? { Self.complaint(record, "") }

    private static func complaint(_ value: Any, _ name: String) -> String? {
        if let number = value as? Int {
            return wholeNumbers.contains(number) ? nil : "\"\(name)\" is \(number), and must be from 0 to \(wholeNumbers.upperBound)"
        }
        if let number = value as? Double {
            return !number.isFinite || number.magnitude <= largest ? nil : "\"\(name)\" is \(number), and must be at most \(largest) in magnitude"
        }
        return Mirror(reflecting: value).children.lazy.compactMap { complaint($0.value, $0.label ?? name) }.first
    }

    private var record: Any {
        switch self {
        case .machine(let record): record
        case .system(let record): record
        case .ratio(let record): record
        case .leftOut(let record): record
        case .differences(let record): record
        case .quality(let record): record
        case .curve(let record): record
        case .probe(let record): record
        case .evaluation(let record): record
        case .interrupted(let run): run as Any
        }
    }
}
