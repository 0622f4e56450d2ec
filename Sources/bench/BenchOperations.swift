import ArgumentParser
import Benchmarking
import Files
import Kernels
import ToolSupport

/// The command `bench operations`.
struct BenchOperations: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "operations", abstract: "The operations that layers are made of, beside OpenBLAS and plain copies of memory.",
        discussion: """
            Each operation of the processor's backend runs by turns with a yardstick: products and scores of candidates \
            with a product of OpenBLAS of the same size and held to the same vectors, in GFLOP/s, and all others with a \
            plain copy on one thread of as much memory as the operation reads and writes, in GB/s. An operation that \
            computes much for each number is slower than a copy.

            Example: bench operations --rows 64 --columns 2048
            """)

    @OptionGroup var matrices: MatrixOptions

    @Option(help: ArgumentHelp("Measure each operation for about this long, and at least three rounds.", valueName: "x"))
    var seconds = 0.5

    @OptionGroup var kernels: KernelOptions
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard seconds > 0 && seconds < 1e6 else { throw ValidationError("--seconds must be above 0") }
    }

    func perform() throws {
        let files = try results.openInterruptible()
        let kernels = kernels.chosen ?? .fastest
        OpenBLAS.hold(to: kernels)
        let benchmark = OperationBenchmark(threads: common.threads, kernels: kernels, seconds: seconds)
        let sizes = matrices.sizes
        var table = TextTable(["operation", "unit", "contour", "yardstick", "ratio", "lowest", "highest"])
        for operation in OperationCase.all where !StopRequest.isMade {
            common.report.progress(operation.name)
            let speeds = try benchmark.run(operation, sizes), unit = operation.isProduct ? "GFLOP/s" : "GB/s"
            try files.log([
                "event": "operation", "name": operation.name, "unit": unit, "rows": sizes.rows, "columns": sizes.columns, "depth": sizes.depth,
                "threads": common.threads, "own": speeds.own, "yardstick": speeds.yardstick, "ratio": speeds.ratio,
            ])
            table.append([operation.name, unit], speeds.own, speeds.yardstick, ratio: speeds.ratio)
        }
        common.report.progress("")
        try files.print(
            "kernels \(kernels.name), OpenBLAS for \(OpenBLAS().core), \(common.threads) threads, "
                + "\(sizes.rows) x \(sizes.columns), depth \(sizes.depth)\n" + table.text)
        try files.commit()
    }
}

/// The sizes of the matrices in measurements of operations.
struct MatrixOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Rows of the matrices: positions of a window.", valueName: "n"))
    var rows = 1280

    @Option(help: ArgumentHelp("Columns: units of a layer, or classes.", valueName: "n"))
    var columns = 512

    @Option(help: ArgumentHelp("Depth of products: inputs of a layer.", valueName: "n"))
    var depth = 512

    var sizes: OperationCase.Sizes { OperationCase.Sizes(rows: rows, columns: columns, depth: depth) }

    func validate() throws {
        for (name, size) in [("--rows", rows), ("--columns", columns), ("--depth", depth)] where size < 1 || size > 1 << 14 {
            throw ValidationError("\(name) must be from 1 to \(1 << 14)")
        }
    }
}
