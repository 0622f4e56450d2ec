public import Layers

/// Projected LSTM layers, as in ELMo; see `LSTMStack`.
public struct LSTMShape: EncoderFamily {
    /// Number of cells of a layer and direction.
    public var cell: Int
    /// Width of a layer's output in one direction; `nil` means the cells' outputs without projection.
    public var projection: Int?
    /// Number of layers.
    public var layers = 2
    /// True if layers from the second on add their input to their output.
    public var residual = true
    /// True if the output of the input layer and the projected states are normalised.
    public var layerNorm = true
    /// Bound of the cells; `nil` means none.
    public var cellClip: Float? = 3
    /// Bound of the projected states; `nil` means none.
    public var projectionClip: Float? = 3
    /// Rate of dropout.
    public var dropout: Float = 0.1
    /// The places where dropout applies.
    public var dropoutKind = DropoutKind.recurrent

    /// Creates two layers with default options.
    public init(cell: Int, projection: Int?) {
        self.cell = cell
        self.projection = projection
    }

    public var width: Int { projection ?? cell }

    /// These layers with twice as many cells and twice the width.
    public var twiceAsWide: LSTMShape {
        var shape = self
        shape.cell *= 2
        shape.projection = projection.map { 2 * $0 }
        return shape
    }

    /// Returns these layers with `count` more on top.
    public func deeper(by count: Int) -> LSTMShape {
        var shape = self
        shape.layers += count
        return shape
    }

    public mutating func takeSize(cell: Int, width: Int) {
        self.cell = cell
        projection = width == cell ? nil : width
    }

    public mutating func apply(_ options: EncoderOverrides) -> String? {
        if let option = options.option(otherThan: EncoderOverrides.Special.recurrent + [.projection, .recurrentDropout]) { return option }
        if let cell = options.cell { self.cell = cell }
        if let projection = options.projection { self.projection = projection == 0 ? nil : projection }
        layers = options.layers ?? layers
        dropout = options.dropout ?? dropout
        dropoutKind = options.dropoutKind ?? dropoutKind
        layerNorm = options.layerNorm ?? layerNorm
        residual = options.residual ?? residual
        return nil
    }

    public var complaint: String? {
        if let complaint = sizeComplaint([("cell", cell), ("projection", width), ("layers", layers)]) { return complaint }
        if let complaint = dropoutComplaint(dropout) { return complaint }
        for (name, clip) in [("cellClip", cellClip), ("projectionClip", projectionClip)] {
            if let clip, !(clip > 0) { return "\(name) is \(clip), and must be above 0" }
        }
        return nil
    }

    public var weights: Double {
        let (cell, width) = (Double(cell), Double(width))
        return Double(layers) * (4 * cell * 2 * width + (projection == nil ? 0 : cell * width))
    }

    public var activations: Double { Double(layers) * (5 * Double(cell) + 4 * Double(width)) }
    public func width(isCausal: Bool) -> Int { isCausal ? width : 2 * width }
    /// Each of the two halves reads the outputs of both.
    public func weights(isCausal: Bool) -> Double {
        isCausal ? weights : 2 * (weights + Double(layers) * 4 * Double(cell) * Double(width))
    }
    public func activations(isCausal: Bool) -> Double { isCausal ? activations : 2 * (activations + Double(layers) * 3 * Double(width)) }

    public var description: String {
        func text(_ clip: Float?) -> String { clip.map { "\($0)" } ?? "none" }
        return "cell \(cell), projection \(projection.map(String.init) ?? "none"), layers \(layers)\n"
            + "residual \(residual), layer norm \(layerNorm), dropout \(dropout) (\(dropoutKind.rawValue)), "
            + "cell clip \(text(cellClip)), projection clip \(text(projectionClip))\n"
    }

    public var settings: [String: String] {
        [
            "layers": "\(layers)", "layer norm": layerNorm ? "on" : "off", "residual connections": residual ? "on" : "off",
            "dropout": dropout > 0 ? "\(dropout) \(dropoutKind.rawValue)" : "none",
        ]
    }

    public func make(_ name: String, isCausal: Bool, in plan: inout Plan) -> any SequenceEncoder {
        var options = ProjectedLSTM.Options(cell: cell, projection: projection)
        options.cellClip = cellClip ?? .infinity
        options.projectionClip = projectionClip ?? .infinity
        options.layerNorm = layerNorm
        options.dropout = dropoutKind == .recurrent ? dropout : 0
        let between = dropoutKind == .nonRecurrent ? dropout : 0
        guard isCausal else {
            return RecurrentStack.bidirectional(
                name, width: width, layers: layers, residual: residual, dropout: between, in: &plan
            ) { [options] name, inputs, other, plan in
                ProjectedLSTM(name, inputs: inputs, options: options, sharing: other, in: &plan)
            }
        }
        return LSTMStack(
            name, inputs: width, options: options, layers: layers, residual: residual,
            dropout: between, in: &plan)
    }
}
