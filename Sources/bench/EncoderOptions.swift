import ArgumentParser
import Kernels
import Model
import NetworkArguments

/// The sizes of an encoder and its windows: options of the benchmarks that train or multiply.
struct EncoderOptions: ParsableArguments {
    /// Those that take vectors and give vectors; `bench layers` measures what the others have.
    private static let presets = EncoderConfiguration.presets.map(\.name).filter {
        EncoderConfiguration(preset: $0, vectorSize: 1)?.complaint == nil
    }

    @Option(help: "Sizes of a known encoder: \(presets.joined(separator: ", ")).")
    var preset = "small"

    @OptionGroup var sizes: SizeOptions

    @Option(help: ArgumentHelp("Parallel streams of text.", valueName: "n"))
    var batch = 64

    @Option(help: ArgumentHelp("Words of a stream trained together (truncated BPTT).", valueName: "n"))
    var window = 20

    func validate() throws {
        guard Self.presets.contains(preset) else {
            throw ValidationError("no preset of the name \(preset)")
        }
        try checkWindow(batch: batch, window: window)
        if let complaint = encoder?.complaint { throw ValidationError(complaint) }
    }

    /// `nil` only for a preset that `validate` refuses.
    var encoder: EncoderConfiguration? { sizes.encoder(preset: preset) }
}

/// An encoder to measure, by a preset's sizes or others; its output layer is left out.
struct EncodedNetwork: ParsableArguments {
    /// Units of words would need merges.
    private static let presets = EncoderConfiguration.presets.map(\.name).filter {
        EncoderConfiguration(preset: $0, vectorSize: 1)?.input != .subwords
    }

    @Option(help: "Sizes and input layer of a known encoder: \(presets.joined(separator: ", ")).")
    var preset = "small"

    @OptionGroup var sizes: SizeOptions

    func validate() throws {
        guard Self.presets.contains(preset) else { throw ValidationError("no preset of the name \(preset) that reads words") }
        if let complaint = encoder?.complaint { throw ValidationError(complaint) }
    }

    /// `nil` only for a preset that `validate` refuses.
    var encoder: EncoderConfiguration? {
        guard var configuration = sizes.encoder(preset: preset) else { return nil }
        configuration.output = .none
        configuration.outputSize = 0
        configuration.cutoffs = []
        if configuration.input != .embeddings { configuration.inputSize = 0 }
        return configuration
    }
}

/// The sizes of an encoder, where they are not a preset's.
struct SizeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("LSTM cells of a layer and direction, instead of the preset's.", valueName: "n"))
    var cell: Int?

    @Option(help: ArgumentHelp("Width of a layer's output in a direction, instead of the preset's.", valueName: "n"))
    var projection: Int?

    @Option(help: ArgumentHelp("Width of the words' vectors.", valueName: "n"))
    var dimension = 300

    @Option(help: ArgumentHelp("Directions: 1 or 2.", valueName: "n"))
    var directions = 2

    func validate() throws {
        guard directions == 1 || directions == 2 else { throw ValidationError("--directions must be 1 or 2") }
    }

    /// `nil` if there is no such preset.
    func encoder(preset: String) -> EncoderConfiguration? {
        guard var configuration = EncoderConfiguration(preset: preset, vectorSize: dimension) else { return nil }
        if let cell { configuration.lstm.cell = cell }
        if let projection { configuration.lstm.projection = projection }
        if directions == 1 { configuration.reading = .forward }
        return configuration
    }
}


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
