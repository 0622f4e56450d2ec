public import Layers

/// Layers of gated recurrent units; see `GRU`. There is no projection: layers are as wide as they have cells.
public struct GRUShape: EncoderFamily {
    /// Number of cells of a layer and direction.
    public var cell: Int
    /// Number of layers.
    public var layers = 2
    /// True if layers from the second on add their input to their output.
    public var residual = true
    /// True if the output of the input layer is normalised.
    public var layerNorm = true
    /// Dropout rate of the input of each layer and the output of the last.
    public var dropout: Float = 0.1

    /// Creates two layers with default options.
    public init(cell: Int) { self.cell = cell }

    public var width: Int { cell }

    public mutating func takeSize(cell: Int, width: Int) { self.cell = cell }

    public mutating func apply(_ options: EncoderOverrides) -> String? {
        if let option = options.option(otherThan: EncoderOverrides.Special.recurrent) { return option }
        cell = options.cell ?? cell
        layers = options.layers ?? layers
        dropout = options.dropout ?? dropout
        layerNorm = options.layerNorm ?? layerNorm
        residual = options.residual ?? residual
        return nil
    }

    public var complaint: String? {
        sizeComplaint([("cell", cell), ("layers", layers)]) ?? dropoutComplaint(dropout)
    }

    public var weights: Double { Double(layers) * 6 * Double(cell) * Double(cell) }
    public var activations: Double { Double(layers) * 9 * Double(cell) }
    public func width(isCausal: Bool) -> Int { isCausal ? cell : 2 * cell }
    /// Each of the two halves reads the outputs of both.
    public func weights(isCausal: Bool) -> Double {
        isCausal ? weights : 2 * (weights + Double(layers) * 3 * Double(cell) * Double(cell))
    }
    public func activations(isCausal: Bool) -> Double { isCausal ? activations : 2 * (activations + Double(layers) * 3 * Double(cell)) }

    public var description: String {
        "cell \(cell), layers \(layers)\nresidual \(residual), layer norm of the input \(layerNorm), dropout \(dropout)\n"
    }

    public var settings: [String: String] {
        [
            "layers": "\(layers)", "layer norm": layerNorm ? "of the input" : "off",
            "residual connections": residual ? "on" : "off",
            "dropout": dropout > 0 ? "\(dropout) \(DropoutKind.nonRecurrent.rawValue)" : "none",
        ]
    }

    public func make(_ name: String, isCausal: Bool, in plan: inout Plan) -> any SequenceEncoder {
        guard isCausal else {
            return RecurrentStack.bidirectional(
                name, width: cell, layers: layers, residual: residual, dropout: dropout, in: &plan
            ) { name, inputs, other, plan in
                GRU(name, inputs: inputs, cell: cell, sharing: other, in: &plan)
            }
        }
        return RecurrentStack(
            name, inputs: cell, width: cell, layers: layers, residual: residual, dropout: dropout, in: &plan
        ) { name, inputs, first, plan in
            GRU(name, inputs: inputs, cell: cell, sharing: first, in: &plan)
        }
    }
}
