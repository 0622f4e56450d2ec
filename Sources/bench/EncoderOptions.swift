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

    @Option(help: ArgumentHelp("LSTM cells of a layer and direction, instead of the preset's.", valueName: "n"))
    var cell: Int?

    @Option(help: ArgumentHelp("Width of a layer's output in a direction, instead of the preset's.", valueName: "n"))
    var projection: Int?

    @Option(help: ArgumentHelp("Width of the words' vectors.", valueName: "n"))
    var dimension = 300

    @Option(help: ArgumentHelp("Directions: 1 or 2.", valueName: "n"))
    var directions = 2

    @Option(help: ArgumentHelp("Parallel streams of text.", valueName: "n"))
    var batch = 64

    @Option(help: ArgumentHelp("Words of a stream trained together (truncated BPTT).", valueName: "n"))
    var window = 20

    func validate() throws {
        guard Self.presets.contains(preset) else {
            throw ValidationError("no preset of the name \(preset)")
        }
        guard directions == 1 || directions == 2 else { throw ValidationError("--directions must be 1 or 2") }
        try checkWindow(batch: batch, window: window)
        if let complaint = encoder?.complaint { throw ValidationError(complaint) }
    }

    /// `nil` only for a preset that `validate` refuses.
    var encoder: EncoderConfiguration? {
        guard var configuration = EncoderConfiguration(preset: preset, vectorSize: dimension) else { return nil }
        if let cell { configuration.cell = cell }
        if let projection { configuration.projection = projection }
        if directions == 1 { configuration.directions = [.forward] }
        return configuration
    }
}

/// Throws `ValidationError` for sizes that `train` does not take.
func checkWindow(batch: Int, window: Int) throws {
    guard (1...65536).contains(batch), (1...65536).contains(window), batch * window <= 1 << 24 else {
        throw ValidationError("--batch and --window must be from 1 to 65536, their product at most 16777216")
    }
}
