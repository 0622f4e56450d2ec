import ArgumentParser
import Kernels
import Model
import NetworkArguments

/// The sizes of an encoder between word vectors, and of its windows: options of the benchmarks that train or multiply.
struct EncoderOptions: ParsableArguments {
    @OptionGroup var sizes: SizeOptions

    @Option(help: ArgumentHelp("Parallel streams of text.", valueName: "n"))
    var batch = 64

    @Option(help: ArgumentHelp("Words of a stream trained together (truncated BPTT).", valueName: "n"))
    var window = 20

    func validate() throws {
        try checkWindow(batch: batch, window: window)
        _ = try encoder()
    }

    /// Returns the encoder. Throws `ValidationError` for sizes that make no network.
    /// - `kind`: the encoder in place of the preset's; `nil` means the preset's.
    func encoder(_ kind: EncoderChoice? = nil) throws -> EncoderConfiguration {
        try sizes.encoder(kind) { configuration in
            (configuration.input, configuration.output, configuration.sharesLayers) = (.embeddings, .continuous, false)
        }
    }
}

/// An encoder with the input layer of a preset, and without an output layer.
struct EncodedNetwork: ParsableArguments {
    @OptionGroup var sizes: SizeOptions

    func validate() throws { _ = try encoder() }

    /// Returns the encoder. Throws `ValidationError` for sizes that make no network.
    func encoder() throws -> EncoderConfiguration {
        try sizes.encoder { configuration in
            (configuration.output, configuration.outputSize) = (.none, 0)
            if configuration.input != .embeddings { configuration.inputSize = 0 }
        }
    }
}

/// The sizes of an encoder: those of a preset, or others.
struct SizeOptions: ParsableArguments {
    /// The presets that read words, because units of words would need merges.
    private static let presets = EncoderConfiguration.presets.map(\.name).filter {
        EncoderConfiguration(preset: $0, vectorSize: 1)?.input != .subwords
    }

    @Option(help: "Sizes of a known encoder, and for encode its input layer: \(presets.joined(separator: ", ")).")
    var preset = "small"

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

    /// Returns the preset with these sizes, and with the outer layers that `setLayers` gives it. Throws `ValidationError` if there is
    /// no such preset, or the sizes make no network.
    func encoder(
        _ kind: EncoderChoice? = nil, _ setLayers: (inout EncoderConfiguration) -> Void
    ) throws -> EncoderConfiguration {
        guard Self.presets.contains(preset), var configuration = EncoderConfiguration(preset: preset, vectorSize: dimension)
        else { throw ValidationError("no preset of the name \(preset) that reads words") }
        kind?.replaceEncoder(of: &configuration)
        var sizes = EncoderOverrides()
        (sizes.cell, sizes.projection) = (cell, projection)
        if let option = configuration.encoder.family.apply(sizes) {
            throw ValidationError("\(option) is not used: \(configuration.encoder.name) has no such option")
        }
        if directions == 1 { configuration.reading = .forward }
        configuration.cutoffs = []
        setLayers(&configuration)
        if let complaint = configuration.complaint { throw ValidationError(complaint) }
        return configuration
    }
}


/// The option `--kernels`: the kernels to which a benchmark is limited, in order to measure on one machine the kernels of others.
struct KernelOptions: ParsableArguments {
    @Option(help: ArgumentHelp(
        "Kernels to hold to, of those that the processor has: avx512, avx2, sse2; vector128 [the first].", valueName: "name"))
    var kernels: String?

    /// The kernels chosen; `nil` for the processor's fastest.
    var chosen: ProcessorKernels? { ProcessorKernels.available.first { $0.name == kernels } }

    func validate() throws {
        guard kernels == nil || chosen != nil else {
            let names = ProcessorKernels.available.map(\.name).joined(separator: ", ")
            throw ValidationError("--kernels must be one of \(names), which this processor has")
        }
    }
}
