import ArgumentParser
import Kernels

/// `--kernels`: the vectors that a benchmark holds to, to measure on one machine what others have.
struct KernelOptions: ParsableArguments {
    @Option(help: ArgumentHelp(
        "Kernels to hold to, of those that the processor has: avx512, avx2, sse2; vector128 [the first].", valueName: "name"))
    var kernels: String?

    /// `nil`: the processor's fastest.
    var chosen: ProcessorKernels? { ProcessorKernels.available.first { $0.name == kernels } }

    func validate() throws {
        guard kernels == nil || chosen != nil else {
            throw ValidationError(
                "--kernels must be one of \(ProcessorKernels.available.map(\.name).joined(separator: ", ")), which this processor has")
        }
    }
}
