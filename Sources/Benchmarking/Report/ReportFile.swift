public import Files
internal import FoundationEssentials

/// The results of one run of a benchmark: the records behind one machine record of a file, up to the next.
struct ReportRun {
    /// The file as the user calls it.
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

    /// True if a report has anything of it to show.
    var hasResults: Bool {
        !systems.isEmpty || !ratios.isEmpty || !leftOut.isEmpty || !evaluations.isEmpty || hasQuality || !taskNames.isEmpty
    }

    var hasQuality: Bool { !qualities.isEmpty || !curves.isEmpty || !probes.isEmpty }
    var taskNames: [String] { distinct(tasks.map(\.task) + passes.map(\.task)) }
}

/// A file of results in JSON Lines, plain or compressed: `--json` of the benchmarks writes them.
public struct ReportFile {
    public let name: String
    let runs: [ReportRun]
    /// The number of the last line if it was torn off, and is passed over.
    public let tornLine: Int?
    /// The systems that tasks were learned with.
    public var taskSystems: Set<String> { Set(runs.flatMap { $0.tasks.map(\.system) }) }
    /// The reason why a report has nothing of this file to show, with status `dataError`; `nil` if it has something.
    public let lack: ToolError?

    /// Throws `ToolError`: `dataError` for a line that is no record, and what reading throws. A file without results says so in
    /// `lack`.
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
                // A run that was ended from outside leaves half a line.
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
