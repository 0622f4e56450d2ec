import Benchmarking
import Model
import ToolSupport

/// A system's results as a line of a TSV file: numbers as they are, in bytes and seconds; empty where there is none.
struct SystemRow {
    static let titles = [
        "run", "name", "encoder", "vocabulary", "batch", "window", "rounds", "words_per_second", "lowest", "highest",
        "seconds_of_million_words", "time_ratio", "ratio_low", "ratio_high", "ratio_to", "parameters", "optimizer_bytes",
        "peak_memory", "gradient_bytes", "largest_batch", "joules_of_million_words",
    ] + SystemResult.parts.map { "share_\($0)" } + ["options", "cell", "projection", "classes"]

    let cells: [String]

    /// - Parameter reference: the first of those measured together.
    init(_ result: SystemResult, run: String, reference: SystemResult?) {
        let system = result.system, speed = result.wordsPerSecond
        let ratio = reference.map { result.ratio(to: $0) }
        func text(_ number: Double?) -> String { number.map { "\($0)" } ?? "" }
        cells = [
            run, system.name, system.encoder, "\(system.vocabulary)", "\(system.batch)", "\(system.window)", "\(result.rounds)",
            text(speed.median), text(speed.lowest), text(speed.highest), text(result.secondsOfMillionWords.median),
            text(ratio?.ratio.median), text(ratio?.low), text(ratio?.high), reference?.system.name ?? "", "\(result.parameters)",
            "\(result.optimizerBytes)", "\(result.peakMemory)", "\(result.gradientBytes)", "\(result.largestBatch)",
            text(result.joulesOfMillionWords),
        ] + result.shares.map { text($0) } + [
            system.options, "\(system.configuration.cell)", "\(system.configuration.projection)",
            system.configuration.output.hasVocabulary ? "\(system.configuration.vocabularySize)" : "",
        ]
    }

    /// The line without its end; tabs and line ends in names become spaces.
    static func line(_ cells: [String]) -> String {
        cells.map { String($0.map { $0 == "\t" || $0.isNewline ? " " : $0 }) }.joined(separator: "\t")
    }
}
