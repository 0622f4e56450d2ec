public import Files
internal import FoundationEssentials

/// The results of one run of a benchmark: the records after a machine record of a file, up to the next one.
struct ReportRun {
    /// The name of the file, as the user gave it.
    let file: String
    let machine: MachineRecord?
    let systems: [SystemRecord]
    let ratios: [RatioRecord]
    let leftOut: [LeftOutRecord]
    let qualities: [QualityRecord]
    let curves: [CurveRecord]
    let probes: [ProbeRecord]
    let tasks: [TaskRecord]
    let passes: [TaskPassRecord]
    let evaluations: [EvaluationRecord]
    let isInterrupted: Bool

    fileprivate init(file: String, _ records: [any BenchmarkRecord], isTorn: Bool) {
        func all<Record>() -> [Record] { records.compactMap { $0 as? Record } }
        self.file = file
        machine = records.first as? MachineRecord
        (systems, ratios, leftOut, evaluations) = (all(), all(), all(), all())
        (qualities, curves, probes, tasks, passes) = (all(), all(), all(), all(), all())
        isInterrupted = isTorn || records.contains { $0 is InterruptedRecord }
    }

    /// True if a report can show any of the run's results.
    var hasResults: Bool {
        !systems.isEmpty || !ratios.isEmpty || !leftOut.isEmpty || !evaluations.isEmpty || hasQuality || !taskNames.isEmpty
    }

    var hasQuality: Bool { !qualities.isEmpty || !curves.isEmpty || !probes.isEmpty }
    var taskNames: [String] { distinct(tasks.map(\.task) + passes.map(\.task)) }
}

/// A file of results in JSON Lines, plain or compressed, as `--json` of the benchmarks writes it.
public struct ReportFile {
    /// The name of the file, as the user gave it.
    public let name: String
    let runs: [ReportRun]
    /// The number of the last line if it is incomplete and was ignored.
    public let tornLine: Int?
    /// The systems that learned tasks.
    public var taskSystems: Set<String> { Set(runs.flatMap { $0.tasks.map(\.system) }) }
    /// The reason why a report can show nothing of this file, with status `dataError`; `nil` if it can show something.
    public let lack: ToolError?

    /// Reads a file. Throws `ToolError`: `dataError` for a line that is not a record, and what reading throws. A file without results
    /// does not throw, but has the reason in `lack`.
    public init(_ source: any ByteSource) throws {
        let lines = LineReader(source)
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        // The records of each run.
        var records: [[any BenchmarkRecord]] = []
        var torn: Int?
        func take(_ line: UnsafeRawBufferPointer) throws {
            guard line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) else { return }
            do {
                guard let record = try benchmarkRecord(Data(line), decoder) else { return }
                if let complaint = numberComplaint(record) { throw ToolError.data(source.name, "line \(lines.number)", complaint) }
                if records.isEmpty || record is MachineRecord { records.append([]) }
                records[records.count - 1].append(record)
            } catch let error as DecodingError {
                // A run that was killed leaves an incomplete line.
                if case .dataCorrupted = error, !lines.isEnded {
                    torn = lines.number
                } else {
                    throw ToolError.data(source.name, "line \(lines.number)", Self.complaint(error))
                }
            }
        }
        while try lines.next(take) {}
        let runs = records.enumerated().map { index, own in
            ReportRun(file: source.name, own, isTorn: torn != nil && index == records.count - 1)
        }
        if runs.contains(where: \.hasResults) {
            lack = nil
        } else if lines.number == 0 {
            lack = .data(source.name, "", "is empty: there are no results in it")
        } else if let torn {
            lack = .data(source.name, "line \(torn)", "is torn off, and there are no results before it")
        } else if runs.contains(where: \.isInterrupted) {
            lack = .data(source.name, "", "holds no results: the benchmark was interrupted before its first one")
        } else {
            lack = .data(
                source.name, "",
                runs.isEmpty ? "holds no results that a report shows" : "holds a machine record, but no results")
        }
        name = source.name
        self.runs = runs
        tornLine = torn
    }

    private static func complaint(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "has no \"\(key.stringValue)\""
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            context.codingPath.isEmpty
                ? "is not a JSON object"
                : "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" is of the wrong kind"
        default: "is not JSON"
        }
    }
}
