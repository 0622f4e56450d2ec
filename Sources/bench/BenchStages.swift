import ArgumentParser
import Benchmarking
import Files
import ToolSupport

/// The command `bench stages`.
struct BenchStages: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "stages", abstract: "Speed and memory of every stage but training.",
        discussion: """
            The tools that lie beside bench are run as a user runs them, on one processor and on all of --threads, by turns; \
            start-up, reading and writing are included. embed-oov looks up the text's most frequent words in a file of \
            random vectors, encode runs an encoder of the small preset. Without --text, the text is synthetic.

            Example: bench stages --text corpus.txt --json stages.jsonl
            """)

    @Option(help: ArgumentHelp("Measure on this text, plain or compressed.", valueName: "file"), completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("Size of the synthetic text.", valueName: "n"))
    var megabytes = 64

    @Option(help: ArgumentHelp("Words of the synthetic vector file, of 300 numbers each.", valueName: "n"))
    var vectors = 50_000

    @Option(help: ArgumentHelp("Rounds to measure, after one that is not counted.", valueName: "n"))
    var rounds = 3

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard text != "-" else { throw ValidationError("--text must be a file: it is read more than once") }
        guard (1...1_000_000).contains(megabytes) else { throw ValidationError("--megabytes must be from 1 to 1000000") }
        guard (1...10_000_000).contains(vectors) else { throw ValidationError("--vectors must be from 1 to 10000000") }
        guard (1...1000).contains(rounds) else { throw ValidationError("--rounds must be from 1 to 1000") }
    }

    func perform() throws {
        let files = try results.open()
        let report = common.report
        var benchmark = StageBenchmark(threads: common.threads)
        benchmark.text = text
        benchmark.textBytes = megabytes * 1_000_000
        benchmark.vectorWords = vectors
        benchmark.rounds = rounds
        let stages = try benchmark.run { report.progress($0) }
        report.progress("")
        var table = TextTable(["stage", "threads", "unit", "median/s", "lowest", "highest", "peak memory"])
        for stage in stages {
            let rate = stage.rate
            table.append(
                [stage.name, String(stage.processors), stage.unit, rounded(rate.median), rounded(rate.lowest),
                 rounded(rate.highest), bench.megabytes(stage.peakMemory)])
            try files.log([
                "event": "stage", "stage": stage.name, "unit": stage.unit, "threads": stage.processors,
                "peakMemory": stage.peakMemory, "amount": stage.amount, "seconds": stage.seconds, "rate": rate,
            ])
        }
        try files.print(table.text)
        try files.commit()
    }
}

/// The command `bench text`.
struct BenchText: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "text", abstract: "Write the synthetic text that the stages are measured on.",
        discussion: """
            English-like lines, a sentence each: words by Zipf's law, and capitals, marks, numbers and contractions about as \
            often as in news.

            Example: bench text --megabytes 1000 | tokenize | build-vocab | wc -c
            """)

    @Option(help: ArgumentHelp("Megabytes to write.", valueName: "n"))
    var megabytes = 64

    @OptionGroup var seed: SeedOption
    @OptionGroup var output: OutputOption

    func validate() throws {
        guard (1...1_000_000).contains(megabytes) else { throw ValidationError("--megabytes must be from 1 to 1000000") }
    }

    func perform() throws {
        let file = try output.open(binary: false)
        var text = SyntheticText(seed: seed.seed)
        try text.write(bytes: megabytes * 1_000_000, to: file)
        try file.commit()
    }
}
