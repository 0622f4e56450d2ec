import Benchmarking
import Probing
import ToolSupport

/// One fit of one system, as `--json` has it.
struct ProbeRecord: Encodable {
    typealias Fit = (seed: UInt64, result: Probe.Result)

    let system, task, measure: String
    let fit: Fit
    let trainTokens, testTokens: Int
    let fields: [ResultField]

    static let names = [
        "event", "system", "task", "measure", "value", "precision", "recall", "layerWeights", "gamma", "probeSeed", "epoch",
        "trainTokens", "testTokens",
    ]

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: ResultField.Name.self)
        func put(_ name: String, _ value: (some Encodable)?) throws {
            try container.encodeIfPresent(value, forKey: .init(stringValue: name))
        }
        try put("event", "probe")
        try put("system", system)
        try put("task", task)
        try put("measure", measure)
        try put("value", fit.result.score.value)
        try put("precision", fit.result.score.precision)
        try put("recall", fit.result.score.recall)
        try put("layerWeights", fit.result.layerShares)
        try put("gamma", fit.result.gamma)
        try put("probeSeed", fit.seed)
        try put("epoch", fit.result.epoch)
        try put("trainTokens", trainTokens)
        try put("testTokens", testTokens)
        for field in fields { try field.encode(to: &container) }
    }
}

/// The results of `bench probe`: a record for each fit, and a table with a row for each system.
struct ProbeReport {
    private let task: ProbeTask
    private let column: Int
    private let fields: [ResultField]
    private let files: Results
    private var table: TextTable
    private var fits = 0

    init(_ task: ProbeTask, column: Int, fields: [ResultField], _ files: Results) {
        self.task = task
        self.column = column
        self.fields = fields
        self.files = files
        table = TextTable(
            ["system", "\(task.measure.rawValue) %", "lowest", "highest"] + (task.measure == .f1 ? ["precision", "recall"] : [])
                + ["epoch", "layer weights"])
    }

    /// Takes the fits of a system, at least one.
    mutating func add(_ system: String, _ fits: [ProbeRecord.Fit]) throws {
        self.fits = fits.count
        for fit in fits {
            try files.log(
                ProbeRecord(
                    system: system, task: "column \(column)", measure: task.measure.rawValue, fit: fit,
                    trainTokens: task.fitted.count, testTokens: task.test.targets.count, fields: fields))
        }
        func spread(_ value: (Probe.Result) -> Double) -> Spread { Spread(fits.map { value($0.result) }) }
        func share(_ value: Double) -> String { fixed(100 * value, 2) }
        let values = spread(\.score.value)
        var cells = [system, share(values.median), share(values.lowest), share(values.highest)]
        if task.measure == .f1 {
            cells.append(share(spread { $0.score.precision ?? 0 }.median))
            cells.append(share(spread { $0.score.recall ?? 0 }.median))
        }
        cells.append(grouped(Int(spread { Double($0.epoch) }.median)))
        let layers = fits[0].result.layerShares.indices.map { layer in fixed(spread { $0.layerShares[layer] }.median, 2) }
        table.append(cells + [layers.joined(separator: " ")])
    }

    func text(training: String, test: String) -> String {
        let heldOut = task.training.targets.count - task.fitted.count
        let first =
            "column \(column), \(task.classes) labels: \(grouped(task.fitted.count)) tokens of \(training) to fit to, "
            + "\(grouped(heldOut)) held out; "
            + "\(grouped(task.test.targets.count)) of \(test) to test with; median of \(fits) fits\n"
        let unseen =
            task.unseen > 0 ? "tokens of \(test) with labels that \(training) lacks, never right: \(grouped(task.unseen))\n" : ""
        return first + unseen + "\n" + table.text
    }
}
