public import Layers

/// Quasi-recurrent layers; see `QRNN`. There is no projection: layers are as wide as they have cells.
public struct QRNNShape: EncoderFamily {
    /// Number of cells of a layer and direction.
    public var cell: Int
    /// Number of layers.
    public var layers = 2
    /// Number of words that a layer's convolution sees: 1, or 2 to include the previous word.
    public var window = 2
    /// True if gates determine how much of a cell is output; otherwise the cells are the output.
    public var outputGate = true
    /// Probability that a cell keeps its value in a training step.
    public var zoneout: Float = 0
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
        if let option = options.option(otherThan: EncoderOverrides.Special.recurrent + [.convolution, .zoneout, .outputGate]) { return option }
        cell = options.cell ?? cell
        layers = options.layers ?? layers
        window = options.convolution ?? window
        outputGate = options.outputGate ?? outputGate
        zoneout = options.zoneout ?? zoneout
        dropout = options.dropout ?? dropout
        layerNorm = options.layerNorm ?? layerNorm
        residual = options.residual ?? residual
        return nil
    }

    public var complaint: String? {
        if let complaint = sizeComplaint([("cell", cell), ("layers", layers)]) ?? dropoutComplaint(dropout) { return complaint }
        if window != 1 && window != 2 { return "convolution is \(window), and must be 1 or 2" }
        return zoneout >= 0 && zoneout < 1 ? nil : "zoneout is \(zoneout), and must be at least 0 and below 1"
    }

    private var gates: Double { outputGate ? 3 : 2 }
    public var weights: Double { Double(layers) * Double(window) * gates * Double(cell) * Double(cell) }
    public var activations: Double { Double(layers) * (gates + 4 + Double(window)) * Double(cell) }

    public func width(isCausal: Bool) -> Int { isCausal ? cell : 2 * cell }
    /// Each of the two halves reads the outputs of both.
    public func weights(isCausal: Bool) -> Double { isCausal ? weights : 4 * weights }
    public func activations(isCausal: Bool) -> Double { isCausal ? activations : 2 * (activations + Double(layers) * 3 * Double(cell)) }

    public var description: String {
        "cell \(cell), layers \(layers), convolution of \(window), output gate \(outputGate)\n"
            + "residual \(residual), layer norm of the input \(layerNorm), dropout \(dropout), zoneout \(zoneout)\n"
    }

    public var settings: [String: String] {
        [
            "layers": "\(layers)", "layer norm": layerNorm ? "of the input" : "off", "convolution": "\(window)",
            "output gate": outputGate ? "on" : "off", "residual connections": residual ? "on" : "off",
            "dropout": dropout > 0 ? "\(dropout) \(DropoutKind.nonRecurrent.rawValue)" : "none",
            "zoneout": zoneout > 0 ? "\(zoneout)" : "none",
        ]
    }

    public func make(_ name: String, isCausal: Bool, in plan: inout Plan) -> any SequenceEncoder {
        var options = QRNN.Options(cell: cell)
        (options.window, options.hasOutputGate, options.zoneout) = (window, outputGate, zoneout)
        guard isCausal else {
            return RecurrentStack.bidirectional(
                name, width: cell, layers: layers, residual: residual, dropout: dropout, in: &plan
            ) { name, inputs, other, plan in
                QRNN(name, inputs: inputs, options: options, sharing: other, in: &plan)
            }
        }
        return RecurrentStack(
            name, inputs: cell, width: cell, layers: layers, residual: residual, dropout: dropout, in: &plan
        ) { name, inputs, first, plan in
            QRNN(name, inputs: inputs, options: options, sharing: first, in: &plan)
        }
    }
}
