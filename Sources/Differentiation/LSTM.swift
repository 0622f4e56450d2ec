@_spi(HostMemory) public import Kernels
public import Layers
internal import Parallel

/// Long short-term memory over sentences of different lengths, in one direction (Hochreiter and Schmidhuber 1997):
///
///     i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of x_t W + h_{t-1} U + b
///     c_t = i * g + f * c_{t-1},    h_t = o * tanh(c_t)
///
/// With a highway connection (Srivastava et al. 2015; Zhang et al. 2016; He et al. 2017), another gate lets the input pass by:
///
///     r = sigmoid(x_t W_r + h_{t-1} U_r + b_r),    h_t = r * o * tanh(c_t) + (1 - r) * x_t W_h
///
/// Recurrent dropout multiplies h_{t-1}, as input to the gates, by factors that are the same at all steps of a sentence (Gal and
/// Ghahramani 2016), as in AllenNLP. Unlike in He et al.'s formula, the layer's output is not dropped.
public struct LSTM: Sendable {
    /// Width of the input, and number of units.
    public let inputs, size: Int
    /// True if the layer reads each sentence from its end.
    public let readsFromEnd: Bool
    private let hasHighway: Bool
    private let recurrentDropout: Float
    /// Weights of the input, [inputs, 4 size], or [inputs, 6 size] with a highway connection: those of its gate and of the input
    /// that passes by come last.
    public let inputWeight: Parameter
    /// Weights of the state, [size, 4 size] or [size, 5 size].
    public let recurrentWeight: Parameter
    /// Biases, [4 size] or [5 size].
    public let bias: Parameter

    /// Number of gates that depend on the state.
    private var gates: Int { hasHighway ? 5 : 4 }

    /// Declares the layer.
    public init(
        _ name: String, inputs: Int, size: Int, readsFromEnd: Bool = false, highway: Bool = false, recurrentDropout: Float = 0,
        in plan: inout Plan
    ) {
        (self.inputs, self.size, self.readsFromEnd) = (inputs, size, readsFromEnd)
        (hasHighway, self.recurrentDropout) = (highway, recurrentDropout)
        let gates = highway ? 5 : 4
        inputWeight = plan.parameter("\(name).input.weight", [inputs, (highway ? 6 : 4) * size])
        recurrentWeight = plan.parameter("\(name).recurrent.weight", [size, gates * size])
        bias = plan.parameter("\(name).bias", [gates * size])
    }

    /// Initialises recurrent weights as orthogonal and input weights as Glorot, each gate separately, and the biases of the forget
    /// gates with 1.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        parameters.fillGlorot(inputWeight, inputs: inputs, outputs: size, random: &random)
        parameters.fillOrthogonal(recurrentWeight, blocks: gates, random: &random)
        openForgetGates(parameters)
    }

    /// Sets the biases of the forget gates to 1, and the others to 0 (Jozefowicz, Zaremba and Sutskever 2015).
    func openForgetGates(_ parameters: ParameterStore) {
        let size = size
        var index = 0
        parameters.fill(bias) {
            defer { index += 1 }
            return index / size == 1 ? 1 : 0
        }
    }

    /// Computes the outputs at all words, from [rows, inputs] to [rows, size].
    public func forward(_ input: Node, _ sentences: Sequences, on tape: Tape) -> Node {
        let pass = prepare(input, sentences, on: tape)
        pass.forward(tape.backend)
        tape.record { pass.backward(tape.backend) }
        return pass.output
    }

    /// Computes the outputs of two layers over the same input in parallel, and returns them side by side, [rows, one's size +
    /// other's size].
    public static func forward(
        _ one: LSTM, _ other: LSTM, _ input: Node, _ sentences: Sequences, on tape: Tape
    ) -> Node {
        let output = tape.node(rows: sentences.rows, columns: one.size + other.size)
        let passes = [
            one.prepare(input, sentences, into: tape.columns(0..<one.size, of: output), on: tape),
            other.prepare(input, sentences, into: tape.columns(one.size..<output.columns, of: output), on: tape),
        ]
        let backends = tape.backendsSideBySide(2), pool = tape.backend.pool
        for pass in passes { pass.multiplyInput(tape.backend) }
        pool.forEach(2) { passes[$0].run(backends[$0]) }
        tape.record {
            pool.forEach(2) { passes[$0].runBackward(backends[$0]) }
            for pass in passes { pass.multiplyGradients(tape.backend) }
        }
        return output
    }

    private func prepare(_ input: Node, _ sentences: Sequences, into output: Node? = nil, on tape: Tape) -> Pass {
        precondition(input.columns == inputs && input.rows == sentences.rows)
        let rows = sentences.rows, output = output ?? tape.node(rows: rows, columns: size)
        let gates = self.gates * size, products = hasHighway ? gates + size : gates
        func memory(_ columns: Int) -> Matrix { tape.memory(rows: rows, columns: columns) }
        let draw = tape.draw(rate: recurrentDropout)
        let factors = draw.map { draw in
            let factors = tape.memory(rows: sentences.count, columns: size)
            tape.backend.fill(factors, with: draw)
            return factors
        }
        return Pass(
            layer: self, sentences: sentences, order: readsFromEnd ? sentences.rowsFromEnd : sentences.rowsFromBeginning,
            input: input, output: output, inputWeight: tape.value(inputWeight), recurrentWeight: tape.value(recurrentWeight),
            bias: tape.value(bias), products: memory(products), gates: memory(products), cells: memory(size), memories: memory(size),
            states: memory(size), factors: factors, zeros: tape.zeros(rows: sentences.count, columns: size),
            packed: tape.memory(rows: 1, columns: tape.backend.packedCount(rows: size, columns: gates)),
            stateGradient: tape.isTraining ? memory(size) : nil,
            cellGradient: tape.isTraining ? tape.memory(rows: sentences.count, columns: size) : nil,
            previous: tape.isTraining ? memory(size) : nil,
            dropped: factors == nil ? nil : tape.memory(rows: sentences.count, columns: size))
    }

    /// The memory of one pass. All matrices over words except products, input and output are ordered step by step.
    private struct Pass: @unchecked Sendable {
        let layer: LSTM
        let sentences: Sequences
        /// The row of input and output at each row of this order.
        let order: Numbers
        let input, output: Node
        let inputWeight, recurrentWeight, bias: Node
        /// Products of the input with the weights, in the order of the input, [rows, 4 size], or [rows, 6 size] with a highway
        /// connection.
        let products: Matrix
        let gates, cells, memories, states: Matrix
        /// Factors of recurrent dropout, the longest sentence first, [sentences, size].
        let factors: Matrix?
        /// Zeros, [sentences, size].
        let zeros: Matrix
        let packed: Matrix
        /// Gradients of the states, [rows, size], and of the cells at one step, [sentences, size].
        let stateGradient, cellGradient: Matrix?
        /// The state before each row, times the factors.
        let previous: Matrix?
        /// Gradient of the states before one step; needed only with factors.
        let dropped: Matrix?

        private var size: Int { layer.size }
        private var gateCount: Int { layer.gates * layer.size }

        private func rows(at step: Int) -> Range<Int> {
            sentences.offsets[step]..<sentences.offsets[step] + sentences.active[step]
        }

        func forward(_ backend: ProcessorBackend) {
            multiplyInput(backend)
            run(backend)
        }

        func multiplyInput(_ backend: ProcessorBackend) { backend.multiply(input.value, inputWeight.value, into: products) }

        func run(_ backend: ProcessorBackend) {
            backend.gather(order, of: products, into: gates)
            let weight = backend.pack(recurrentWeight.value, into: packed)
            for step in 0..<sentences.longest {
                let rows = rows(at: step), gates = gates.rows(rows), stepped = gates.columns(0..<gateCount)
                var before = zeros.rows(0..<rows.count)
                if step > 0 {
                    let first = sentences.offsets[step - 1], last = first..<first + rows.count
                    var state = states.rows(last)
                    if let factors, let previous {
                        backend.copy(state, to: previous.rows(rows))
                        state = previous.rows(rows)
                        backend.multiply(state, by: factors)
                    }
                    backend.multiply(state, weight, into: stepped, adding: true)
                    before = cells.rows(last)
                }
                let own = gates.columns(0..<4 * size), states = states.rows(rows)
                backend.lstmStep(
                    gates: own, bias: bias.value.columns(0..<4 * size), previous: before, cells: cells.rows(rows),
                    outputs: memories.rows(rows), clip: .infinity)
                if layer.hasHighway {
                    let gate = gates.columns(4 * size..<5 * size)
                    backend.addRow(bias.value.columns(4 * size..<5 * size), to: gate)
                    backend.activate(gate, .sigmoid)
                    for row in 0..<rows.count { pass(row, gates: gates, memories: memories.rows(rows), into: states) }
                } else {
                    backend.copy(memories.rows(rows), to: states)
                }
            }
            for row in 0..<order.count {
                output.value.row(Int(order[row])).update(from: states.row(row), count: size)
            }
        }

        /// Computes h = r m + (1 - r) x.
        private func pass(_ row: Int, gates: Matrix, memories: Matrix, into states: Matrix) {
            let r = gates.row(row) + 4 * size, x = r + size, m = memories.row(row), h = states.row(row)
            for index in 0..<size { h[index] = x[index] + r[index] * (m[index] - x[index]) }
        }

        /// From `gradient`, that of h, computes the gradients of r before its sigmoid and of x, and replaces `gradient` by that of
        /// m.
        private func passBackward(_ row: Int, gates: Matrix, memories: Matrix, gradient: Matrix) {
            let r = gates.row(row) + 4 * size, x = r + size, m = memories.row(row), d = gradient.row(row)
            for index in 0..<size {
                let share = r[index], given = d[index]
                r[index] = given * (m[index] - x[index]) * share * (1 - share)
                x[index] = given * (1 - share)
                d[index] = given * share
            }
        }

        func backward(_ backend: ProcessorBackend) {
            runBackward(backend)
            multiplyGradients(backend)
        }

        func runBackward(_ backend: ProcessorBackend) {
            guard let stateGradient, let cellGradient, let previous, let outputGradient = output.gradient else { return }
            backend.gather(order, of: outputGradient, into: stateGradient)
            backend.fill(cellGradient, with: 0)
            let weight = backend.pack(recurrentWeight.value.transposed, into: packed)
            for step in (0..<sentences.longest).reversed() {
                let rows = rows(at: step), gates = gates.rows(rows), gradient = stateGradient.rows(rows)
                if layer.hasHighway {
                    for row in 0..<rows.count { passBackward(row, gates: gates, memories: memories.rows(rows), gradient: gradient) }
                }
                let first = step > 0 ? sentences.offsets[step - 1] : 0, last = first..<first + rows.count
                let before = step > 0 ? cells.rows(last) : zeros.rows(0..<rows.count)
                backend.lstmStepBackward(
                    gates: gates.columns(0..<4 * size), bias: bias.value.columns(0..<4 * size), previous: before,
                    cells: cells.rows(rows), outputGradient: gradient, cellGradient: cellGradient.rows(0..<rows.count), clip: .infinity,
                    recomputesOutputs: true)
                guard step > 0 else {
                    backend.fill(previous.rows(rows), with: 0)
                    continue
                }
                let stepped = gates.columns(0..<gateCount)
                if let factors, let dropped {
                    // `previous` holds the previous states already.
                    let gradient = dropped.rows(0..<rows.count)
                    backend.multiply(stepped, weight, into: gradient, adding: false)
                    backend.multiply(gradient, by: factors)
                    backend.add(gradient, to: stateGradient.rows(last))
                } else {
                    backend.multiply(stepped, weight, into: stateGradient.rows(last), adding: true)
                    backend.copy(states.rows(last), to: previous.rows(rows))
                }
            }
            // Restores the order of the input.
            for row in 0..<order.count { products.row(Int(order[row])).update(from: gates.row(row), count: products.columns) }
        }

        /// Computes the gradients of the weights and of the input.
        func multiplyGradients(_ backend: ProcessorBackend) {
            guard let previous, let inputGradient = inputWeight.gradient, let recurrentGradient = recurrentWeight.gradient,
                let biasGradient = bias.gradient
            else { return }
            let stepped = gates.columns(0..<gateCount)
            backend.multiply(previous.transposed, stepped, into: recurrentGradient, adding: true)
            backend.addColumnSums(of: stepped, to: biasGradient)
            backend.multiply(input.value.transposed, products, into: inputGradient, adding: true)
            if let target = input.gradient { backend.multiply(products, inputWeight.value.transposed, into: target, adding: true) }
        }
    }
}

/// Two LSTM layers over the same input, one reading each sentence from its start and one from its end (Graves and Schmidhuber
/// 2005): [rows, inputs] to [rows, 2 size].
public struct BidirectionalLSTM: Sendable {
    /// The layer that reads from the start, and the layer that reads from the end.
    public let fromBeginning, fromEnd: LSTM
    /// Width of the output.
    public var width: Int { 2 * fromBeginning.size }

    /// Declares both layers.
    public init(_ name: String, inputs: Int, size: Int, in plan: inout Plan) {
        fromBeginning = LSTM("\(name).forward", inputs: inputs, size: size, in: &plan)
        fromEnd = LSTM("\(name).backward", inputs: inputs, size: size, readsFromEnd: true, in: &plan)
    }

    /// Sets the initial weights of both layers.
    public func initialize(_ parameters: ParameterStore, random: inout Random) {
        fromBeginning.initialize(parameters, random: &random)
        fromEnd.initialize(parameters, random: &random)
    }

    /// Computes the outputs of both layers at all words.
    public func forward(_ input: Node, _ sentences: Sequences, on tape: Tape) -> Node {
        LSTM.forward(fromBeginning, fromEnd, input, sentences, on: tape)
    }
}
