import Kernels

extension Phase {
    /// For a table.
    var title: String {
        switch self {
        case .inputProducts: "products of inputs"
        case .recurrentProducts: "products of states, step by step"
        case .projectionProducts: "products of projections, step by step"
        case .weightProducts: "products for weights' gradients"
        case .outputProducts: "products of the output layer"
        case .gates: "gates and cells"
        case .layerNorm: "layer norm"
        case .dropout: "dropout, clipping of projections"
        case .sums: "biases, residuals"
        case .loss: "loss"
        case .optimiser: "gradient's norm, Adam"
        case .gathering: "gathering of vectors"
        case .characters: "letters of words"
        case .sampling: "sampling of classes"
        case .other: "other"
        }
    }
}
