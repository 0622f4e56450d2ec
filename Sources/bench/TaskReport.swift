import Benchmarking
import Files
import FoundationEssentials
import Tasks
import ToolSupport

/// The results of `bench task`: a record for each network and for each pass, and a table.
struct TaskReport {
    /// The names of the fields that a record defines itself, which `--field` cannot use.
    static let ownFields = [
        "event", "system", "task", "measure", "value", "dev", "details", "taskSeed", "epoch", "epochs", "secondsOfEpoch", "wordsPerSecond",
        "bytes", "units", "loss", "statistic", "warning", "text", "part",
    ]

    private let task, system: String
    /// The labelled text that is scored, and whether it is given by `--test` or by `--dev`.
    private let text, part: String
    private let fields: [ResultField]
    private let files: Results
    private var scores: [(seed: UInt64?, value: Double, dev: Double?, details: [(name: String, value: Double)], epoch: Int?, seconds: Double?)] = []
    private var measure = ""

    init(_ task: String, _ system: String, scored text: String, part: String, fields: [ResultField], _ files: Results) {
        (self.task, self.system, self.text, self.part, self.fields, self.files) = (task, system, text, part, fields, files)
    }

    private func record(_ fields: ResultFields) throws {
        var fields = fields
        fields["system"] = system
        fields["task"] = task
        for field in self.fields { fields[field.name] = field.json }
        try files.log(fields)
    }

    mutating func add(_ progress: TaskTrainer<some TaskNetwork>.Progress, seed: UInt64) throws {
        try record([
            "event": "taskEpoch", "taskSeed": seed, "epoch": progress.epoch, "loss": progress.loss, "dev": progress.score,
            "secondsOfEpoch": progress.seconds,
        ])
    }

    mutating func add(_ result: TaskRun<some LabelledTask>.Result, to notes: Report) throws {
        let score = result.test ?? result.development
        var fields = record(of: score)
        fields["taskSeed"] = result.seed
        fields["dev"] = result.development.value
        fields["epoch"] = result.outcome.bestEpoch
        fields["epochs"] = result.outcome.epochs
        fields["secondsOfEpoch"] = result.secondsOfEpoch
        fields["wordsPerSecond"] = result.wordsPerSecond
        fields["bytes"] = result.bytes
        try record(fields)
        if let warning = score.warning { notes.print("bench: warning: \(task), \(system), seed \(result.seed): \(warning)") }
        measure = score.measure
        scores.append(
            (result.seed, score.value, result.development.value, score.details, result.outcome.bestEpoch, result.secondsOfEpoch))
    }

    /// Adds the score of a network from an earlier training.
    mutating func add(_ score: TaskScore, to notes: Report) throws {
        try record(record(of: score))
        if let warning = score.warning { notes.print("bench: warning: \(task), \(system): \(warning)") }
        measure = score.measure
        scores.append((nil, score.value, nil, score.details, nil, nil))
    }

    private func record(of score: TaskScore) -> ResultFields {
        var fields: ResultFields = [
            "event": "task", "text": text, "part": part, "measure": score.measure, "value": score.value, "statistic": score.statistic.rawValue,
            "units": score.units,
            "details": Dictionary(score.details.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first }),
        ]
        if let warning = score.warning { fields["warning"] = warning }
        return fields
    }

    var table: String {
        let details = scores.first?.details.map(\.name) ?? []
        var table = TextTable(["seed", "\(measure) %", "dev %"] + details + ["pass", "s a pass"])
        func share(_ value: Double?) -> String { value.map { fixed(100 * $0, 2) } ?? "" }
        for score in scores {
            table.append(
                [score.seed.map { "\($0)" } ?? "", share(score.value), share(score.dev)] + score.details.map { share($0.value) }
                    + [score.epoch.map { "\($0)" } ?? "", score.seconds.map { fixed($0, 1) } ?? ""])
        }
        var text = "\(task), \(system), scored on \(text)\n\n" + table.text
        if scores.count > 1 {
            let values = scores.map { 100 * $0.value }, mean = values.reduce(0, +) / Double(values.count)
            let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
            text += "\nmean \(fixed(mean, 2)), deviation \(fixed(deviation, 2)) of \(scores.count) seeds\n"
        }
        return text
    }
}
