internal import Layers

/// The sequence encoders there are. A new one is a file in Layers and a line in each switch here.
public enum EncoderKind: String, Codable, Sendable, CaseIterable {
    /// Projected LSTM layers, as in ELMo.
    case lstm
}

extension EncoderConfiguration {
    /// The network that stands between the input layer's output and the output layer, both `projection` wide.
    func makeEncoder(
        _ name: String, capacity: WindowCapacity, training: Bool, in layout: inout ParameterLayout
    ) -> any SequenceEncoder {
        switch encoder {
        case .lstm:
            var options = ProjectedLSTM.Options(cell: cell, projection: projection)
            options.cellClip = cellClip ?? .infinity
            options.projectionClip = projectionClip ?? .infinity
            options.layerNorm = layerNorm
            options.dropout = dropout
            return LSTMStack(
                name, inputs: projection, options: options, layers: layers, residual: residual, capacity: capacity,
                training: training, in: &layout)
        }
    }
}
