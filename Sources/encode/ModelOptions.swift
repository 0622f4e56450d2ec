import ArgumentParser
import ELMoWeights
import Encoding
import Files
import Kernels
import Model
import NetworkArguments
import Parallel
import ToolSupport

/// The options of the model that makes the vectors, and of the files that its input layer reads.
struct ModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The model that train made.", valueName: "file"), completion: .file())
    var model: String?

    @Option(
        help: ArgumentHelp("The embedding table it was trained with, if it reads vectors.", valueName: "file"),
        completion: .file())
    var table: String?

    @Flag(help: "Take a table other than the one the model was trained with.")
    var otherTable = false

    @Option(
        help: ArgumentHelp("The merges that the training text was cut by, of a model that reads subwords.", valueName: "file"),
        completion: .file())
    var bpe: String?

    @Option(
        help: ArgumentHelp("The options.json of one of ELMo's published models, instead of --model.", valueName: "file"),
        completion: .file())
    var elmoOptions: String?

    @Option(help: ArgumentHelp("Its weights, in HDF5.", valueName: "file"), completion: .file())
    var elmoWeights: String?

    @Flag(
        name: .customLong("int8"),
        help: "Multiply with weights of 8 bits: faster, and vectors whose mean cosine to the exact ones is above 0.999.")
    var isQuantized = false

    @OptionGroup var device: DeviceOptions

    /// Throws `ValidationError` if there is not exactly one model.
    func check() throws {
        guard (elmoOptions == nil) == (elmoWeights == nil) else {
            throw ValidationError("--elmo-options and --elmo-weights need each other")
        }
        guard model != nil || elmoWeights != nil else {
            throw ValidationError("--model is missing: the model that train made, or --elmo-options and --elmo-weights")
        }
        guard model == nil || elmoWeights == nil else { throw ValidationError("--model and --elmo-weights exclude each other") }
        guard !isOfProcessor || device.device == .processor || device.device == .automatic else {
            throw ValidationError(
                "--\(isQuantized ? "int8" : "elmo-weights") runs on the processor only; leave --device out"
                    + (isQuantized ? "" : ", or let --convert make a model of the weights, which a GPU takes"))
        }
    }

    /// True if only the processor can compute the model.
    private var isOfProcessor: Bool { isQuantized || elmoWeights != nil }

    /// Reads the model with its table or merges. Throws `ToolError` as `LoadedModel` does, and what reading the model throws.
    func load(_ common: CommonOptions, _ pool: WorkerPool) throws -> LoadedModel {
        let threads = ThreadPool(threads: common.threads), gpu = try isOfProcessor ? nil : device.open()
        let backends = try gpu.map { try device.backends(2, on: $0) } ?? []
        if isOfProcessor && device.device == .automatic {
            common.report.print("encode: computing on the processor: --\(isQuantized ? "int8" : "elmo-weights") runs nowhere else")
        } else if let text = device.announcement(gpu) {
            common.report.print("encode: \(text)")
        }
        let encoder = try model.map { try SentenceEncoder.readModel($0, pool: threads, backends: backends) }
            ?? ELMoWeights.read(
                options: elmoOptions ?? "", weights: elmoWeights ?? "", capacity: SentenceEncoder.capacity, pool: threads)
        return try LoadedModel(
            encoder, name: model ?? elmoWeights ?? "", table: table, takesOtherTable: otherTable, merges: bpe,
            precision: isQuantized ? .int8 : .float32, pool: pool)
    }
}
