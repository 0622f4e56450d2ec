import ArgumentParser
import Benchmarking
import Files
import Tasks
import ToolSupport

/// The command `bench vector-cache`.
struct BenchVectorCache: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "vector-cache", abstract: "The speed of reading kept vectors as a task does, beside that of the disk.",
        discussion: """
            A file of vectors, as bench task keeps them, is read in the order of training: batches of random sentences, each of which is copied \
            to where a network reads it. The first pass comes after the system has forgotten the file, the second right behind the first. \
            Then the system forgets the file again, and it is read from its beginning to its end. The ratio is that of the first pass's \
            speed to that of the disk. The file is removed at the end.

            Example: bench vector-cache --size 4G
            """)

    @Option(help: ArgumentHelp("The size of the file.", valueName: "size"))
    var size = ByteSize(bytes: 1 << 30)

    @Option(help: ArgumentHelp("Layers of a word, of --width numbers each.", valueName: "n"))
    var layers = 3

    @Option(help: ArgumentHelp("Numbers of a layer.", valueName: "n"))
    var width = 1024

    @Option(help: ArgumentHelp("Sentences of a batch.", valueName: "n"))
    var batch = 64

    @Option(help: ArgumentHelp("Rounds to time.", valueName: "n"))
    var rounds = 3

    @Option(
        help: ArgumentHelp("The folder on whose disk the file is made [~/.cache/contour/vectors].", valueName: "folder"),
        completion: .directory)
    var cache: String?

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        for (option, value, bounds) in [
            ("--layers", layers, 1...100), ("--width", width, 1...65536), ("--batch", batch, 1...65536), ("--rounds", rounds, 1...1000),
        ] where !bounds.contains(value) {
            throw ValidationError("\(option) must be from \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        guard size.bytes >= 1 << 20 else { throw ValidationError("--size must be 1M at least") }
    }

    func perform() throws {
        let files = try results.openInterruptible()
        guard let folder = cache ?? VectorCache.usualFolder else {
            throw ToolError(.usage, "--cache is missing: neither XDG_CACHE_HOME nor HOME says where vectors can be kept")
        }
        var benchmark = VectorCacheBenchmark()
        benchmark.bytes = size.bytes
        benchmark.form = VectorForm(layers: layers, width: width, wordWidth: 0)
        (benchmark.batch, benchmark.rounds) = (batch, rounds)
        benchmark.shouldStop = { StopRequest.isMade }
        let result = try benchmark.run(in: folder)
        var record: ResultFields = ["event": "vectorCache", "bytes": result.bytes, "sentences": result.sentences, "rounds": result.rounds]
        var table = TextTable(["", "median", "lowest", "highest"])
        for (key, name, spread, unit) in [
            ("training", "first pass in training's order, GB/s", result.training, 1e-9),
            ("remembered", "second pass, GB/s", result.remembered, 1e-9), ("disk", "from beginning to end, GB/s", result.disk, 1e-9),
            ("ratio", "ratio of the first pass to the disk", result.ratio, 1),
        ] {
            table.append(name, spread) { fixed($0 * unit, 2) }
            record[key] = spread
        }
        try files.log(record)
        try files.print("\(grouped(result.bytes)) bytes, \(grouped(result.sentences)) sentences, \(result.rounds) rounds\n" + table.text)
        try files.commit()
    }
}
