/// What a character model's vectors are compared with their targets by.
public enum MimickLoss: String, Sendable, CaseIterable {
    /// Squared distance: the paper's.
    case squared
    /// 1 - cosine: what `train` asks of its predictions.
    case cosine
}

/// Sizes and training settings of a `MimickModel`. The sizes are those of Pinter et al. 2017.
public struct MimickConfiguration: Sendable, Equatable {
    /// Numbers in a character's embedding.
    public var embedding = 20
    public var reader = CharacterReader.lstm(hidden: 50)
    public var loss = MimickLoss.squared
    /// Known words are used for fitting from the most frequent on, up to this many.
    public var words = 100_000
    /// Of the words used, the share that is kept out of the fit, to stop by and to report on.
    public var heldOut = 0.05
    public var epochs = 30
    /// Epochs without a better held-out loss after which the fit ends.
    public var patience = 4
    /// Words in a step of the optimiser.
    public var batch = 256
    /// The largest rate of Adam; it falls to a twentieth over the epochs along a cosine.
    public var learningRate: Float = 0.01
    /// Share of characters that are hidden in the fit, so that the unknown character's vector is trained.
    public var hidingRate = 0.01
    /// A word of count c weighs c to this power (0: all the same), with a mean weight of 1.
    public var frequencyPower: Float = 0
    public var seed: UInt64 = 1

    public init() {}

    /// What reports call the model.
    var name: String {
        switch reader {
        case .lstm: "MIMICK"
        case .convolution: "character CNN"
        }
    }
}
