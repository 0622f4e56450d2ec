public import Layers

/// Layers of simple recurrent units; see `SRU`. Layers are as wide as they have cells.
public struct SRUShape: EncoderFamily {
    /// Number of cells of a layer and direction.
    public var cell: Int
    /// Inner size of a layer's weights, which are then a product of two matrices; `nil` means a single matrix.
    public var projection: Int?
    /// Number of layers.
    public var layers = 2
    /// True if each layer has a highway connection from its input to its output.
    public var residual = true
    /// Initial bias of the reset gate: the lower it is, the more of the input passes through.
    public var highwayBias: Float = 0
    /// True if the output of the input layer is normalised.
    public var layerNorm = true
    /// Dropout rate of the input of each layer and the output of the last.
    public var dropout: Float = 0.1

    /// Creates two layers with default options.
    public init(cell: Int) { self.cell = cell }

    public var width: Int { cell }

    /// The highway connection adds a layer's input unchanged, which would be that of two halves if both sides were seen.
    public var seesBothSides: Bool { !residual }

    public mutating func takeSize(cell: Int, width: Int) { self.cell = cell }

    public mutating func apply(_ options: EncoderOverrides) -> String? {
        if let option = options.option(otherThan: EncoderOverrides.Special.recurrent + [.projection, .highwayBias]) { return option }
        cell = options.cell ?? cell
        projection = options.projection ?? projection
        layers = options.layers ?? layers
        highwayBias = options.highwayBias ?? highwayBias
        dropout = options.dropout ?? dropout
        layerNorm = options.layerNorm ?? layerNorm
        residual = options.residual ?? residual
        if !residual && options.highwayBias != nil { return "--highway-bias with --no-residual" }
        return nil
    }

    public var complaint: String? {
        if let complaint = sizeComplaint([("cell", cell), ("projection", projection ?? 1), ("layers", layers)]) { return complaint }
        guard highwayBias >= -20 && highwayBias <= 20 else {
            return "highway bias is \(highwayBias), and must be from -20 to 20"
        }
        return dropoutComplaint(dropout)
    }

    public var weights: Double {
        let cell = Double(cell)
        return Double(layers) * (projection.map { 4 * cell * Double($0) } ?? 3 * cell * cell)
    }
    public var activations: Double { Double(layers) * (7 * Double(cell) + 2 * Double(projection ?? 0)) }

    public func width(isCausal: Bool) -> Int { isCausal ? cell : 2 * cell }
    /// Each of the two halves reads the outputs of both.
    public func weights(isCausal: Bool) -> Double {
        let first = Double(projection ?? 3 * cell)
        return isCausal ? weights : 2 * (weights + Double(layers) * Double(cell) * first)
    }
    public func activations(isCausal: Bool) -> Double { isCausal ? activations : 2 * (activations + Double(layers) * 3 * Double(cell)) }

    public var description: String {
        "cell \(cell), projection \(projection.map(String.init) ?? "none"), layers \(layers)\n"
            + "highway \(residual), its bias \(highwayBias) at first, layer norm of the input \(layerNorm), dropout \(dropout)\n"
    }

    public var settings: [String: String] {
        [
            "layers": "\(layers)", "layer norm": layerNorm ? "of the input" : "off", "residual connections": residual ? "on" : "off",
            "dropout": dropout > 0 ? "\(dropout) \(DropoutKind.nonRecurrent.rawValue)" : "none",
        ]
    }

    public func make(_ name: String, isCausal: Bool, in plan: inout Plan) -> any SequenceEncoder {
        var options = SRU.Options(cell: cell)
        (options.projection, options.hasHighway, options.highwayBias) = (projection, residual, highwayBias)
        guard isCausal else {
            return RecurrentStack.bidirectional(
                name, width: cell, layers: layers, residual: false, dropout: dropout, in: &plan
            ) { name, inputs, other, plan in
                SRU(name, inputs: inputs, options: options, sharing: other, in: &plan)
            }
        }
        // The highway connection belongs to the layer.
        return RecurrentStack(
            name, inputs: cell, width: cell, layers: layers, residual: false, dropout: dropout, in: &plan
        ) { name, inputs, first, plan in
            SRU(name, inputs: inputs, options: options, sharing: first, in: &plan)
        }
    }
}
