public import Model

/// A matrix product of an encoder's layer, to be measured.
public struct EncoderProduct: Sendable {
    /// The product as an operation.
    public let operation: OperationCase
    /// The sizes of its matrices.
    public let sizes: OperationCase.Sizes

    private init(
        _ name: String, _ rows: Int, _ columns: Int, _ depth: Int, left: Bool = false, right: Bool = false, packed: Bool = false
    ) {
        operation = .product(name, left: left, right: right, packed: packed)
        sizes = OperationCase.Sizes(rows: rows, columns: columns, depth: depth)
    }

    /// Returns the products of an encoder's layer in a training step, and the large product that is the ceiling of `bench train`.
    /// Right factors that serve all steps of a window are packed before the measurement.
    public static func ofTraining(_ encoder: EncoderConfiguration, batch: Int, window: Int) -> [EncoderProduct] {
        if let shape = encoder.encoder.family as? TransformerShape { return ofTraining(shape, positions: batch * window) }
        let (gates, cell, width, positions) = (4 * encoder.encoder.cell, encoder.encoder.cell, encoder.width, batch * window)
        return [
            EncoderProduct("state, forward", batch, gates, width, packed: true),
            EncoderProduct("projection, forward", batch, width, cell, packed: true),
            EncoderProduct("state, backward", batch, width, gates, right: true, packed: true),
            EncoderProduct("projection, backward", batch, cell, width, right: true, packed: true),
            EncoderProduct("input, forward", positions, gates, width),
            EncoderProduct("input, backward", positions, width, gates, right: true),
            EncoderProduct("gradient of weights", width, gates, positions, left: true),
            EncoderProduct("gradient of projection", cell, width, positions, left: true),
            EncoderProduct("large", 2048, 2048, 2048),
        ]
    }

    private static func ofTraining(_ shape: TransformerShape, positions: Int) -> [EncoderProduct] {
        let weights = [
            ("attention's input", shape.width, 3 * shape.width), ("attention's output", shape.width, shape.width),
            ("hidden layer", shape.width, shape.feedForward), ("its output", shape.feedForward, shape.width),
        ]
        return weights.flatMap { name, inputs, outputs in
            [
                EncoderProduct("\(name), forward", positions, outputs, inputs),
                EncoderProduct("\(name), backward", positions, inputs, outputs, right: true),
                EncoderProduct("\(name), gradient", inputs, outputs, positions, left: true),
            ]
        } + [EncoderProduct("large", 2048, 2048, 2048)]
    }

    /// Returns the products of an LSTM layer in encoding: of one sentence, of several sentences, and of a whole batch.
    public static func ofEncoding(_ encoder: EncoderConfiguration, batch: Int, window: Int) -> [EncoderProduct] {
        let (gates, cell, width) = (4 * encoder.encoder.cell, encoder.encoder.cell, encoder.width)
        let batches = [1, 16, 64].filter { $0 < batch } + [batch]
        return batches.map { EncoderProduct("state", $0, gates, width) }
            + batches.map { EncoderProduct("projection", $0, width, cell) }
            + [EncoderProduct("input", batch * window, gates, width), EncoderProduct("large", 2048, 2048, 2048)]
    }
}
