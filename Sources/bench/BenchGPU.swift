import ArgumentParser
import Benchmarking
import CUDA
import Files
import Kernels
import NetworkArguments
import Parallel
import ToolSupport

/// The command `bench gpu`.
struct BenchGPU: BenchCommand {
    static let configuration = CommandConfiguration(
        commandName: "gpu", abstract: "A GPU's operations: whether they agree with the processor's, and how fast they are.",
        discussion: """
            Each operation runs on the GPU and on the processor with the same numbers. The difference is that of the number \
            which is furthest off, in multiples of the greatest number of the result. An operation that is further off than \
            rounding explains is an error, and the exit status is 70.

            Example: bench gpu --device cuda --precision float32
            """)

    @OptionGroup var matrices: MatrixOptions

    @Option(help: ArgumentHelp("Measure each operation for about this long; 0 measures no speed.", valueName: "x"))
    var seconds = 0.1

    @Option(help: ArgumentHelp(
        "Compile the kernels for this architecture, sm_90 for example, and print the size of their code; no GPU is needed.",
        valueName: "architecture"))
    var compile: String?

    @Option(help: ArgumentHelp("The GPU: cuda, or cuda:1 for the second.", valueName: "device"))
    var device = DeviceChoice.cuda(0)

    @Option(help: "Precision of products: float32, or bfloat16 with sums in float32.")
    var precision = CUDABackend.Precision.bfloat16

    @OptionGroup var results: ResultOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard device != .processor else { throw ValidationError("--device must be a GPU: cuda, or cuda:1 for the second") }
        if let compile, !compile.hasPrefix("sm_") || Int(compile.dropFirst(3)).map({ !(80..<1000).contains($0) }) ?? true {
            throw ValidationError("--compile must be sm_80 or a later architecture, sm_90 for example")
        }
        guard seconds >= 0 && seconds < 1e6 else { throw ValidationError("--seconds must be from 0 to less than 1000000") }
    }

    func perform() throws {
        let files = try results.openInterruptible()
        if let compile {
            let bytes = try CUDADevice.compileKernels(compile)
            try files.log(["event": "compile", "architecture": compile, "bytes": bytes])
            try files.print("\(compile)\t\(bytes)\n")
            return try files.commit()
        }
        var number = 0
        if case .cuda(let chosen) = device { number = chosen }
        let gpu = try CUDADevice(number), own = try CUDABackend(gpu, precision: precision)
        let benchmark = DeviceBenchmark(
            own, processor: ProcessorBackend(pool: ThreadPool(threads: common.threads)), seconds: seconds)
        let sizes = matrices.sizes
        var table = TextTable(["operation", "difference", "bound", "", "speed", "unit"]), wrong: [String] = []
        for operation in OperationCase.all where !StopRequest.isMade {
            common.report.progress(operation.name)
            let result = benchmark.run(operation, sizes), unit = operation.isProduct ? "GFLOP/s" : "GB/s"
            let bound = DeviceBenchmark.bound(operation, isRounded: precision == .bfloat16)
            let isWrong = !(result.difference <= bound)
            if isWrong { wrong.append(operation.name) }
            try files.log([
                "event": "gpuOperation", "name": operation.name, "unit": unit, "rows": sizes.rows, "columns": sizes.columns, "depth": sizes.depth,
                "difference": result.difference.isFinite ? result.difference : 1e300, "bound": bound, "speed": result.speed,
                "gpu": gpu.name, "precision": precision.rawValue,
            ])
            table.append([
                operation.name, String(Float(result.difference)), String(bound), isWrong ? "WRONG" : "",
                seconds > 0 ? String(Int(result.speed)) : "", seconds > 0 ? unit : "",
            ])
        }
        common.report.progress("")
        try files.print(
            "\(gpu.name), compute capability \(gpu.capability), CUDA \(gpu.driverVersion), \(gpu.memory >> 20) MiB, products in "
                + "\(precision.rawValue), \(sizes.rows) x \(sizes.columns), depth \(sizes.depth)\n" + table.text)
        try files.commit()
        guard wrong.isEmpty else {
            throw ToolError(.software, "\(gpu.name): \(wrong.count) operations differ from the processor's: \(wrong.joined(separator: ", "))")
        }
    }
}
