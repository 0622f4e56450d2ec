/// Which of the encoder's layers to give for each token. Layer 0 is the input layer.
public enum LayerChoice: String, CaseIterable, Sendable {
    /// Every layer.
    case all
    /// The last one.
    case top
    /// The mean of all.
    case mean

    /// Vectors a token gets from an encoder of `layers` layers.
    public func count(of layers: Int) -> Int { self == .all ? layers : 1 }
}
