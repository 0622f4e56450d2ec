public import Kernels

/// A Transformer (Vaswani et al. 2017) with the norm before each part rather than after the residual, so that it trains without a
/// warm-up of thousands of steps (Xiong et al. 2020):
///
///     x = dropout(words + positions)
///     x = x + dropout(attention(norm(x))),  x = x + dropout(feed-forward(norm(x)))       for each layer
///     y = norm(x)
///
/// A window of text is one sequence: steps attend to earlier steps of the window, or to all, and never to other windows.
///
/// ```swift
/// let options = Transformer.Options(width: 512, heads: 8, hidden: 2048, layers: 6)
/// let encoder = Transformer("forward", options: options, in: &plan)
/// ```
public struct Transformer: SequenceEncoder {
    /// Sizes and options of a Transformer.
    ///
    /// ```swift
    /// var options = Transformer.Options(width: 768, heads: 12, hidden: 3072, layers: 12)
    /// options.function = .gelu
    /// ```
    public struct Options: Sendable {
        /// Width of states, number of heads, width inside feed-forward layers, and number of layers.
        public var width, heads, hidden, layers: Int
        /// Activation of feed-forward layers.
        public var function = HiddenFunction.relu
        /// True if a step attends to itself and earlier steps only, false if it attends to all steps of its sequence.
        public var isCausal = true
        /// Number of trained positions, the maximum length of a sequence; `nil` means that positions are sines and cosines.
        public var learnedPositions: Int?
        /// Dropout rate of the input and of what each part adds.
        public var dropout: Float = 0
        /// Dropout rate of attention weights.
        public var attentionDropout: Float = 0

        /// Creates options of a causal Transformer without dropout.
        public init(width: Int, heads: Int, hidden: Int, layers: Int) {
            (self.width, self.heads, self.hidden, self.layers) = (width, heads, hidden, layers)
        }
    }

    /// Sizes and options.
    public let options: Options
    private let layers: [TransformerLayer]
    /// Parameters of each layer, of the positions, and of the last norm.
    private let ranges: [ParameterRange]
    private let positionRange, normRange: ParameterRange
    /// Trained positions, [learned positions, width].
    private let positions: Parameter?
    private let norm: LayerNorm
    private let dropout: DropoutSite
    /// Words with their positions, and the output, [rows, width].
    private let first, output: MatrixSlot

    /// Declares the layers.
    public init(_ name: String, options: Options, in plan: inout Plan) {
        self.options = options
        let rows = plan.capacity.rows, width = options.width
        (positions, positionRange) = plan.parameters { plan in
            options.learnedPositions.map { plan.parameter("\(name).positions", [$0, width]) }
        }
        (dropout, first) = plan.memory(of: "input activations") {
            (DropoutSite(rate: options.dropout, in: &$0), $0.matrix(rows: rows, columns: width))
        }
        var layers: [TransformerLayer] = [], ranges: [ParameterRange] = []
        for index in 0..<options.layers {
            let (layer, range) = plan.memory(of: "layer\(index + 1) activations") { plan in
                plan.parameters { TransformerLayer("\(name).layer\(index + 1)", options, sharing: layers.first, in: &$0) }
            }
            layers.append(layer)
            ranges.append(range)
        }
        (self.layers, self.ranges) = (layers, ranges)
        ((norm, output), normRange) = plan.memory(of: "output activations") { plan in
            plan.parameters { (LayerNorm("\(name).norm", size: width, rows: rows, in: &$0), $0.features(rows: rows, columns: width)) }
        }
    }

    public var outputSize: Int { options.width }
    public var layerCount: Int { layers.count }
    public var factors: [Parameter] { layers.flatMap(\.factors) }

    /// Initialises weights as Glorot; those that add to the residual are divided by the square root of their number (Radford et al.
    /// 2019).
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        if let positions { parameters.fill(positions) { 0.02 * random.normal() } }
        let scale = 1 / (2 * Double(layers.count)).squareRoot()
        for layer in layers { layer.initialize(parameters, outputScale: scale, random: &random) }
        norm.initialize(parameters)
    }

    /// Returns the input of layer `index`, [rows, width].
    private func input(_ index: Int, _ shape: WindowShape, _ run: Run) -> Matrix {
        index == 0 ? run.matrix(first, rows: shape.rows) : layers[index - 1].output(shape, run)
    }

    /// Computes the output [rows, width] from `input` [rows, width].
    public func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) -> Matrix {
        run.check(shape)
        let backend = run.backend, first = run.matrix(first, rows: shape.rows), output = run.matrix(output, rows: shape.rows)
        run.begin?(positionRange)
        run.enter(.sums)
        backend.copy(input, to: first)
        addPositions(to: first, shape, run)
        run.enter(.dropout)
        if let draw = dropout.draw(run) { backend.drop(first, draw, into: first) }
        for index in layers.indices {
            run.begin?(ranges[index])
            layers[index].forward(self.input(index, shape, run), shape, run)
        }
        run.begin?(normRange)
        run.enter(.layerNorm)
        norm.forward(self.input(layers.count, shape, run), into: output, rows: 0..<shape.rows, run)
        run.enter(.other)
        return output
    }

    private func addPositions(to words: Matrix, _ shape: WindowShape, _ run: Run) {
        let backend = run.backend, own = positions.map { run.value($0) }
        if let own { precondition(shape.steps <= own.rows, "\(shape.steps) steps with \(own.rows) learned positions") }
        guard shape.steps > 0 else { return }
        guard let starts = shape.starts, let lengths = shape.lengths else {
            if let own { backend.addBlocks(own.rows(0..<shape.steps), to: words) } else { backend.addSinusoids(to: words, batch: shape.batch) }
            return
        }
        // The output's memory is free until the last norm.
        let table = own ?? run.matrix(output, rows: shape.steps)
        if own == nil {
            backend.fill(table, with: 0)
            backend.addSinusoids(to: table, batch: 1)
        }
        for sequence in 0..<shape.batch {
            let first = Int(starts[sequence]), count = Int(lengths[sequence])
            backend.add(table.rows(0..<count), to: words.rows(first..<first + count))
        }
    }

    public func backward(
        _ input: Matrix, outputGradient: Matrix, inputGradient: Matrix?, adding: Bool, _ shape: WindowShape, _ run: Run
    ) {
        precondition(shape.starts == nil, "training has sequences side by side")
        let backend = run.backend, rows = 0..<shape.rows
        run.enter(.layerNorm)
        shape.forEachEnded { backend.fill(outputGradient.rows($0), with: 0) }
        norm.backward(self.input(layers.count, shape, run), gradient: outputGradient, rows: rows, run)
        run.finish?(normRange)
        for index in layers.indices.reversed() {
            layers[index].backward(self.input(index, shape, run), gradient: outputGradient, shape, run)
            run.finish?(ranges[index])
        }
        run.enter(.dropout)
        if let draw = dropout.draw(run) { backend.drop(outputGradient, draw, into: outputGradient) }
        run.enter(.sums)
        if let positions {
            if shape.steps > 0 { backend.addBlockSums(of: outputGradient, to: run.gradient(positions).rows(0..<shape.steps)) }
            run.finish?(positionRange)
        }
        if let inputGradient {
            if adding { backend.add(outputGradient, to: inputGradient) } else { backend.copy(outputGradient, to: inputGradient) }
        }
        run.enter(.other)
    }

    /// Returns the output of a layer, [rows, width]: the sum that it passes up, and for the last layer that sum after the last
    /// norm.
    public func layerOutput(_ index: Int, _ shape: WindowShape, _ run: Run) -> Matrix {
        index == layers.count - 1 ? run.matrix(output, rows: shape.rows) : layers[index].output(shape, run)
    }
}

/// A layer of a Transformer: attention and feed-forward, each with a norm before it and a residual connection around it.
private struct TransformerLayer: Sendable {
    private let attention: SelfAttention
    private let feedForward: FeedForward
    private let attentionNorm, feedForwardNorm: LayerNorm
    private let attentionDropout, feedForwardDropout: DropoutSite
    /// Input of each part after its norm; the sum after attention; the output, [rows, width].
    private let attentionInput, feedForwardInput, middle, output: MatrixSlot
    /// Gradient of what a part adds, and of the part's input, [rows, width].
    private let partGradient, lowerGradient: MatrixSlot

    init(_ name: String, _ options: Transformer.Options, sharing other: TransformerLayer?, in plan: inout Plan) {
        let rows = plan.capacity.rows, width = options.width, working = plan.isTraining ? nil : other
        attentionNorm = LayerNorm("\(name).attention.norm", size: width, rows: rows, in: &plan)
        attention = SelfAttention(
            "\(name).attention", width: width, heads: options.heads, isCausal: options.isCausal, dropout: options.attentionDropout,
            sharing: other?.attention, in: &plan)
        feedForwardNorm = LayerNorm("\(name).feed-forward.norm", size: width, rows: rows, in: &plan)
        feedForward = FeedForward(
            "\(name).feed-forward", width: width, hidden: options.hidden, function: options.function, sharing: other?.feedForward,
            in: &plan)
        attentionDropout = DropoutSite(rate: options.dropout, in: &plan)
        feedForwardDropout = DropoutSite(rate: options.dropout, in: &plan)
        attentionInput = working?.attentionInput ?? plan.factor(rows: rows, columns: width)
        feedForwardInput = working?.feedForwardInput ?? plan.factor(rows: rows, columns: width)
        middle = working?.middle ?? plan.matrix(rows: rows, columns: width)
        output = plan.matrix(rows: rows, columns: width)
        partGradient = other?.partGradient ?? plan.gradientFactor(rows: rows, columns: width)
        lowerGradient = other?.lowerGradient ?? plan.gradient(rows: rows, columns: width)
    }

    var factors: [Parameter] { attention.factors + feedForward.factors }

    func initialize(_ parameters: ParameterStore, outputScale: Double, random: inout Random) {
        attentionNorm.initialize(parameters)
        attention.initialize(parameters, outputScale: outputScale, random: &random)
        feedForwardNorm.initialize(parameters)
        feedForward.initialize(parameters, outputScale: outputScale, random: &random)
    }

    /// Returns the output of the last forward pass, [rows, width].
    func output(_ shape: WindowShape, _ run: Run) -> Matrix { run.matrix(output, rows: shape.rows) }

    func forward(_ input: Matrix, _ shape: WindowShape, _ run: Run) {
        let backend = run.backend, count = shape.rows, rows = 0..<count
        let middle = run.matrix(middle, rows: count), output = output(shape, run)
        let attentionInput = run.matrix(attentionInput, rows: count), feedForwardInput = run.matrix(feedForwardInput, rows: count)
        run.enter(.layerNorm)
        attentionNorm.forward(input, into: attentionInput, rows: rows, run)
        attention.forward(attentionInput, into: middle, shape, run)
        run.enter(.dropout)
        backend.addResidual(input, bias: run.value(attention.outputBias), attentionDropout.draw(run), to: middle)
        run.enter(.layerNorm)
        feedForwardNorm.forward(middle, into: feedForwardInput, rows: rows, run)
        feedForward.forward(feedForwardInput, into: output, run)
        run.enter(.dropout)
        backend.addResidual(middle, bias: run.value(feedForward.outputBias), feedForwardDropout.draw(run), to: output)
    }

    /// Turns the gradient of the output into that of the input, in place.
    func backward(_ input: Matrix, gradient: Matrix, _ shape: WindowShape, _ run: Run) {
        let backend = run.backend, count = shape.rows, rows = 0..<count, middle = run.matrix(middle, rows: count)
        let part = run.matrix(partGradient, rows: count), lower = run.matrix(lowerGradient, rows: count)
        run.enter(.dropout)
        backend.addResidualBackward(gradient, feedForwardDropout.draw(run), into: part, biasGradient: run.gradient(feedForward.outputBias))
        feedForward.backward(run.matrix(feedForwardInput, rows: count), outputGradient: part, into: lower, run)
        run.enter(.layerNorm)
        feedForwardNorm.backward(middle, gradient: lower, residual: gradient, rows: rows, run)
        run.enter(.dropout)
        backend.addResidualBackward(gradient, attentionDropout.draw(run), into: part, biasGradient: run.gradient(attention.outputBias))
        attention.backward(run.matrix(attentionInput, rows: count), outputGradient: part, into: lower, shape, run)
        run.enter(.layerNorm)
        attentionNorm.backward(input, gradient: lower, residual: gradient, rows: rows, run)
    }
}
