internal import Layers

/// The sequence encoders there are. A new one is a file in Layers and a line in each switch here.
public enum EncoderKind: String, Codable, Sendable, CaseIterable {
    /// Projected LSTM layers, as in ELMo.
    case lstm
}

/// What dropout drops.
public enum DropoutKind: String, Codable, Sendable, CaseIterable {
    /// Of a layer's output, which its next step sees too, by one draw for all steps of a window (the ELMo-C authors' code).
    case recurrent
    /// Of what goes into each layer and out of the last, by a draw for each step (ELMo).
    case nonRecurrent = "non-recurrent"
}

extension EncoderConfiguration {
    /// The network that stands between the input layer's output and the output layer, both `projection` wide.
    func makeEncoder(
        _ name: String, in plan: inout Plan
    ) -> any StatefulEncoder {
        switch encoder {
        case .lstm:
            var options = ProjectedLSTM.Options(cell: cell, projection: hasProjection ? projection : nil)
            options.cellClip = cellClip ?? .infinity
            options.projectionClip = projectionClip ?? .infinity
            options.layerNorm = layerNorm
            options.dropout = dropoutKind == .recurrent ? dropout : 0
            return LSTMStack(
                name, inputs: projection, options: options, layers: layers, residual: residual,
                dropout: dropoutKind == .nonRecurrent ? dropout : 0, in: &plan)
        }
    }
}
