public import ArgumentParser
import Files
public import Model
import Shards
import Training

extension LossKind: ExpressibleByArgument {}

/// What the encoder looks like.
struct NetworkOptions: ParsableArguments {
    @Option(help: "Sizes of a known encoder: tiny 32/16, small 512/128, base 1024/256, medium 2048/256, elmo-c 4096/512.")
    var preset: Preset = .small

    @Option(help: ArgumentHelp("LSTM cells of a layer and direction, instead of the preset's.", valueName: "n"))
    var cell: Int?

    @Option(help: ArgumentHelp("Width of a layer's output in a direction, instead of the preset's.", valueName: "n"))
    var projection: Int?

    @Option(help: ArgumentHelp("LSTM layers.", valueName: "n"))
    var layers = 2

    @Option(help: ArgumentHelp("Recurrent dropout.", valueName: "p"))
    var dropout: Float = 0.1

    @Flag(help: "No layer normalisation.")
    var noLayerNorm = false

    @Flag(help: "No residual connection.")
    var noResidual = false

    @Flag(help: "Use the vectors as they point, without taking away their mean.")
    var rawTargets = false

    @Option(help: "Distance between predicted and target vectors.")
    var loss: LossKind = .cosine

    @Option(help: ArgumentHelp("Of max-margin: how much nearer, in cosines, the target must be than other words.", valueName: "x"))
    var margin = 0.5

    @Option(help: ArgumentHelp("Of vmf: what a unit of the prediction's norm costs; 0 for none.", valueName: "x"))
    var normPenalty = 0.02

    @Option(help: ArgumentHelp("Of vmf: factor of the product with the target; 1 for none.", valueName: "x"))
    var dotScale = 0.1

    @Option(help: "Directions to train. Trained apart, on one machine each, they can be joined by --merge.")
    var direction: DirectionChoice = .both

    enum Preset: String, CaseIterable, ExpressibleByArgument {
        case tiny, small, base, medium
        case elmoC = "elmo-c"
    }

    enum DirectionChoice: String, CaseIterable, ExpressibleByArgument {
        case forward, backward, both
    }

    /// Throws `ToolError` with status `usage` for sizes that make no network.
    func configuration(_ rows: WordRows, _ corpus: Corpus) throws -> EncoderConfiguration {
        guard var configuration = EncoderConfiguration(preset: preset.rawValue, vectorSize: rows.dimension) else {
            throw ToolError(.usage, "no preset of the name \(preset.rawValue)")
        }
        if let cell { configuration.cell = cell }
        if let projection { configuration.projection = projection }
        configuration.layers = layers
        configuration.dropout = dropout
        configuration.layerNorm = !noLayerNorm
        configuration.residual = !noResidual
        configuration.centred = !rawTargets
        configuration.loss = loss
        configuration.margin = margin
        configuration.normPenalty = normPenalty
        configuration.dotScale = dotScale
        configuration.directions = Direction.allCases.filter { direction == .both || $0.rawValue == direction.rawValue }
        configuration.tokenizer = corpus.tokenizer.pairs.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
        configuration.tableDigest = hexadecimal(rows.tableDigest)
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        return configuration
    }
}
