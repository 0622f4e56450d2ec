import ArgumentParser
import Benchmarking
import Files
import Kernels
import ToolSupport

/// `bench products`
struct BenchProducts: Tool {
    static let name = "bench products"
    static let configuration = CommandConfiguration(
        commandName: "products", abstract: "The matrix products of a training step beside OpenBLAS's.",
        discussion: """
            Each product is computed by turns by Contour and by OpenBLAS, on as many threads. Right factors that serve \
            all steps of a window are packed before, as in training; OpenBLAS has no such call.

            Example: bench products --preset elmo-c --batch 128
            """)

    @OptionGroup var sizes: EncoderOptions

    @Option(help: ArgumentHelp("Measure each product for about this long, and at least three rounds.", valueName: "x"))
    var seconds = 2.0

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard seconds > 0 && seconds < 1e6 else { throw ValidationError("--seconds must be above 0") }
    }

    func perform() throws {
        guard let encoder = sizes.encoder else { return }
        let files = try results.open()
        StopRequest.listen()
        var benchmark = ProductBenchmark(threads: common.threads)
        benchmark.seconds = seconds
        var table = TextTable(["GFLOP/s", "m", "n", "k", "contour", "openblas", "ratio", "lowest", "highest"])
        for product in ProductBenchmark.products(encoder, batch: sizes.batch, window: sizes.window)
        where !StopRequest.isMade {
            common.report.progress(product.name)
            let record = Record(product, benchmark.run(product), threads: common.threads)
            try files.log(record)
            table.append(
                [product.name] + [product.rows, product.columns, product.depth].map { "\($0)" }
                    + [rounded(record.own.median), rounded(record.openBLAS.median)]
                    + [record.ratio.median, record.ratio.lowest, record.ratio.highest].map { fixed($0, 2) })
        }
        common.report.progress("")
        try files.print("kernels \(ProcessorKernels.fastest.name), \(common.threads) threads\n" + table.text)
        try files.commit()
        StopRequest.endBySignal()
    }

    private struct Record: Encodable {
        let event = "product"
        let name: String
        let rows, columns, depth, threads: Int
        let own, openBLAS, ratio: Spread

        init(_ product: ProductBenchmark.Product, _ rounds: [ProductBenchmark.Round], threads: Int) {
            name = product.name
            rows = product.rows
            columns = product.columns
            depth = product.depth
            self.threads = threads
            own = Spread(rounds.map(\.own))
            openBLAS = Spread(rounds.map(\.openBLAS))
            ratio = Spread(rounds.map(\.ratio))
        }
    }
}
