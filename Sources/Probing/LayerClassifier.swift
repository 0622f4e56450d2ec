import Kernels
import Layers

/// A linear classifier of tokens on a learned mix of their layers: softmax(W y + b), y the `ScalarMix`.
final class LayerClassifier {
    private let mix: ScalarMix
    private let output: SoftmaxOutput
    private let parameters: ParameterStore
    /// The weights that were kept, of the same layout.
    private let kept: ParameterStore
    private let compute: Compute
    private let rows, classes: Int
    /// [rows, layers x width], [rows, width] twice, [rows, classes]
    private let input, mixed, gradient, logits: FloatBuffer
    private var targets: [Int32] = []
    private var step = 0

    /// - Parameter rows: of a step at most.
    init(layers: Int, width: Int, classes: Int, rows: Int, random: inout Random, _ compute: Compute) {
        var layout = ParameterLayout()
        mix = ScalarMix("mix", layers: layers, width: width, in: &layout)
        output = SoftmaxOutput("classifier", inputs: width, classes: classes, rows: rows, in: &layout)
        parameters = ParameterStore(layout, training: Adam())
        kept = ParameterStore(layout, training: nil)
        self.compute = compute
        self.rows = rows
        self.classes = classes
        input = FloatBuffer(count: rows * layers * width)
        mixed = FloatBuffer(count: rows * width)
        gradient = FloatBuffer(count: rows * width)
        logits = FloatBuffer(count: rows * classes)
        mix.initialize(parameters)
        output.initialize(parameters, random: &random)
    }

    /// The share of each layer in the mix, [layers], and the factor of it all.
    var layerShares: [Double] { mix.layerShares(parameters) }
    var gamma: Double { Double(parameters.value(mix.gain).start[0]) }

    func keep() { kept.copyValues(of: parameters) }
    func restore() { parameters.copyValues(of: kept) }

    /// A step of Adam on the mean loss of `tokens`, at most `rows`.
    /// - Parameter labels: [tokens of the features], the class of each.
    func train(_ features: ProbeFeatures, tokens: ArraySlice<Int>, labels: [Int32], rate: Float, decay: Float) {
        let (input, mixed) = mix(features, tokens)
        let gradient = Matrix(gradient, rows: tokens.count, columns: mix.width)
        targets.removeAll(keepingCapacity: true)
        for token in tokens { targets.append(labels[token]) }
        step += 1
        targets.withUnsafeBufferPointer { targets in
            guard let start = targets.baseAddress else { return }
            _ = output.accumulate(
                mixed, .classes(start), weights: nil, draw: Draw(seed: 0, step: step), statesGradient: gradient, parameters,
                compute)
        }
        mix.backward(input, outputGradient: gradient, inputGradient: nil, parameters, compute)
        var update = ParameterStore.Update(step: step, rate: rate, clip: nil)
        update.weightDecay = decay
        parameters.update(update, compute: compute)
    }

    /// The likeliest class of each of `tokens`; the first of equals.
    func predict(_ features: ProbeFeatures, tokens: [Int]) -> [Int32] {
        let weight = parameters.value(output.softmax.weight)
        let bias = output.softmax.bias.map { parameters.value($0).start }
        var predictions: [Int32] = []
        predictions.reserveCapacity(tokens.count)
        for start in stride(from: 0, to: tokens.count, by: rows) {
            let part = tokens[start..<min(start + rows, tokens.count)]
            let (_, mixed) = mix(features, part)
            let logits = Matrix(logits, rows: part.count, columns: classes)
            compute.multiply(mixed, weight.transposed, into: logits)
            for row in 0..<part.count {
                if let bias { Vector.add(bias, to: logits.row(row), count: classes) }
                var best = 0
                for label in 1..<max(1, classes) where logits.row(row)[label] > logits.row(row)[best] { best = label }
                predictions.append(Int32(best))
            }
        }
        return predictions
    }

    /// The layers of tokens and their mix.
    private func mix(_ features: ProbeFeatures, _ tokens: ArraySlice<Int>) -> (input: Matrix, mixed: Matrix) {
        let input = Matrix(input, rows: tokens.count, columns: mix.layers * mix.width)
        for (row, token) in tokens.enumerated() {
            input.row(row).update(from: features.matrix.row(token), count: input.columns)
        }
        let mixed = Matrix(mixed, rows: tokens.count, columns: mix.width)
        mix.forward(input, into: mixed, parameters, compute)
        return (input, mixed)
    }
}
