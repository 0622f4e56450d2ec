public import Files
internal import FoundationEssentials

/// What stands behind one machine record of a file, up to the next: the results of one run of a benchmark.
struct ReportRun {
    /// What the user calls the file.
    let file: String
    let machine: MachineRecord?
    var systems: [SystemRecord] = []
    var ratios: [RatioRecord] = []
    var leftOut: [LeftOutRecord] = []
    var qualities: [QualityRecord] = []
    var curves: [CurveRecord] = []
    var probes: [ProbeRecord] = []
    var evaluations: [EvaluationRecord] = []
    var isInterrupted = false

    /// True if a report has anything of it to show.
    var hasResults: Bool {
        !systems.isEmpty || !ratios.isEmpty || !leftOut.isEmpty || !evaluations.isEmpty || hasQuality
    }

    fileprivate mutating func append(_ record: ResultRecord) {
        switch record {
        case .machine: preconditionFailure("a machine record begins a run")
        case .system(let record): systems.append(record)
        case .ratio(let record): ratios.append(record)
        case .leftOut(let record): leftOut.append(record)
        case .quality(let record): qualities.append(record)
        case .curve(let record): curves.append(record)
        case .probe(let record): probes.append(record)
        case .evaluation(let record): evaluations.append(record)
        case .differences: break
        case .interrupted: isInterrupted = true
        }
    }
}

/// A file of results in JSON Lines, plain or compressed: `--json` of the benchmarks writes them.
public struct ReportFile {
    public let name: String
    let runs: [ReportRun]
    /// The number of the last line if it was torn off and is passed over.
    public let tornLine: Int?
    /// Why a report has nothing of this file to show, with status `dataError`; `nil` if it has something.
    public let lack: ToolError?

    /// Throws `ToolError`: `noInput`; `dataError` for a line that is no record. A file without results says so in `lack`.
    public init(path: String) throws { try self.init(openInput(path)) }

    public init(_ source: any ByteSource) throws {
        let lines = LineReader(source)
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        var runs: [ReportRun] = []
        var torn: Int?
        func take(_ line: UnsafeRawBufferPointer) throws {
            guard line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) else { return }
            do {
                guard let record = try ResultRecord(Data(line), decoder) else { return }
                if let complaint = record.complaint { throw ToolError.data(source.name, "line \(lines.number)", complaint) }
                if case .machine(let machine) = record {
                    runs.append(ReportRun(file: source.name, machine: machine))
                } else {
                    if runs.isEmpty { runs.append(ReportRun(file: source.name, machine: nil)) }
                    runs[runs.count - 1].append(record)
                }
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
        if torn != nil && !runs.isEmpty { runs[runs.count - 1].isInterrupted = true }
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
