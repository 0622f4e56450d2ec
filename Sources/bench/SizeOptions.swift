import ArgumentParser
import Model

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
        if let cell { configuration.cell = cell }
        if let projection { configuration.projection = projection }
        if directions == 1 { configuration.directions = [.forward] }
        return configuration
    }
}
