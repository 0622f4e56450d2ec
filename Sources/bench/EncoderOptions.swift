import ArgumentParser
import Model

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

/// Throws `ValidationError` for sizes that `train` does not take.
func checkWindow(batch: Int, window: Int) throws {
    guard (1...65536).contains(batch), (1...65536).contains(window), batch * window <= 1 << 24 else {
        throw ValidationError("--batch and --window must be from 1 to 65536, their product at most 16777216")
    }
}
