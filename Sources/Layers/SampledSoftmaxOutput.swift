internal import Glibc
public import Kernels

/// The sampled softmax of ELMo (Jean et al. 2015; bilm-tf): each row's target against some thousand classes that are drawn
/// anew for each pass and shared by all its rows.
///
/// A logit loses the logarithm of the class's expected count among those drawn, so that in expectation the gradient is about
/// that of the full softmax; a row whose target was drawn has it once only. Classes must be sorted by frequency. Held-out
/// text is scored by the full softmax of the same weights.
///
/// A pass touches few rows of the weights: they are sparse parameters (`ParameterRows`).
public final class SampledSoftmaxOutput: OutputLayer {
    public let inputs, classes: Int
    /// The weights are [classes, inputs], the biases [classes, 1].
    public let weights: ClassWeights
    private var weight: Parameter { weights.weight }
    private let bias: Parameter
    private let name: String
    private let sampler: LogUniformSampler
    private let memory: LogitsMemory
    private let sums: SoftmaxSums
    private let packed: PackedMatrix
    /// The weights of the classes drawn and their gradient, [negatives, inputs], and the same of what is added to logits.
    private let drawn, drawnGradient, shifts, shiftGradient: FloatBuffer
    /// [chunk, inputs]
    private let scaled: FloatBuffer

    /// - Parameters:
    ///   - negatives: classes drawn for a pass, at most `classes`.
    ///   - site: different for layers that must not draw the same.
    public init(
        _ name: String, inputs: Int, classes: Int, negatives: Int, rows: Int,
        logitsBytes: Int = LogitsMemory.defaultBytes, in layout: inout ParameterLayout
    ) {
        self.name = name
        self.inputs = inputs
        self.classes = classes
        let weight = layout.declareSparse("\(name).weight", rows: classes, columns: inputs)
        let bias = layout.declareSparse("\(name).bias", rows: classes, columns: 1)
        weights = ClassWeights(weight: weight, bias: bias)
        self.bias = bias
        sampler = LogUniformSampler(classes: classes, count: negatives)
        memory = LogitsMemory(bytes: logitsBytes, classes: negatives, rows: rows)
        let chunk = min(rows, memory.rows(classes: negatives))
        sums = SoftmaxSums(rows: chunk)
        packed = PackedMatrix(rows: inputs, columns: chunk)
        scaled = FloatBuffer(count: chunk * inputs)
        drawn = FloatBuffer(count: negatives * inputs)
        drawnGradient = FloatBuffer(count: negatives * inputs)
        shifts = FloatBuffer(count: negatives)
        shiftGradient = FloatBuffer(count: negatives)
    }

    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillClasses(weight, random: &random)
        parameters.fill(bias, with: 0)
    }

    public func accumulate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, draw: Draw, statesGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute
    ) -> Double {
        compute.enter(.sampling)
        defer { compute.enter(.other) }
        let targets = targets.numbers
        var random = Random(seed: draw.seed, stream: "negatives", number: draw.step)
        sampler.draw(&random)
        gather(parameters)
        let factors = RowFactors(weights, rows: states.rows)
        var loss = 0.0, first = 0
        while first < states.rows {
            let chunk = first..<min(states.rows, first + sums.rows)
            loss += accumulate(
                states.rows(chunk), targets + first, Chunk(factors: factors, first: first), statesGradient.rows(chunk),
                parameters, compute)
            first = chunk.upperBound
        }
        compute.enter(.sampling)
        addDrawnGradients(parameters)
        return loss
    }

    /// The factors of a chunk's rows.
    private struct Chunk {
        let factors: RowFactors
        let first: Int

        subscript(row: Int) -> Double { factors[first + row] }
    }

    /// Copies the weights of the classes drawn to one place.
    private func gather(_ parameters: ParameterStore) {
        let weights = parameters.value(weight), biases = parameters.value(bias).start
        for (place, number) in sampler.drawn.enumerated() {
            (drawn.start + place * inputs).update(from: weights.row(Int(number)), count: inputs)
            shifts.start[place] = shift(Int(number), biases)
        }
        drawnGradient.fill(0)
        shiftGradient.fill(0)
    }

    /// What is added to the product of a class.
    private func shift(_ number: Int, _ biases: UnsafePointer<Float>) -> Float {
        biases[number] - Float(log(sampler.expectedCount(number)))
    }

    private func accumulate(
        _ states: Matrix, _ targets: UnsafePointer<Int32>, _ factors: Chunk, _ statesGradient: Matrix,
        _ parameters: ParameterStore, _ compute: Compute
    ) -> Double {
        let negatives = sampler.drawn.count
        let drawn = Matrix(drawn, rows: negatives, columns: inputs)
        let logits = Matrix(memory.buffer, rows: negatives, columns: states.rows)
        compute.enter(.outputProducts)
        compute.pack(states.transposed, into: packed)
        compute.multiply(drawn, packed, into: logits)
        compute.enter(.loss)
        for row in 0..<states.rows {
            if let place = sampler.place(of: Int(targets[row])) { logits.row(place)[row] = -.infinity }
        }
        sums.highest(of: logits, bias: shifts.start, compute)
        targetLogits(states, targets, parameters)
        sums.exponentials(of: logits, bias: shifts.start, compute)
        let scaled = Matrix(scaled, rows: states.rows, columns: inputs)
        var loss = 0.0
        for row in 0..<states.rows {
            sums.add(exp(Double(sums.targets.start[row] - sums.highest.start[row])), toRow: row)
            let factor = factors[row]
            if factor != 0 { loss += factor * (sums.logTotal(row) - Double(sums.targets.start[row])) }
            sums.factors.start[row] = Float(factor / sums.total(row))
            Vector.scaled(states.row(row), by: sums.factors.start[row], into: scaled.row(row), count: inputs)
        }
        sums.addWeighted(logits, to: shiftGradient.start, compute)
        compute.enter(.outputProducts)
        compute.multiply(logits, scaled, into: Matrix(drawnGradient, rows: negatives, columns: inputs), adding: true)
        compute.multiply(logits.transposed, drawn, into: statesGradient)
        compute.enter(.loss)
        addTargetGradients(states, targets, factors, statesGradient, parameters)
        return loss
    }

    /// The targets' own logits, and the highest with them.
    private func targetLogits(_ states: Matrix, _ targets: UnsafePointer<Int32>, _ parameters: ParameterStore) {
        let weights = parameters.value(weight), biases = parameters.value(bias).start
        for row in 0..<states.rows {
            let target = Int(targets[row])
            let logit = Float(Vector.dot(states.row(row), weights.row(target), count: inputs)) + shift(target, biases)
            sums.targets.start[row] = logit
            // Not max, which would let NaN pass.
            if !(logit <= sums.highest.start[row]) { sums.highest.start[row] = logit }
        }
    }

    /// What the targets give and get: d loss / d logit = factor x (probability - 1).
    private func addTargetGradients(
        _ states: Matrix, _ targets: UnsafePointer<Int32>, _ factors: Chunk, _ statesGradient: Matrix,
        _ parameters: ParameterStore
    ) {
        let weights = parameters.rows(weight), biases = parameters.rows(bias)
        for row in 0..<states.rows where factors[row] != 0 {
            weights.touch(Int(targets[row]))
            biases.touch(Int(targets[row]))
        }
        for row in 0..<states.rows {
            let target = Int(targets[row]), below = statesGradient.row(row)
            Vector.scale(below, by: sums.factors.start[row], count: inputs)
            guard factors[row] != 0 else { continue }
            let probability = exp(Double(sums.targets.start[row]) - sums.logTotal(row))
            let slope = Float(factors[row] * (probability - 1))
            Vector.add(weights.value(target), times: slope, to: below, count: inputs)
            Vector.add(states.row(row), times: slope, to: weights.gradient(target), count: inputs)
            biases.gradient(target)[0] += slope
        }
    }

    private func addDrawnGradients(_ parameters: ParameterStore) {
        let weights = parameters.rows(weight), biases = parameters.rows(bias)
        for number in sampler.drawn {
            weights.touch(Int(number))
            biases.touch(Int(number))
        }
        for (place, number) in sampler.drawn.enumerated() {
            Vector.add(drawnGradient.start + place * inputs, to: weights.gradient(Int(number)), count: inputs)
            biases.gradient(Int(number))[0] += shiftGradient.start[place]
        }
    }

    public func evaluate(
        _ states: Matrix, _ targets: Targets, weights: UnsafePointer<Float>?, _ parameters: ParameterStore,
        _ compute: Compute
    ) -> Double {
        self.weights.loss(
            states, targets: targets.numbers, factors: RowFactors(weights, rows: states.rows), parameters, compute)
    }

    public var activationBytes: Int {
        [drawn, drawnGradient, shifts, shiftGradient, scaled].reduce(0) { $0 + $1.bytes } + memory.bytes + sums.bytes
            + packed.bytes
    }
}
