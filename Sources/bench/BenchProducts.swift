import ArgumentParser
import Benchmarking
import Files
import Kernels
import Model
import ToolSupport

/// The command `bench products`.
struct BenchProducts: BenchCommand {
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
        let encoder = try sizes.encoder()
        let files = try results.openInterruptible()
        if let chosen = kernels.chosen { OpenBLAS.hold(to: chosen) }
        let kernels = kernels.chosen ?? .fastest
        let benchmark = OperationBenchmark(threads: common.threads, kernels: kernels, seconds: seconds)
        let products = (isQuantized ? EncoderProduct.ofEncoding : EncoderProduct.ofTraining)(encoder, sizes.batch, sizes.window)
        var table = TextTable(
            [isQuantized ? "GOP/s" : "GFLOP/s", "m", "n", "k"] + (isQuantized ? ["floats", "bytes"] : ["contour", "openblas"])
                + ["ratio", "lowest", "highest"])
        for product in products where !StopRequest.isMade {
            let (name, sizes) = (product.operation.name, product.sizes)
            common.report.progress(name)
            let cells = [name, "\(sizes.rows)", "\(sizes.columns)", "\(sizes.depth)"]
            var fields: ResultFields = [
                "event": isQuantized ? "quantized-product" : "product", "name": name, "rows": sizes.rows,
                "columns": sizes.columns, "depth": sizes.depth, "threads": common.threads,
            ]
            if isQuantized {
                let speeds = benchmark.runQuantized(sizes)
                (fields["floats"], fields["bytes"], fields["ratio"]) = (speeds.yardstick, speeds.own, speeds.ratio)
                table.append(cells, speeds.yardstick, speeds.own, ratio: speeds.ratio)
            } else {
                let speeds = try benchmark.run(product.operation, sizes)
                (fields["own"], fields["openBLAS"], fields["ratio"]) = (speeds.own, speeds.yardstick, speeds.ratio)
                (fields["kernels"], fields["openBLASCore"]) = (kernels.name, try OpenBLAS().core)
                table.append(cells, speeds.own, speeds.yardstick, ratio: speeds.ratio)
            }
            try files.log(fields)
        }
        common.report.progress("")
        let other = try isQuantized ? " and \(ByteKernels.fastest.name)" : ", OpenBLAS \(OpenBLAS().core)"
        try files.print("kernels \(kernels.name)\(other), \(common.threads) threads\n" + table.text)
        try files.commit()
    }
}
