import ArgumentParser
import Benchmarking
import Files
import Kernels
import Model
import ToolSupport

/// `bench products`
struct BenchProducts: Tool {
    static let name = "bench products"
    static let configuration = CommandConfiguration(
        commandName: "products", abstract: "The matrix products of a training step beside OpenBLAS's.",
        discussion: """
            Each product is computed by turns by Contour and by OpenBLAS, on as many threads. Right factors that serve \
            all steps of a window are packed before, as in training; OpenBLAS has no such call. One thread is timed by the \
            processor's time for it, more threads by the clock. With --int8, products with \
            weights of 8 bits are measured beside the same with packed floats.

            OpenBLAS takes the kernels that it thinks best for the processor; an old version takes slow ones for a new \
            processor. With --kernels it is held to the same vectors as Contour, by OPENBLAS_CORETYPE=SkylakeX, Haswell or \
            Prescott, unless the environment sets that variable already. The table's first line names the core that \
            OpenBLAS took.

            Example: bench products --preset elmo-c --batch 128
            Example: bench products --preset small --kernels avx2 --threads 1
            """)

    @OptionGroup var sizes: EncoderOptions

    @Option(help: ArgumentHelp("Measure each product for about this long, and at least three rounds.", valueName: "x"))
    var seconds = 2.0

    @Flag(name: .customLong("int8"), help: "Measure the products of encoding with weights of 8 bits instead, beside floats.")
    var isQuantized = false

    @OptionGroup var kernels: KernelOptions
    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard !isQuantized || kernels.kernels == nil else { throw ValidationError("--kernels cannot be given with --int8") }
        guard seconds > 0 && seconds < 1e6 else { throw ValidationError("--seconds must be above 0") }
    }

    func perform() throws {
        guard let encoder = sizes.encoder else { return }
        let files = try results.open()
        StopRequest.listen()
        if isQuantized {
            try measureQuantized(encoder, files)
        } else {
            try measure(encoder, files)
        }
        try files.commit()
        StopRequest.endBySignal()
    }

    private func measure(_ encoder: EncoderConfiguration, _ files: Results) throws {
        var benchmark = ProductBenchmark(threads: common.threads, kernels: kernels.chosen)
        benchmark.seconds = seconds
        var table = TextTable(["GFLOP/s", "m", "n", "k", "contour", "openblas", "ratio", "lowest", "highest"])
        for product in ProductBenchmark.products(encoder, batch: sizes.batch, window: sizes.window)
        where !StopRequest.isMade {
            common.report.progress(product.name)
            let record = try Record(product, benchmark.run(product), threads: common.threads, benchmark)
            try files.log(record)
            table.append(
                [product.name] + [product.rows, product.columns, product.depth].map { "\($0)" }
                    + [rounded(record.own.median), rounded(record.openBLAS.median)]
                    + [record.ratio.median, record.ratio.lowest, record.ratio.highest].map { fixed($0, 2) })
        }
        common.report.progress("")
        try files.print(
            "kernels \(benchmark.kernels.name), OpenBLAS \(benchmark.openBLASCore), \(common.threads) threads\n" + table.text)
    }

    private func measureQuantized(_ encoder: EncoderConfiguration, _ files: Results) throws {
        var benchmark = QuantizedProductBenchmark(threads: common.threads)
        benchmark.seconds = seconds
        var table = TextTable(["GOP/s", "m", "n", "k", "floats", "bytes", "ratio", "lowest", "highest"])
        for product in QuantizedProductBenchmark.products(encoder, batch: sizes.batch, window: sizes.window)
        where !StopRequest.isMade {
            common.report.progress(product.name)
            let record = QuantizedRecord(product, benchmark.run(product), threads: common.threads)
            try files.log(record)
            table.append(
                [product.name] + [product.rows, product.columns, product.depth].map { "\($0)" }
                    + [rounded(record.floats.median), rounded(record.bytes.median)]
                    + [record.ratio.median, record.ratio.lowest, record.ratio.highest].map { fixed($0, 2) })
        }
        common.report.progress("")
        let kernels = "kernels \(ProcessorKernels.fastest.name) and \(ByteKernels.fastest.name)"
        try files.print(kernels + ", \(common.threads) threads\n" + table.text)
    }

    private struct Record: Encodable {
        let event = "product"
        let name: String
        let rows, columns, depth, threads: Int
        let kernels: String
        /// The processor whose kernels OpenBLAS took, in its own words.
        let openBLASCore: String
        let own, openBLAS, ratio: Spread

        init(
            _ product: ProductBenchmark.Product, _ rounds: [ProductBenchmark.Round], threads: Int, _ benchmark: ProductBenchmark
        ) throws {
            name = product.name
            kernels = benchmark.kernels.name
            openBLASCore = try benchmark.openBLASCore
            rows = product.rows
            columns = product.columns
            depth = product.depth
            self.threads = threads
            own = Spread(rounds.map(\.own))
            openBLAS = Spread(rounds.map(\.openBLAS))
            ratio = Spread(rounds.map(\.ratio))
        }
    }

    private struct QuantizedRecord: Encodable {
        let event = "quantized-product"
        let name: String
        let rows, columns, depth, threads: Int
        let floats, bytes, ratio: Spread

        init(_ product: QuantizedProductBenchmark.Product, _ rounds: [QuantizedProductBenchmark.Round], threads: Int) {
            name = product.name
            rows = product.rows
            columns = product.columns
            depth = product.depth
            self.threads = threads
            floats = Spread(rounds.map(\.floats))
            bytes = Spread(rounds.map(\.bytes))
            ratio = Spread(rounds.map(\.ratio))
        }
    }
}
