public import ArgumentParser
import Files
public import Kernels
public import Model

extension LossKind: ExpressibleByArgument {}
extension TargetKind: ExpressibleByArgument {}
extension NegativeSource: ExpressibleByArgument {}
extension InputKind: ExpressibleByArgument {}
/// An output layer to train. A model without output layer only encodes.
extension OutputKind: ExpressibleByArgument {
    /// Parses the name of an output layer.
    public init?(argument: String) {
        guard let kind = Self(rawValue: argument), kind != .none else { return nil }
        self = kind
    }

    /// Names of all output layers.
    public static var allValueStrings: [String] { allCases.filter { $0 != .none }.map(\.rawValue) }
}
extension DropoutKind: ExpressibleByArgument {}
extension Reading: ExpressibleByArgument {}
extension HiddenFunction: ExpressibleByArgument {}
extension TransformerShape.PositionKind: ExpressibleByArgument {}
extension Objective: ExpressibleByArgument {}

/// The options that define a network, for `train` and for the networks that `bench` compares.
public struct NetworkOptions: ParsableArguments {
    /// Network that the other options modify.
    @Option(
        help: """
            A known encoder: tiny 32/16, small 512/128, base 1024/256, medium 2048/256, elmo-c 4096/512, elmo-c-wide \
            8192/1024, elmo-c-deep 4096/512 of 4 layers; or what elmo-c is compared with, of the same size: elmo \
            (characters, sampled softmax, shared by the directions), elmo-a (adaptive softmax), elmo-sub (subwords with one \
            table for input and output); or a Transformer: transformer-base 512 wide, transformer-large 1024, gpt 768 with 12 layers.
            """)
    public var preset: Preset = .small

    /// Kind of encoder; `nil` means the preset's.
    @Option(help: "The layers between input and output; sizes are the preset's [lstm].")
    public var encoder: EncoderChoice?

    /// The objective: next words or masked words.
    @Option(help: """
            What is learnt: to predict the next word, in each direction by a network of its own (next-word); or words that are masked, by one network that reads both ways at once, as BERT does (masked).
            """)
    public var objective: Objective = .nextWord

    /// Share of words that are predicted, with masked words.
    @Option(help: ArgumentHelp("Of masked: share of the words that are predicted [0.15].", valueName: "x"))
    public var maskedShare: Double?

    /// Share of predicted words that the mask vector replaces.
    @Option(help: ArgumentHelp("Of masked: share of these that a trained vector stands in for [0.8].", valueName: "x"))
    public var maskVectorShare: Double?

    /// Share of predicted words that another word replaces.
    @Option(help: ArgumentHelp("Of masked: share of these that another word stands in for, at random [0.1].", valueName: "x"))
    public var randomWordShare: Double?

    /// Input layer; `nil` means the preset's.
    @Option(help: "How words come in: vectors of --table, ELMo's characters, or a table of units that is trained [embeddings].")
    public var input: InputKind?

    /// Output layer; `nil` means the preset's.
    @Option(help: "What is predicted: a word's vector, or the word itself by one of the softmaxes [continuous].")
    public var output: OutputKind?

    /// Number of classes drawn for a sampled softmax, or of words that a contrastive target is compared with.
    @Option(help: ArgumentHelp(
        """
        Words that a target is told from: of sampled-softmax, drawn for a window [8192]; of contrastive, at most [1024, or 512 with a \
        projection of 128 or less, or as many different words as there are].
        """,
        valueName: "n"))
    public var negatives: Int?

    /// First classes of the clusters of an adaptive softmax.
    @Option(help: ArgumentHelp(
        """
        Of adaptive-softmax: the first word of each cluster [a twentieth and a quarter of all; preset elmo-a: 40000,200000, if \
        there are more].
        """, valueName: "n,n"))
    public var cutoffs: NumberList?

    /// Filters of the character input.
    @Option(help: ArgumentHelp("Of characters: width:count of the filters [ELMo's, 1:32 to 7:1024].", valueName: "w:n,w:n"))
    public var filters: FilterList?

    /// Number of highway layers of the character input.
    @Option(help: ArgumentHelp("Of characters: highway layers [2].", valueName: "n"))
    public var highways: Int?

    /// True if both directions share input and output layers.
    @Flag(help: "One input and one output layer for both directions, as in ELMo.")
    public var shareLayers = false

    /// True if the output layer uses the input layer's table.
    @Flag(help: "Of subwords: one table for input and output.")
    public var tie = false

    /// Number of cells in a recurrent layer.
    @Option(help: ArgumentHelp("Cells of a layer and direction, instead of the preset's.", valueName: "n"))
    public var cell: Int?

    /// Width of the projection.
    @Option(
        name: [.long, .customLong("width")],
        help: ArgumentHelp(
            """
            Width of a layer's output in a direction, instead of the preset's; of lstm 0 for no projection; of sru, the inner size of \
            its weights.
            """, valueName: "n"))
    public var projection: Int?

    /// Number of layers.
    @Option(help: ArgumentHelp(
        "Layers of the encoder [2; preset elmo-c-deep: 4; transformer: 6; preset gpt: 12].", valueName: "n"))
    public var layers: Int?

    /// Number of attention heads.
    @Option(help: ArgumentHelp("Of transformer: heads of attention, which divide the width [one for 64 of it].", valueName: "n"))
    public var heads: Int?

    /// Width inside feed-forward layers.
    @Option(help: ArgumentHelp("Of transformer: width of the feed-forward layers [4 times the width].", valueName: "n"))
    public var feedForward: Int?

    /// Activation of feed-forward layers.
    @Option(help: "Of transformer: the function in the feed-forward layers [relu; preset gpt: gelu].")
    public var activation: HiddenFunction?

    /// Kind of positions of a Transformer.
    @Option(help: "Of transformer: how it knows where a word stands in its window [sinusoidal; preset gpt: learned].")
    public var positions: TransformerShape.PositionKind?

    /// Number of trained positions.
    @Option(help: ArgumentHelp(
        """
        Of transformer: words of a text that it sees at once at most; longer sentences are encoded in windows of so many, which \
        overlap [the window of training; learned positions: 512].
        """, valueName: "n"))
    public var longest: Int?

    /// Dropout rate.
    @Option(help: ArgumentHelp("Share of the units that dropout drops.", valueName: "p"))
    public var dropout: Float = 0.1

    /// The places where dropout applies.
    @Option(help: """
            What it drops: of a layer's output and the state its next step sees, one draw for a window (recurrent); or of \
            what goes into each layer and out of the last, as ELMo does (non-recurrent) [recurrent; preset elmo: non-recurrent].
            """)
    public var dropoutKind: DropoutKind?

    /// True if layers lack layer norm.
    @Flag(help: "No layer normalisation.")
    public var noLayerNorm = false

    /// True if layers lack residual connections.
    @Flag(help: "No residual connection; of sru, no highway.")
    public var noResidual = false

    /// Number of inputs that the gates of a quasi-recurrent layer see.
    @Option(help: ArgumentHelp("Of qrnn: words that the gates of a step see, 1 or 2 [2].", valueName: "n"))
    public var convolution: Int?

    /// Zoneout rate.
    @Option(help: ArgumentHelp("Of qrnn: probability that a cell keeps its value in a step of training [0].", valueName: "p"))
    public var zoneout: Float?

    /// True if a quasi-recurrent layer lacks output gates.
    @Flag(help: "Of qrnn: no output gates, so that cells come out as they are.")
    public var noOutputGate = false

    // A negative number must be read as a value, not as an option.
    /// Initial bias of the reset gate of simple recurrent units.
    @Option(parsing: .unconditional, help: ArgumentHelp(
        "Of sru: what the bias of the highway's gate begins with; the lower, the more of the input comes through [0].", valueName: "x"))
    public var highwayBias: Float?

    /// True if targets are the vectors as they are, without centring.
    @Flag(help: "Use the vectors as they point, without taking away their mean.")
    public var rawTargets = false

    /// Loss of the continuous output; `nil` means the preset's.
    @Option(help: """
            What makes a predicted vector good: its distance from the target's (cosine, l2, max-margin, vmf), or how well it tells \
            the target from other words (contrastive) [contrastive for small, base and medium; cosine for all others].
            """)
    public var loss: LossKind?

    /// Vectors that the contrastive loss predicts.
    @Option(help: """
            Of contrastive: the targets' vectors as they are (frozen), times a matrix that is trained (mapped), or each trained \
            from there on (trained) [frozen].
            """)
    public var targets: TargetKind?

    /// True if targets are whitened.
    @Flag(help: "Of contrastive: whiten the targets, words counting as often as the text has them.")
    public var whitenTargets = false

    /// Share of a random direction in each target.
    @Option(help: ArgumentHelp("Of contrastive: share of a random vector of the word in its target [0].", valueName: "x"))
    public var randomShare: Double?

    /// Source of further negatives.
    @Option(help: """
            Of contrastive: where negatives come from if a window has fewer words than --negatives: nowhere (window), drawn as often \
            as the text has them (unigram), or from the windows before (earlier) [unigram].
            """)
    public var moreNegatives: NegativeSource?

    /// True if the norm of predictions is learned.
    @Flag(help: "Of contrastive: give all predictions one norm, which is learned.")
    public var learnScale = false

    /// Margin of the max-margin loss.
    @Option(help: ArgumentHelp("Of max-margin: how much nearer, in cosines, the target must be than other words [0.5].", valueName: "x"))
    public var margin: Double?

    /// Penalty of the norm in the von Mises-Fisher loss.
    @Option(help: ArgumentHelp("Of vmf: what a unit of the prediction's norm costs; 0 for none [0.02].", valueName: "x"))
    public var normPenalty: Double?

    /// Scale of the dot product in the von Mises-Fisher loss.
    @Option(help: ArgumentHelp("Of vmf: factor of the product with the target; 1 for none [0.1].", valueName: "x"))
    public var dotScale: Double?

    /// Directions to train.
    @Option(help: "Directions to train. Trained apart, on one machine each, they can be joined by --merge.")
    public var direction: Reading = .both

    /// A network by name: our own sizes, and the published systems.
    public enum Preset: String, CaseIterable, ExpressibleByArgument {
        /// Own sizes, from the smallest.
        case tiny, small, base, medium
        /// ELMo-C (Li et al. 2019).
        case elmoC = "elmo-c"
        /// ELMo-C with wider layers.
        case elmoCWide = "elmo-c-wide"
        /// ELMo-C with more layers.
        case elmoCDeep = "elmo-c-deep"
        /// A Transformer of 6 layers.
        case transformerBase = "transformer-base"
        /// A Transformer with larger layers.
        case transformerLarge = "transformer-large"
        /// The Transformer of GPT (Radford et al. 2018).
        case gpt
        /// ELMo (Peters et al. 2018).
        case elmo
        /// ELMo with an adaptive softmax.
        case elmoA = "elmo-a"
        /// ELMo on subwords.
        case elmoSub = "elmo-sub"

        /// Default loss of the continuous output: the paper's for published systems; for our own, the loss that makes them language
        /// models (docs/language-model.md).
        public var loss: LossKind {
            switch self {
            case .small, .base, .medium: .contrastive
            case .tiny, .elmoC, .elmoCWide, .elmoCDeep, .transformerBase, .transformerLarge, .gpt, .elmo, .elmoA, .elmoSub:
                .cosine
            }
        }
    }

    /// Creates the options with their defaults.
    public init() {}

    /// The preset with its input and output layers, as far as options determine it before anything is read.
    private var base: EncoderConfiguration? {
        guard var configuration = EncoderConfiguration(preset: preset.rawValue, vectorSize: 0) else { return nil }
        encoder?.replaceEncoder(of: &configuration)
        configuration.loss = loss ?? preset.loss
        configuration.objective = objective
        // A preset whose directions share layers then has one network.
        if objective == .masked { configuration.sharesLayers = false }
        if let input { configuration.input = input }
        if let output {
            if output != configuration.output { configuration.cutoffs = [] }
            configuration.output = output
        }
        return configuration
    }

    /// Number of words of a stream that this encoder is usually trained on together; `nil` means the number for recurrent encoders.
    public var usualWindow: Int? { base?.encoder.family.usualWindow }
    /// True if the encoder carries a state from window to window.
    public var carriesState: Bool { base?.encoder.family.carriesState ?? true }
    /// True if the network reads an embedding table.
    public var needsTable: Bool { base.map { $0.input == .embeddings || $0.output == .continuous } ?? true }
    /// True if the network reads subword units.
    public var readsUnits: Bool { base?.input == .subwords }
    /// True if the output layer needs a vocabulary.
    public var needsVocabulary: Bool { base?.output.hasVocabulary ?? false }

    /// Throws `ValidationError` if this network reads a table or a vocabulary that the user has not named.
    public func requireInputs(table: Bool, vocabulary: Bool) throws {
        guard table || !needsTable else {
            throw ValidationError("--table is missing: the embedding table that embed-oov made")
        }
        guard vocabulary || !needsVocabulary else {
            throw ValidationError("--vocab is missing: the vocabulary of the softmax, which build-vocab makes")
        }
    }

    /// An option that was given for layers or a loss that this network does not have, and the option that selects those.
    public var unused: (option: String, of: String)? {
        guard let base else { return nil }
        let loss = base.output == .continuous ? base.loss : nil, isContrastive = loss == .contrastive
        let isMasked = objective == .masked
        let all: [(isGiven: Bool, option: String, of: String, isUsed: Bool)] = [
            (maskedShare != nil, "--masked-share", "--objective masked", isMasked),
            (maskVectorShare != nil, "--mask-vector-share", "--objective masked", isMasked),
            (randomWordShare != nil, "--random-word-share", "--objective masked", isMasked),
            (direction != .both, "--direction \(direction.rawValue)", "--objective next-word", !isMasked),
            (shareLayers, "--share-layers", "--objective next-word", !isMasked),
            (negatives != nil, "--negatives", "--output sampled-softmax and --loss contrastive",
             base.output == .sampledSoftmax || isContrastive),
            (cutoffs != nil, "--cutoffs", "--output adaptive-softmax", base.output == .adaptiveSoftmax),
            (filters != nil, "--filters", "--input characters", base.input == .characters),
            (highways != nil, "--highways", "--input characters", base.input == .characters),
            (self.loss != nil, "--loss", "--output continuous", base.output == .continuous),
            (margin != nil, "--margin", "--loss max-margin", loss == .maxMargin),
            (normPenalty != nil, "--norm-penalty", "--loss vmf", loss == .vonMisesFisher),
            (dotScale != nil, "--dot-scale", "--loss vmf", loss == .vonMisesFisher),
            (targets != nil, "--targets", "--loss contrastive", isContrastive),
            (whitenTargets, "--whiten-targets", "--loss contrastive", isContrastive),
            (randomShare != nil, "--random-share", "--loss contrastive", isContrastive),
            (moreNegatives != nil, "--more-negatives", "--loss contrastive", isContrastive),
            (learnScale, "--learn-scale", "--loss contrastive", isContrastive),
        ]
        return all.first { $0.isGiven && !$0.isUsed }.map { ($0.option, $0.of) }
    }

    /// Returns the network for vectors of `dimension` numbers and a vocabulary of `classes`, where it has them. Throws `ToolError`
    /// with status `usage` for sizes that do not form a network.
    public func configuration(dimension: Int, classes: Int) throws -> EncoderConfiguration {
        guard var configuration = base else { throw ToolError(.usage, "no preset of the name \(preset.rawValue)") }
        configuration.inputSize = configuration.input == .embeddings ? dimension : 0
        configuration.outputSize = configuration.output == .continuous ? dimension : 0
        if let option = configuration.encoder.family.apply(overrides) {
            throw ToolError(.usage, "\(option) is not used: \(configuration.encoder.name) has no such option")
        }
        configuration.centred = !rawTargets
        if let margin { configuration.margin = margin }
        if let normPenalty { configuration.normPenalty = normPenalty }
        if let dotScale { configuration.dotScale = dotScale }
        setTargets(&configuration, classes: classes)
        configuration.reading = direction
        if let maskedShare { configuration.maskedShare = maskedShare }
        if let maskVectorShare { configuration.maskVectorShare = maskVectorShare }
        if let randomWordShare { configuration.randomWordShare = randomWordShare }
        setOuterLayers(&configuration, classes: classes)
        if let complaint = configuration.complaint { throw ToolError(.usage, complaint) }
        return configuration
    }

    /// The options of the encoder that were given.
    private var overrides: EncoderOverrides {
        var overrides = EncoderOverrides()
        (overrides.cell, overrides.projection, overrides.layers) = (cell, projection, layers)
        (overrides.dropout, overrides.dropoutKind) = (dropout, dropoutKind)
        (overrides.heads, overrides.feedForward, overrides.longest) = (heads, feedForward, longest)
        (overrides.activation, overrides.positions) = (activation, positions)
        if noLayerNorm { overrides.layerNorm = false }
        if noResidual { overrides.residual = false }
        (overrides.convolution, overrides.zoneout, overrides.highwayBias) = (convolution, zoneout, highwayBias)
        if noOutputGate { overrides.outputGate = false }
        return overrides
    }

    private func setTargets(_ configuration: inout EncoderConfiguration, classes: Int) {
        guard configuration.isContrastive else { return }
        configuration.negatives = configuration.usualNegatives
        if let targets { configuration.targets = targets }
        configuration.whitensTargets = whitenTargets
        if let randomShare { configuration.randomShare = randomShare }
        if let moreNegatives { configuration.negativeSource = moreNegatives }
        configuration.learnsScale = learnScale
        // As many as the table has; it may not have been read yet.
        if configuration.targets == .trained { configuration.vocabularySize = max(1, classes) }
    }

    private func setOuterLayers(_ configuration: inout EncoderConfiguration, classes: Int) {
        if let negatives { configuration.negatives = negatives }
        if let filters { configuration.filters = filters.filters }
        if let highways { configuration.highways = highways }
        if shareLayers { configuration.sharesLayers = true }
        if tie { configuration.isTied = true }
        guard needsVocabulary else { return }
        configuration.vocabularySize = classes
        if let cutoffs {
            configuration.cutoffs = cutoffs.numbers
        } else if configuration.output == .adaptiveSoftmax && configuration.cutoffs.last ?? .max >= classes {
            // Those of a preset are meant for vocabularies of its size.
            configuration.cutoffs = [max(1, classes / 20), max(2, classes / 4)]
        }
    }
}

/// Throws `ValidationError` for a window that is too small or too large.
public func checkWindow(batch: Int, window: Int) throws {
    guard (1...65536).contains(batch), (1...65536).contains(window), batch * window <= 1 << 24 else {
        throw ValidationError("--batch and --window must be from 1 to 65536, their product at most 16777216")
    }
}
